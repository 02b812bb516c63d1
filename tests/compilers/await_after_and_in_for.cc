// `for (; a && co_await b;)`: as with while.
//
// expect g++-12: wrong    it awaits b first and looks at a afterwards: what b brought last is lost
// expect clang: runs
//
// Why tools/vet refuses it (no-await-after-and).
#include "coroutine.h"

struct Read {
  Read(trap::Tally& tally, bool m) : more(m), counted(tally) {}
  bool await_ready() const { return true; }
  void await_suspend(std::coroutine_handle<>) const {}
  bool await_resume() const { return more; }
  bool more;
  trap::Counted counted;
};

trap::Job<int> rounds(int left, trap::Tally& tally) {
  int n = 0;
  for (; left > 0 && co_await Read(tally, --left >= 0);) ++n;
  co_return n;
}

int main() {
  trap::Tally tally;
  const int n = rounds(3, tally).run();
  std::printf("%d rounds of 3\n", n);
  return n == 3 ? trap::verdict(tally) : 4;
}
