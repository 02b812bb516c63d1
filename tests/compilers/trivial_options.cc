// The rule's answer: an options struct that is trivially destructible may be a temporary inside a co_await,
// with views and pointers in it; what it views lives in the same full expression.
//
// expect g++: runs
// expect clang: runs
#include <string>
#include <string_view>
#include <type_traits>

#include "coroutine.h"

struct Options {
  std::string_view name = {};
  int limit = 0;
  std::string* out = nullptr;
};
static_assert(std::is_trivially_destructible_v<Options>);

trap::Job<int> call(const Options& options) {
  *options.out = std::string(options.name);
  co_return options.limit;
}

trap::Job<int> caller(std::string& out) {
  co_return co_await call({.name = std::string(100, 'x'), .limit = 7, .out = &out});
}

int main() {
  std::string out;
  if (caller(out).run() != 7) return 4;
  return out == std::string(100, 'x') ? 0 : 3;
}
