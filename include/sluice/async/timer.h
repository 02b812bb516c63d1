// Timers: a node in its Loop's heap of deadlines. Arming and disarming cost tens of nanoseconds and no
// system call; the kernel is asked to wake the loop only when it parks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sluice/async/runnable.h"
#include "sluice/base/fail.h"
#include "sluice/base/time.h"

namespace sluice {

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
  friend class TimerHeap;
  static constexpr std::uint32_t kIdle = ~std::uint32_t{0};
  std::uint32_t index_ = kIdle;
  TimePoint deadline_ = kNever;
};

// A binary heap by (deadline, order). `order` breaks ties: the order of arming, or a simulation's choice.
class TimerHeap {
 public:
  void arm(Timer& timer, TimePoint deadline, std::uint64_t order);
  void disarm(Timer& timer);  // nothing if it is not armed
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  TimePoint next() const { return heap_.empty() ? kNever : heap_[0].deadline; }
  // Takes out the first timer due at `now`, or null.
  Timer* pop_due(TimePoint now);

 private:
  struct Entry {
    TimePoint deadline;
    std::uint64_t order;
    Timer* timer;
    bool operator<(const Entry& o) const {
      return deadline != o.deadline ? deadline < o.deadline : order < o.order;
    }
  };
  void place(std::size_t i, const Entry& e);
  void shrink();
  void sift_up(std::size_t i, Entry e);
  void sift_down(std::size_t i, Entry e);

  static constexpr std::size_t kShrinkStep = 1024;  // entries

  std::vector<Entry> heap_;
};

}  // namespace sluice
