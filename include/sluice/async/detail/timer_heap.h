// TimerHeap: the armed timers of a Loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sluice/async/timer.h"

namespace sluice::inline v0::detail {

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

}  // namespace sluice::inline v0::detail
