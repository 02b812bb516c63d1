// What must hold of a CallStream's flow control at all times; assertions ask for it.
#include "transport/call_stream.h"

namespace sluice::inline v0::transport {
// What came is either credited or owed: a byte that is neither is one that the peer may never send again, and
// a stream that lives long enough stands still.
bool CallStream::credit_is_conserved() const {
  if (!open()) return true;
  const std::optional<std::int64_t> uncredited = conn_->session().uncredited(*this);
  return !uncredited || *uncredited == debt_ - static_cast<std::int64_t>(grown_);
}

// What counts as held is the messages that wait and the one that is being assembled. Once the stream has
// ended nobody counts: what came in part, or was wrong, has been dropped.
bool CallStream::holds_what_it_counts() const {
  if (!open() || !conn_->session().uncredited(*this)) return true;
  if (call_.discards()) return held_ == 0;
  return reader_.held() + call_.unread() == held_;
}

}  // namespace sluice::inline v0::transport
