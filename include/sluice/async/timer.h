// Timers: a node in its Loop's heap of deadlines. Arming and disarming cost tens of nanoseconds and no
// system call; the kernel is asked to wake the loop only when it parks.
#pragma once

#include <cstdint>

#include "sluice/async/runnable.h"
#include "sluice/base/fail.h"
#include "sluice/base/time.h"

namespace sluice::inline v0 {

namespace detail {
class TimerHeap;
}  // namespace detail

// Runs its function once, at or after the deadline it was armed for. Loop-only.
// Lifetime: disarm before destruction; an armed one that goes ends the process.
class Timer : public Runnable {
 public:
  explicit Timer(Run run) : Runnable(run) {}
  ~Timer() {
    if (armed()) [[unlikely]]
      detail::fail("a Timer was destroyed while it is armed: disarm() it before it goes");
  }

  bool armed() const { return index_ != kIdle; }
  TimePoint deadline() const { return deadline_; }

 private:
  friend class detail::TimerHeap;
  static constexpr std::uint32_t kIdle = ~std::uint32_t{0};
  std::uint32_t index_ = kIdle;
  TimePoint deadline_ = kNever;
};

}  // namespace sluice::inline v0
