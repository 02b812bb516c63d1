// The timer heap of timer.h.
#include "sluice/async/detail/timer_heap.h"

namespace sluice::inline v0::detail {

void TimerHeap::place(std::size_t i, const Entry& e) {
  heap_[i] = e;
  e.timer->index_ = static_cast<std::uint32_t>(i);
}

void TimerHeap::sift_up(std::size_t i, Entry e) {
  while (i > 0) {
    const std::size_t parent = (i - 1) / 2;
    if (!(e < heap_[parent])) break;
    place(i, heap_[parent]);
    i = parent;
  }
  place(i, e);
}

void TimerHeap::sift_down(std::size_t i, Entry e) {
  for (;;) {
    std::size_t child = 2 * i + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) ++child;
    if (!(heap_[child] < e)) break;
    place(i, heap_[child]);
    i = child;
  }
  place(i, e);
}

// Gives back what many timers at once have needed.
void TimerHeap::shrink() {
  if (heap_.capacity() <= kShrinkStep || heap_.capacity() / 8 < heap_.size()) return;
  std::vector<Entry> less;
  less.reserve(heap_.capacity() / 4);
  less.assign(heap_.begin(), heap_.end());
  heap_.swap(less);
}

void TimerHeap::arm(Timer& timer, TimePoint deadline, std::uint64_t order) {
  disarm(timer);
  timer.deadline_ = deadline;
  heap_.push_back({});
  sift_up(heap_.size() - 1, Entry{deadline, order, &timer});
}

void TimerHeap::disarm(Timer& timer) {
  if (!timer.armed()) return;
  const std::size_t i = timer.index_;
  timer.index_ = Timer::kIdle;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (heap_.size() % kShrinkStep == 0) shrink();
  if (i == heap_.size()) return;
  if (i > 0 && last < heap_[(i - 1) / 2]) {
    sift_up(i, last);
  } else {
    sift_down(i, last);
  }
}

Timer* TimerHeap::pop_due(TimePoint now) {
  if (heap_.empty() || heap_[0].deadline > now) return nullptr;
  Timer* timer = heap_[0].timer;
  disarm(*timer);
  return timer;
}

}  // namespace sluice::inline v0::detail
