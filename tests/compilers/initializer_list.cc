// A braced list that becomes an initializer_list inside a co_await expression.
//
// expect g++-12: does-not-compile
// expect clang: runs
//
// Why metadata in CallOptions is a view with a fixed number of places, not a list.
#include <initializer_list>

#include "coroutine.h"

trap::Job<int> sum(std::initializer_list<int> numbers) {
  int total = 0;
  for (int n : numbers) total += n;
  co_return total;
}

trap::Job<int> caller() { co_return co_await sum({1, 2, 4}); }

int main() { return caller().run() == 7 ? 0 : 3; }
