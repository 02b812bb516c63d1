// BlockingPool: threads that come with the first work and stay until the end.
#include "sluice/async/blocking.h"

#include <string>
#include <system_error>

namespace sluice::inline v0 {

BlockingPool::~BlockingPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  for (std::thread& t : threads_) {
    if (t.get_id() == std::this_thread::get_id())
      detail::fail(
          "a BlockingPool, or its Runtime, was destroyed on one of its own workers, in run_blocking");
    t.join();
  }
}

bool BlockingPool::try_withdraw(Work& work) {
  const std::lock_guard lock(mutex_);
  return std::erase(queue_, &work) > 0;
}

Status BlockingPool::submit(Work& work, Loop& loop) {
  if (loop.simulation()) return loop.post(work), Status();
  const std::lock_guard lock(mutex_);
  if (idle_ <= queue_.size() && threads_.size() < max_threads_) {
    try {
      threads_.emplace_back([this] { worker(); });
    } catch (const std::system_error& e) {
      if (threads_.empty())
        return Status(StatusCode::kResourceExhausted,
                      std::string("cannot start a worker thread: ") + e.what());
    }
  }
  if (threads_.empty())
    return Status(StatusCode::kFailedPrecondition, "run_blocking needs blocking_threads above 0");
  queue_.push_back(&work);
  wake_.notify_one();
  return {};
}

unsigned BlockingPool::threads_started() const {
  const std::lock_guard lock(mutex_);
  return static_cast<unsigned>(threads_.size());
}

void BlockingPool::worker() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) return;
    Work* work = queue_.front();
    queue_.pop_front();
    lock.unlock();
    work->run();
    lock.lock();
  }
}

}  // namespace sluice::inline v0
