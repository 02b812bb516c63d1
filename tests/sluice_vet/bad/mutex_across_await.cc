// Locks that are held while others run.
#include "sluice_vet/board.h"

#include <shared_mutex>

namespace board::mutex_across_await {

class Board {
 public:
  sluice::Task<> add() {
    const std::lock_guard lock(mutex_);  // expect: mutex-across-await
    co_await by_value("a");
  }
  sluice::Task<> add_all() {
    for (int i = 0; i < 3; ++i) {
      std::scoped_lock lock(mutex_);  // expect: mutex-across-await
      if (i > 1) {
        co_await by_value("a");
      }
    }
  }
  sluice::Task<> look() {
    std::shared_lock lock(shared_);  // expect: mutex-across-await
    co_await by_value("a");
    lock.unlock();
  }
  sluice::Task<> again() {
    std::unique_lock lock(mutex_);  // expect: mutex-across-await
    lock.unlock();
    co_await by_value("a");
    lock.lock();
    co_await by_value("b");
  }

 private:
  std::mutex mutex_;
  std::shared_mutex shared_;
};

}  // namespace board::mutex_across_await
