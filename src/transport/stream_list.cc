// See stream_list.h.
#include "transport/stream_list.h"

#include "transport/call_stream.h"

namespace sluice::inline v0::transport {

void StreamList::push(CallStream& stream) {
  stream.prev_ = last_;
  stream.next_ = nullptr;
  (last_ ? last_->next_ : first_) = &stream;
  last_ = &stream;
  ++size_;
}

void StreamList::remove(CallStream& stream) {
  (stream.prev_ ? stream.prev_->next_ : first_) = stream.next_;
  (stream.next_ ? stream.next_->prev_ : last_) = stream.prev_;
  stream.prev_ = stream.next_ = nullptr;
  --size_;
}

}  // namespace sluice::inline v0::transport
