// An aggregate temporary with a destructor, as an argument inside a co_await expression.
//
// expect g++-12: unbalanced    it destroys the temporary's member twice, without a warning
// expect clang: runs
//
// Why CallOptions and its like are trivially destructible.
#include "coroutine.h"

struct Options {
  trap::Counted owner;
  int limit = 0;
};

trap::Job<int> call(Options options) { co_return options.limit; }

trap::Job<int> caller(trap::Tally& tally) {
  co_return co_await call({.owner = trap::Counted(tally), .limit = 7});
}

int main() {
  trap::Tally tally;
  if (caller(tally).run() != 7) return 4;
  return trap::verdict(tally);
}
