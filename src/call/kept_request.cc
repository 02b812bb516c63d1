// See kept_request.h.
#include "call/kept_request.h"

#include <utility>

namespace sluice::inline v0::call {

void KeptRequest::append(Chain&& framed, HeldRequests& held) {
  framed.keep();
  if (counted_) held.bytes += static_cast<std::uint32_t>(framed.size());
  framed_.append(std::move(framed));
}

Chain KeptRequest::share(HeldRequests& held) {
  whole_ = held.bytes + framed_.size() <= HeldRequests::kMost;
  if (!whole_) return {};
  counted_ = true;
  held.bytes += static_cast<std::uint32_t>(framed_.size());
  return framed_;
}

void KeptRequest::let_go(HeldRequests& held) {
  if (std::exchange(counted_, false)) held.bytes -= static_cast<std::uint32_t>(framed_.size());
  framed_.clear();
}

void KeptRequest::begin_again(const std::byte* room, HeldRequests& held) {
  if (std::exchange(counted_, false)) held.bytes -= static_cast<std::uint32_t>(framed_.size());
  if (in_room_ > 0) framed_ = Chain(Bytes::borrow({room, in_room_}));
}

}  // namespace sluice::inline v0::call
