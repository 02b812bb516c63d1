// `Aggregate{co_await x, 3}`: an await in the middle of a braced initialisation.
//
// expect g++-12: unbalanced
// expect clang: runs
//
// Why tools/vet refuses it (no-await-in-aggregate).
#include "coroutine.h"

struct Pair {
  trap::Counted first;
  int second = 0;
};

trap::Job<trap::Counted> make(trap::Tally& tally) { co_return trap::Counted(tally); }

int second_of(Pair pair) { return pair.second; }

trap::Job<int> caller(trap::Tally& tally) { co_return second_of(Pair{co_await make(tally), 3}); }

int main() {
  trap::Tally tally;
  if (caller(tally).run() != 3) return 4;
  return trap::verdict(tally);
}
