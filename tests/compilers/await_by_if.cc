// What to write instead of a conditional await and of an await in a braced initialisation.
//
// expect g++: runs
// expect clang: runs
#include "coroutine.h"

struct Pair {
  trap::Counted first;
  int second = 0;
};

trap::Job<trap::Counted> make(trap::Tally& tally) { co_return trap::Counted(tally); }

trap::Job<trap::Counted> choose(bool which, trap::Tally& tally) {
  if (which) co_return co_await make(tally);
  co_return co_await make(tally);
}

int second_of(const Pair& pair) { return pair.second; }

trap::Job<int> caller(bool which, trap::Tally& tally) {
  trap::Counted first = co_await choose(which, tally);
  Pair pair{std::move(first), 3};
  co_return second_of(pair);
}

int main() {
  trap::Tally tally;
  if (caller(true, tally).run() != 3 || caller(false, tally).run() != 3) return 4;
  return trap::verdict(tally);
}
