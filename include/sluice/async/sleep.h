// Waiting for time to pass, on the loop's clock, or for a context to be cancelled.
#pragma once

#include "sluice/async/detail/wait.h"

namespace sluice::inline v0 {

// `Status s = co_await sleep(50ms, context);`: OK when the time has passed, the context's CANCELLED when it
// was cancelled first, DEADLINE_EXCEEDED when the context's deadline comes first, or at the same time.
class [[nodiscard]] Sleep final : public detail::Wait {
 public:
  explicit Sleep(Duration timeout, Context context = {})
      : detail::Wait("time to pass", timeout, std::move(context)) {}
  Status await_resume() { return std::move(status()); }

 private:
  bool take_or_list(detail::Waiter&) override { return false; }
  bool unlist(detail::Waiter&) override { return true; }
  Status timed_out() const override { return {}; }
};

inline Sleep sleep(Duration timeout, Context context = {}) { return Sleep(timeout, std::move(context)); }

// `Status why = co_await context.done();`: CANCELLED or DEADLINE_EXCEEDED when the context has ended. For
// when_any(); of the background context it never ends.
class [[nodiscard]] ContextDone final : public detail::Wait {
 public:
  explicit ContextDone(Context context)
      : detail::Wait("the end of a context", kNoTimeout, std::move(context)) {}
  Status await_resume() { return std::move(status()); }

 private:
  bool take_or_list(detail::Waiter&) override { return false; }
  bool unlist(detail::Waiter&) override { return true; }
};

inline ContextDone Context::done() const { return ContextDone(*this); }

}  // namespace sluice::inline v0
