// See event.h.
#include "sluice/async/event.h"

#include "sluice/base/fail.h"

namespace sluice::inline v0 {

Event::~Event() {
  // Locked, so that a set() that has just woken the last waiter is over.
  const std::lock_guard lock(mutex_);
  if (!waiting_.empty()) [[unlikely]]
    detail::fail("an Event was destroyed while a coroutine waits for it");
}

void Event::set() {
  detail::Wakeups wakeups;
  const std::lock_guard lock(mutex_);
  set_ = true;
  while (detail::Waiter* const waiter = waiting_.pop()) wakeups.wake(*waiter);
}

void Event::reset() {
  const std::lock_guard lock(mutex_);
  set_ = false;
}

bool Event::is_set() const {
  const std::lock_guard lock(mutex_);
  return set_;
}

bool Event::Wait::take_or_list(detail::Waiter& waiter) {
  const std::lock_guard lock(event_.mutex_);
  if (event_.set_) return true;
  event_.waiting_.add(waiter);
  return false;
}

bool Event::Wait::unlist(detail::Waiter& waiter) {
  const std::lock_guard lock(event_.mutex_);
  return event_.waiting_.remove(waiter);
}

}  // namespace sluice::inline v0
