// run_on: a function on a loop, from whatever thread is at hand.
#pragma once

#include <utility>

#include "sluice/async/loop.h"

namespace sluice::inline v0 {

namespace detail {
// What is being thrown by a function that was posted to `loop`.
[[gnu::cold]] void log_posted_exception(Loop& loop) noexcept;
}  // namespace detail

// Runs fn() now if this thread leads `loop` or can, else posts it (the only case that allocates). Never
// blocks. What one thread asks for happens in that order. What fn() throws now the caller gets; what it
// throws when it was posted is logged as an error.
template <class Fn>
void run_on(Loop& loop, Fn fn) {
  if (loop.leads()) return fn();
  if (loop.try_enter_in_order()) {
    const LeaveLoop leave_at_end(loop);
    return fn();
  }
  struct Posted : Runnable {
    Posted(Loop& l, Fn f) : Runnable(&go), loop(l), fn(std::move(f)) {}
    static void go(Runnable& self) noexcept {
      auto& posted = static_cast<Posted&>(self);
      Loop& loop = posted.loop;
      Fn fn = std::move(posted.fn);
      delete &posted;
      try {
        fn();
      } catch (...) {
        detail::log_posted_exception(loop);
      }
    }
    Loop& loop;
    Fn fn;
  };
  loop.post(*new Posted(loop, std::move(fn)));
  loop.attend();
}

}  // namespace sluice::inline v0
