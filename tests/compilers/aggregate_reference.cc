// The same aggregate temporary, taken by reference: the rule is about the temporary, not about how it is
// passed.
//
// expect g++-12: unbalanced
// expect clang: runs
#include "coroutine.h"

struct Options {
  trap::Counted owner;
  int limit = 0;
};

trap::Job<int> call(const Options& options) { co_return options.limit; }

trap::Job<int> caller(trap::Tally& tally) {
  co_return co_await call({.owner = trap::Counted(tally), .limit = 7});
}

int main() {
  trap::Tally tally;
  if (caller(tally).run() != 7) return 4;
  return trap::verdict(tally);
}
