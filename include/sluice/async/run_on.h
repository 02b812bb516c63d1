// run_on: a function on a loop, from whatever thread is at hand.
#pragma once

#include <utility>

#include "sluice/async/loop.h"

namespace sluice {

// Runs fn() now if this thread leads `loop` or can, else posts it (the only case that allocates). Never
// blocks. What one thread asks for happens in that order.
template <class Fn>
void run_on(Loop& loop, Fn fn) {
  if (loop.leads()) return fn();
  if (loop.try_enter_in_order()) {
    fn();
    return loop.leave();
  }
  struct Posted : Runnable {
    explicit Posted(Fn f) : Runnable(&go), fn(std::move(f)) {}
    static void go(Runnable& self) noexcept {
      auto& posted = static_cast<Posted&>(self);
      Fn fn = std::move(posted.fn);
      delete &posted;
      fn();
    }
    Fn fn;
  };
  loop.post(*new Posted(std::move(fn)));
  loop.attend();
}

}  // namespace sluice
