// A temporary with a destructor that is no aggregate: a class with a constructor is safe inside a co_await.
//
// expect g++: runs
// expect clang: runs
#include "coroutine.h"

class Options {
 public:
  Options(trap::Counted owner, int limit) : owner_(std::move(owner)), limit_(limit) {}
  int limit() const { return limit_; }

 private:
  trap::Counted owner_;
  int limit_;
};

trap::Job<int> call(const Options& options) { co_return options.limit(); }

trap::Job<int> caller(trap::Tally& tally) { co_return co_await call(Options(trap::Counted(tally), 7)); }

int main() {
  trap::Tally tally;
  if (caller(tally).run() != 7) return 4;
  return trap::verdict(tally);
}
