// PendingCalls: the list, and the timer that watches its oldest call.
#include "transport/pending_calls.h"

#include "transport/client_stream.h"

namespace sluice::transport {

void PendingCalls::push(ClientStream& stream) {
  stream.pending_ = this;
  stream.pending_since_ = owner_.loop().now();
  stream.prev_pending_ = last_;
  stream.next_pending_ = nullptr;
  (last_ ? last_->next_pending_ : first_) = &stream;
  last_ = &stream;
  if (!untold_) untold_ = &stream;
  if (owner_.streams_are_awaited()) watch();
}

ClientStream* PendingCalls::pop() {
  ClientStream* stream = first_;
  if (stream) remove(*stream);
  return stream;
}

void PendingCalls::remove(ClientStream& stream) {
  if (untold_ == &stream) untold_ = stream.next_pending_;
  if (!untold_ && armed()) owner_.loop().disarm(*this);
  (stream.prev_pending_ ? stream.prev_pending_->next_pending_ : first_) = stream.next_pending_;
  (stream.next_pending_ ? stream.next_pending_->prev_pending_ : last_) = stream.prev_pending_;
  stream.pending_ = nullptr;
}

void PendingCalls::await_streams() {
  for (ClientStream* s = untold_; s; s = s->next_pending_) s->pending_since_ = owner_.loop().now();
  watch();
}

// For the oldest that was not told of: those behind it came later.
void PendingCalls::watch() {
  if (untold_ && !armed()) owner_.loop().arm(*this, after(untold_->pending_since_, kLongWait));
}

void PendingCalls::expired(Runnable& self) noexcept {
  PendingCalls& calls = static_cast<PendingCalls&>(static_cast<Timer&>(self));
  if (!calls.owner_.streams_are_awaited()) return;  // await_streams() begins anew
  const TimePoint now = calls.owner_.loop().now();
  ClientStream* const first = calls.untold_;
  std::size_t count = 0;
  for (ClientStream*& s = calls.untold_; s && after(s->pending_since_, kLongWait) <= now;
       s = s->next_pending_)
    ++count;
  if (count > 0) calls.owner_.on_long_wait(*first, count);
  calls.watch();
}

}  // namespace sluice::transport
