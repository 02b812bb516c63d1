// RaisedSignals: the signals of a simulation, and who waits for them there.
#pragma once

#include <bit>
#include <cstdint>

namespace sluice::inline v0::detail {

// Bit n - 1 is signal n. Thread: the one that leads.
class RaisedSignals {
 public:
  // Interest in some signals. Lifetime: taken off before it goes.
  class Wait {
   public:
    explicit Wait(std::uint64_t signals) : signals_(signals) {}
    // One of them has come. Takes itself off.
    virtual void on_signal(int signal) = 0;

   protected:
    ~Wait() = default;

   private:
    friend class RaisedSignals;
    const std::uint64_t signals_;
    Wait* next_ = nullptr;
  };

  // REQUIRES: no other wait has one of its signals.
  void add(Wait& wait) {
    wait.next_ = waits_;
    waits_ = &wait;
  }
  void remove(Wait& wait) {
    Wait** at = &waits_;
    while (*at != &wait) at = &(*at)->next_;
    *at = wait.next_;
  }
  // Tells the wait for it, or keeps it.
  void raise(int signal) {
    const std::uint64_t bit = std::uint64_t{1} << (signal - 1);
    Wait* wait = waits_;
    while (wait != nullptr && (wait->signals_ & bit) == 0) wait = wait->next_;
    if (wait != nullptr) return wait->on_signal(signal);
    pending_ |= bit;
  }
  // Takes the lowest of `signals` that is pending. 0: none is.
  int take(std::uint64_t signals) {
    const std::uint64_t found = pending_ & signals;
    if (found == 0) return 0;
    pending_ &= ~(found & -found);
    return std::countr_zero(found) + 1;
  }

 private:
  std::uint64_t pending_ = 0;
  Wait* waits_ = nullptr;
};

}  // namespace sluice::inline v0::detail
