// PendingCalls: the list, and the timer that watches its oldest call.
#include "call/pending_calls.h"

#include "call/made_call.h"

namespace sluice::inline v0::call {

void PendingCalls::push(MadeCall& call) {
  call.waiting_.in = this;
  call.waiting_.since = owner_.loop().now();
  call.waiting_.prev = last_;
  call.waiting_.next = nullptr;
  (last_ ? last_->waiting_.next : first_) = &call;
  last_ = &call;
  if (!untold_) untold_ = &call;
  if (owner_.streams_are_awaited()) watch();
}

MadeCall* PendingCalls::pop() {
  MadeCall* call = first_;
  if (call) remove(*call);
  return call;
}

void PendingCalls::remove(MadeCall& call) {
  if (untold_ == &call) untold_ = call.waiting_.next;
  if (!untold_ && armed()) owner_.loop().disarm(*this);
  (call.waiting_.prev ? call.waiting_.prev->waiting_.next : first_) = call.waiting_.next;
  (call.waiting_.next ? call.waiting_.next->waiting_.prev : last_) = call.waiting_.prev;
  call.waiting_.in = nullptr;
}

void PendingCalls::await_streams() {
  for (MadeCall* s = untold_; s; s = s->waiting_.next) s->waiting_.since = owner_.loop().now();
  watch();
}

// For the oldest that was not told of: those behind it came later.
void PendingCalls::watch() {
  if (untold_ && !armed()) owner_.loop().arm(*this, after(untold_->waiting_.since, kLongWait));
}

void PendingCalls::expired(Runnable& self) noexcept {
  PendingCalls& calls = static_cast<PendingCalls&>(static_cast<Timer&>(self));
  if (!calls.owner_.streams_are_awaited()) return;  // await_streams() begins anew
  const TimePoint now = calls.owner_.loop().now();
  MadeCall* const first = calls.untold_;
  std::size_t count = 0;
  for (MadeCall*& s = calls.untold_; s && after(s->waiting_.since, kLongWait) <= now; s = s->waiting_.next)
    ++count;
  if (count > 0) calls.owner_.on_long_wait(*first, count);
  calls.watch();
}

}  // namespace sluice::inline v0::call
