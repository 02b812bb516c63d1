// See wait_list.h.
#include "sluice/async/detail/wait_list.h"

#include <utility>

namespace sluice::inline v0::detail {

void WaitList::add(Waiter& waiter) {
  waiter.listed_ = true;
  waiter.next_ = nullptr;
  waiter.prev_ = std::exchange(last_, &waiter);
  (waiter.prev_ ? waiter.prev_->next_ : first_) = &waiter;
}

bool WaitList::remove(Waiter& waiter) {
  if (!waiter.listed_) return false;
  waiter.listed_ = false;
  (waiter.prev_ ? waiter.prev_->next_ : first_) = waiter.next_;
  (waiter.next_ ? waiter.next_->prev_ : last_) = waiter.prev_;
  return true;
}

Waiter* WaitList::pop() {
  Waiter* const waiter = first_;
  if (waiter) remove(*waiter);
  return waiter;
}

void Wakeups::post(Loop& loop, Runnable& r) noexcept {
  loop.post(r);
  if (!loop.take_over()) return;
  led_ ? more_.push_back(&loop) : void(led_ = &loop);
}

Wakeups::~Wakeups() {
  if (led_) led_->give_back();
  for (Loop* const loop : more_) loop->give_back();
}

}  // namespace sluice::inline v0::detail
