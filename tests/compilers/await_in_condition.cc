// `if (!(co_await x).ok())` in a coroutine that has no variable of its own.
//
// expect g++-12: crashes    resume() runs nothing of the body, and the frame has no function that destroys it
// expect clang: runs
//
// What to write instead: await into a variable, or `if (Status s = co_await x; !s.ok())`.
#include "coroutine.h"

struct Result {
  bool ok() const { return true; }
  trap::Counted counted;
};

struct Write {
  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<>) const { return false; }
  Result await_resume() const { return Result{trap::Counted(tally)}; }
  trap::Tally& tally;
};

trap::Job<int> handler(int& begun, trap::Tally& tally) {
  ++begun;
  if (!(co_await Write{tally}).ok()) co_return 1;
  co_return 2;
}

int main() {
  trap::Tally tally;
  int begun = 0;
  if (handler(begun, tally).run() != 2 || begun != 1) return 4;
  return trap::verdict(tally);
}
