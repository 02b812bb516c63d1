// The way out: await_suspend resumes the child and returns false when the child ended inline. Three million
// awaits use the stack of one.
//
// expect g++: runs
// expect clang: runs
#include "coroutine.h"

trap::Job<int> child(int i) { co_return i & 1; }

trap::Job<int> parent(int awaits) {
  int odd = 0;
  for (int i = 0; i < awaits; ++i) odd += co_await child(i);
  co_return odd;
}

int main() { return parent(3'000'000).run() == 1'500'000 ? 0 : 3; }
