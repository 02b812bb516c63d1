// A simulation: virtual time, one thread, and every choice made by a seed. A Runtime made with one runs the
// same code as any other; the same seed gives the same run.
#pragma once

#include <cstdint>
#include <random>
#include <utility>

#include "sluice/async/detail/raised_signals.h"
#include "sluice/async/runnable.h"
#include "sluice/base/status.h"
#include "sluice/base/time.h"

namespace sluice::inline v0 {

// The state all loops of one simulated Runtime share. Thread: the one that leads.
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : random_(seed) {}

  TimePoint now() const { return now_; }
  // Only the clock: timers that are due fire when a loop runs next.
  void advance_to(TimePoint t) {
    if (t > now_) now_ = t, note(static_cast<std::uint64_t>(t.time_since_epoch().count()));
  }
  // A number below `n`; n ≥ 1. Noted in the trace.
  std::uint64_t choose(std::uint64_t n) {
    const std::uint64_t choice = n > 1 ? random_() % n : 0;
    note(n << 32 | choice);
    ++choices_;
    return choice;
  }
  // Choices made so far: one for each piece of ready work that a loop has run.
  std::uint64_t choices() const { return choices_; }

  // Interrupts the run once, when `choices` have been made and before the next: `r` runs on the loop, the
  // tick ends, and timers fire that are due; `r` may have let time pass. For tests that cancel a call, or let
  // its deadline pass, at every point there is.
  void interrupt_at(std::uint64_t choices, Runnable& r) { interruption_ = &r, interrupt_at_ = choices; }
  // For the loop: how much of `most` may run before that, and what runs then, once.
  int runs_before_interruption(int most) const {
    if (interruption_ == nullptr) return most;
    const std::uint64_t left = interrupt_at_ > choices_ ? interrupt_at_ - choices_ : 0;
    return left < static_cast<std::uint64_t>(most) ? static_cast<int>(left) : most;
  }
  Runnable* take_interruption() {
    return choices_ < interrupt_at_ ? nullptr : std::exchange(interruption_, nullptr);
  }

  // A signal comes: the wait_signal() for it ends, or the next one takes it. Only waits of this simulation
  // see it. One that is pending already stays one, real-time signals too. Not on a thread beside the one that
  // leads. Errors: INVALID_ARGUMENT as of wait_signal().
  Status raise_signal(int signal);
  // For wait_signal().
  detail::RaisedSignals& signals() { return signals_; }

  std::uint64_t random() { return random_(); }
  // A hash of every choice and every step of time so far.
  std::uint64_t trace() const { return trace_; }

 private:
  void note(std::uint64_t x) {
    trace_ = (trace_ ^ x) * 0x9e3779b97f4a7c15u;
    trace_ ^= trace_ >> 29;
  }

  TimePoint now_{std::chrono::hours(1)};  // not zero: "a while ago" stays representable
  std::mt19937_64 random_;
  std::uint64_t trace_ = 0;
  std::uint64_t choices_ = 0;
  Runnable* interruption_ = nullptr;
  std::uint64_t interrupt_at_ = 0;
  detail::RaisedSignals signals_;
};

}  // namespace sluice::inline v0
