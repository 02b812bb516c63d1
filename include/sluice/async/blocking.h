// Blocking work off the loops: a few threads that start when the first work comes.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "sluice/async/task.h"

namespace sluice::inline v0 {

// Thread: submit from any. Lifetime: the destructor finishes what was submitted and joins the threads; on one
// of them it ends the process.
// Under a simulation no thread is ever made: the work runs as one more ready item of the loop.
class BlockingPool {
 public:
  explicit BlockingPool(unsigned max_threads) : max_threads_(max_threads) {}
  ~BlockingPool();

  class Work : public Runnable {
   public:
    using Runnable::Runnable;
  };
  // Runs `work` on a worker thread, or on `loop` in a simulation. RESOURCE_EXHAUSTED if no thread can be
  // made, FAILED_PRECONDITION if none may be.
  Status submit(Work& work, Loop& loop);
  // Any thread. True: `work` had not begun, and will not.
  bool try_withdraw(Work& work);
  unsigned threads_started() const;

 private:
  void worker();
  const unsigned max_threads_;
  mutable std::mutex mutex_;
  // Under mutex_.
  std::condition_variable wake_;
  std::deque<Work*> queue_;
  std::vector<std::thread> threads_;
  unsigned idle_ = 0;
  bool stopping_ = false;
};

// `R r = co_await run_blocking(pool, fn);`: calls fn() where it may block, and resumes on the coroutine's
// loop. Rethrows what fn threw, and throws submit()'s failure as a StatusError. fn may call get(), since its
// thread leads no loop; not in a simulation, where it runs on the loop and get() fails with
// FAILED_PRECONDITION.
template <class Fn>
class RunBlocking : BlockingPool::Work {
  using R = std::invoke_result_t<Fn&>;
  using Stored = std::conditional_t<std::is_void_v<R>, bool, R>;

 public:
  RunBlocking(BlockingPool& pool, Fn fn) : Work(&work), pool_(pool), fn_(std::move(fn)) {}
  bool await_ready() const noexcept { return false; }
  template <detail::TaskPromise P>
  SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
    parent_ = &h.promise();
    if (Status s = pool_.submit(*this, parent_->loop()); !s.ok()) {
      error_ = std::make_exception_ptr(StatusError(std::move(s)));
      return false;
    }
    return true;
  }
  R await_resume() {
    if (error_) std::rethrow_exception(std::move(error_));
    if constexpr (!std::is_void_v<R>) return std::move(*value_);
  }

 private:
  static void work(Runnable& self) noexcept {
    auto& w = static_cast<RunBlocking&>(static_cast<Work&>(self));
    try {
      if constexpr (std::is_void_v<R>) {
        w.fn_();
      } else {
        w.value_.emplace(w.fn_());
      }
    } catch (...) {
      w.error_ = std::current_exception();
    }
    w.parent_->loop().post(*w.parent_);
  }
  BlockingPool& pool_;
  Fn fn_;
  detail::PromiseBase* parent_ = nullptr;
  std::optional<Stored> value_;
  std::exception_ptr error_;
};

template <class Fn>
RunBlocking<Fn> run_blocking(BlockingPool& pool, Fn fn) {
  return RunBlocking<Fn>(pool, std::move(fn));
}

}  // namespace sluice::inline v0
