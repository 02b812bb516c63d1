// Waiting for time to pass, on the loop's clock.
#pragma once

#include "sluice/async/context.h"
#include "sluice/async/task.h"

namespace sluice::inline v0 {

// `Status s = co_await sleep(50ms, context);`: OK when the time has passed, the context's CANCELLED when it
// was cancelled first, DEADLINE_EXCEEDED at once or later when the context's deadline comes first.
class Sleep : Timer {
 public:
  explicit Sleep(Duration timeout, Context context = {})
      : Timer(&expired), timeout_(timeout), context_(std::move(context)) {}
  bool await_ready() const noexcept { return false; }
  template <class P>
  SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
    return begin(h.promise());
  }
  Status await_resume() { return std::move(status_); }

 private:
  struct CancelWatch : Context::Watch {
    CancelWatch(Sleep& s, Loop& loop) : Watch(&cancelled, loop), sleep(s) {}
    Sleep& sleep;
  };
  bool begin(detail::PromiseBase& parent);
  static void expired(Runnable& self) noexcept;
  static void cancelled(Runnable& self) noexcept;

  const Duration timeout_;
  const Context context_;
  detail::PromiseBase* parent_ = nullptr;
  std::optional<CancelWatch> watch_;
  Status status_;
  bool fired_ = false;
};

inline Sleep sleep(Duration timeout, Context context = {}) { return Sleep(timeout, std::move(context)); }

}  // namespace sluice::inline v0
