// Wait: a coroutine's wait for one thing, with a timeout and a context.
#pragma once

#include <optional>

#include "sluice/async/context.h"
#include "sluice/async/detail/promise.h"
#include "sluice/async/detail/wait_list.h"

namespace sluice::inline v0::detail {

// The part that all such awaitables share: whatever comes first of the thing itself, the timeout, and the end
// of the context, and what to do about the other two.
//
// Loop-only. Lifetime: it stays where it is from begin() until it is over, which means that begin() or stop()
// has returned true, or `done` has run. One that goes earlier ends the process.
class Wait : private StuckReporter {
 public:
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  // True: it is over at once, and `done` does not run.
  bool begin(Loop& loop, Runnable& done);
  // For a wait that nobody needs any more. True: it is over, and `done` does not run. False: something is on
  // its way, and `done` runs when it is here.
  bool stop();
  // It is over and has what it waited for, which nobody takes: it is given back.
  virtual void give_back() {}

  // That of a listed waiter.
  static Wait& of(Waiter& waiter) { return static_cast<Arrival&>(waiter).wait; }

  bool await_ready() const noexcept { return false; }
  template <detail::TaskPromise P>
  SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
    return suspend(h.promise());
  }

 protected:
  // `what` is a literal, for messages: "an event".
  Wait(const char* what, Duration timeout, Context context)
      : what_(what), timeout_(timeout), context_(std::move(context)), alarm_(*this), arrival_(*this) {}
  ~Wait();

  // Under the lock of the thing. True: it is there, and taken. False: `waiter` is listed.
  virtual bool take_or_list(Waiter& waiter) = 0;
  // Under that lock. False: `waiter` has been woken.
  virtual bool unlist(Waiter& waiter) = 0;
  // On the loop, after the waiter was woken: takes that lock once, to see the other thread out.
  virtual void see_out() {}
  // What the passing of `timeout` means.
  virtual Status timed_out() const;

  // REQUIRES: it is over.
  bool arrived() const { return arrived_; }
  // Why the thing has not come. OK: it has, or timed_out() says so.
  Status& status() { return status_; }

 private:
  struct Alarm : Timer {
    explicit Alarm(Wait& w) : Timer(&expired), wait(w) {}
    static void expired(Runnable& self) noexcept;
    Wait& wait;
  };
  struct Arrival : Waiter {
    explicit Arrival(Wait& w) : Waiter(&came), wait(w) {}
    static void came(Runnable& self) noexcept;
    Wait& wait;
  };
  struct CancelWatch : Context::Watch {
    CancelWatch(Wait& w, Loop& loop) : Watch(&cancelled, loop), wait(w) {}
    static void cancelled(Runnable& self) noexcept;
    Wait& wait;
  };
  bool suspend(PromiseBase& parent);
  bool is_on_its_way() const { return listed_ || watch_; }
  void end(Status why);
  void let_go();
  void describe(std::string& out) const override;

  const char* const what_;
  const Duration timeout_;
  const Context context_;
  Loop* loop_ = nullptr;  // null before begin(), and when it is over
  Runnable* done_ = nullptr;
  Alarm alarm_;
  Arrival arrival_;
  std::optional<CancelWatch> watch_;
  Status status_;
  bool listed_ = false;  // or woken, and on its way
  bool ending_ = false;  // nothing new counts but what is on its way
  bool arrived_ = false;
};

}  // namespace sluice::inline v0::detail
