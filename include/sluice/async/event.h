// Event: something that happens once, or until it is reset, and that coroutines wait for.
#pragma once

#include <mutex>

#include "sluice/async/detail/wait.h"

namespace sluice::inline v0 {

// Is set or not. Those who wait go on when it is set, all of them; who comes later does not wait.
//
// Thread: any; those who wait may be on any loops. Lifetime: it may go as soon as a wait for it has returned,
// also while set() has not returned yet on another thread; destroyed while somebody waits it ends the
// process. set() does not allocate, unless it wakes several loops that no thread runs.
class Event {
 public:
  Event() = default;
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // Does nothing if it is set. As of all that is posted from outside, a loop without a thread runs the
  // coroutines now, on this thread, or when somebody runs it (docs/concurrency.md): hold no lock that they
  // take.
  void set();
  void reset();
  bool is_set() const;

  class [[nodiscard]] Wait;
  // `Status s = co_await event.wait();`: OK when it is set; DEADLINE_EXCEEDED after `timeout`, or at the
  // context's deadline; CANCELLED when the context is cancelled.
  Wait wait(Context context = {});
  Wait wait(Duration timeout, Context context = {});

 private:
  mutable std::mutex mutex_;
  // Under mutex_.
  bool set_ = false;
  detail::WaitList waiting_;
};

// To be awaited once, by a coroutine or in when_any() and when_all(). Who loses in when_any() has no effect
// on the event.
class Event::Wait final : public detail::Wait {
 public:
  Wait(Event& event, Duration timeout, Context context)
      : detail::Wait("an event", timeout, std::move(context)), event_(event) {}
  Status await_resume() { return std::move(status()); }

 private:
  bool take_or_list(detail::Waiter& waiter) override;
  bool unlist(detail::Waiter& waiter) override;
  void see_out() override { const std::lock_guard lock(event_.mutex_); }
  Event& event_;
};

inline Event::Wait Event::wait(Context context) { return Wait(*this, kNoTimeout, std::move(context)); }
inline Event::Wait Event::wait(Duration timeout, Context context) {
  return Wait(*this, timeout, std::move(context));
}

}  // namespace sluice::inline v0
