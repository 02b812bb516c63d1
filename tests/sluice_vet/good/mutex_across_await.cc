// Locks that are let go of first.
#include "sluice_vet/board.h"

namespace board::mutex_across_await {

class Board {
 public:
  sluice::Task<> add(sluice::Runtime& runtime) {
    {
      const std::lock_guard lock(mutex_);
      ++count_;
    }
    co_await by_value("a");
    std::unique_lock lock(mutex_);
    ++count_;
    lock.unlock();
    co_await by_value("b");
    std::unique_lock later(mutex_, std::defer_lock);
    co_await by_value("c");
    co_await runtime.run_blocking([this] {
      const std::lock_guard inner(mutex_);
      ++count_;
    });
    const std::lock_guard last(mutex_);
    const auto unrelated = [] { return by_value("d"); };
    const auto coroutine = [](std::string text) -> sluice::Task<> { co_await by_value(text); };
    (void)unrelated, (void)coroutine;
  }
  int count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  int count_ = 0;
};

}  // namespace board::mutex_across_await
