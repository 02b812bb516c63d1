// `c ? co_await a : co_await b` with results that own something.
//
// expect g++-12: unbalanced    it destroys the result of the arm taken twice, without a warning
// expect clang: runs
//
// Why tools/vet refuses it (no-conditional-await).
#include "coroutine.h"

trap::Job<trap::Counted> make(trap::Tally& tally) { co_return trap::Counted(tally); }

trap::Job<int> caller(bool which, trap::Tally& tally) {
  trap::Counted got = which ? co_await make(tally) : co_await make(tally);
  static_cast<void>(got);
  co_return 7;
}

int main() {
  trap::Tally tally;
  if (caller(true, tally).run() != 7 || caller(false, tally).run() != 7) return 4;
  return trap::verdict(tally);
}
