// Scope: the owner of coroutines that nobody awaits one by one. What is spawned in a scope ends before the
// scope does.
#pragma once

#include "sluice/async/task.h"

namespace sluice::inline v0 {

// For owners of tasks that are no coroutine, and for those that live long. Inside of one coroutine use
// with_scope(), which nothing leaves early.
//
// Thread: loop-only. Lifetime: co_await join() (or run the loop until empty()) before destruction, also on
// the way out by an exception or an early return: destroyed while a task runs it ends the process, since the
// task would go on with what has gone. Errors: an exception out of a spawned task is logged as an error.
class Scope {
 public:
  explicit Scope(Loop& loop) : loop_(loop), joined_(nullptr) {}
  ~Scope() {
    if (running_ != 0) [[unlikely]]
      left_running();
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Starts `task` now, on this stack. After close() the task is dropped unstarted and false is returned.
  [[nodiscard]] bool spawn(Task<void> task);
  void close() { closed_ = true; }
  std::size_t running() const { return running_; }
  bool empty() const { return running_ == 0; }
  Loop& loop() const { return loop_; }

  // Awaitable by one coroutine: closes and completes when all have ended.
  class Join {
   public:
    explicit Join(Scope& scope) : scope_(scope) {}
    bool await_ready() noexcept { return scope_.close(), scope_.empty(); }
    template <detail::TaskPromise P>
    SLUICE_NOINLINE_AWAIT void await_suspend(std::coroutine_handle<P> h) {
      scope_.joined_ = &h.promise();
    }
    void await_resume() noexcept {}

   private:
    Scope& scope_;
  };
  Join join() { return Join(*this); }
  // Awaitable by one coroutine: completes when nothing runs, and closes then. What runs may spawn meanwhile.
  class Idle {
   public:
    explicit Idle(Scope& scope) : scope_(scope) {}
    bool await_ready() noexcept { return scope_.empty(); }
    template <detail::TaskPromise P>
    SLUICE_NOINLINE_AWAIT void await_suspend(std::coroutine_handle<P> h) {
      scope_.joined_ = &h.promise();
    }
    void await_resume() noexcept { scope_.close(); }

   private:
    Scope& scope_;
  };
  Idle until_idle() { return Idle(*this); }
  // Runs `r` when empty and closed; for owners that are no coroutine. At once if it is so already.
  void on_joined(Runnable& r);

 private:
  struct Spawned;
  void ended(Spawned& s);
  [[noreturn, gnu::cold]] void left_running() const noexcept;

  Loop& loop_;
  Runnable* joined_;
  std::size_t running_ = 0;
  bool closed_ = false;
};

}  // namespace sluice::inline v0
