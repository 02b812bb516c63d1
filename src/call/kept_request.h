// KeptRequest: what a client's call has written, as long as it may have to be sent, or sent again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sluice/base/bytes.h"

namespace sluice::inline v0::call {

// Bytes of requests that the calls of a channel hold until they know that they need not be sent again. Those
// that fit into the call itself do not count. Loop-only.
struct HeldRequests {
  static constexpr std::size_t kMost = 16 << 20;
  std::uint32_t bytes = 0;
};

// Messages with their prefixes, one behind the other: before there is a stream all of them, and while it runs
// a share of what was sent, if that is not too much.
//
// Loop-only. Lifetime: the call's, of which it is a part; empty, or let go of, before its channel goes.
class KeptRequest {
 public:
  bool empty() const { return framed_.empty(); }
  // The client has half-closed behind it.
  bool closed() const { return closed_; }
  void close() { closed_ = true; }
  // All that was sent is kept.
  bool whole() const { return whole_; }

  // Written and not sent yet. What it borrows is copied.
  void append(Chain&& framed, HeldRequests& held);
  // Where a unary request is written to, before settle(). A small one lies in the call's own room, and is
  // held by staying there.
  Chain& framed() { return framed_; }
  void settle(const std::byte* room) {
    if (framed_.front().data() == room) {
      in_room_ = static_cast<std::uint16_t>(framed_.size());
    } else {
      framed_.keep();
    }
  }

  // Gives all of it to `submit(Chain&&, bool closed)`. What may have to be sent again stays.
  template <class Submit>
  void send(HeldRequests& held, Submit& submit) {
    if (in_room_ > 0 || framed_.empty()) [[likely]]
      return submit(std::move(framed_), closed_);
    Chain share = this->share(held);
    submit(std::move(framed_), closed_);
    framed_ = std::move(share);
  }
  // More was sent behind it, which is not kept.
  void send_past(HeldRequests& held) {
    whole_ = false;
    if (counted_) let_go(held);
  }
  // It will not be sent again.
  void let_go(HeldRequests& held);
  bool counted() const { return counted_; }
  // As it was before it was sent. REQUIRES: whole().
  void begin_again(const std::byte* room, HeldRequests& held);

 private:
  [[gnu::noinline]] Chain share(HeldRequests& held);  // empty: that is too much

  Chain framed_;
  std::uint16_t in_room_ = 0;  // bytes there
  bool closed_ = false;
  bool counted_ = false;  // in HeldRequests: it was sent
  bool whole_ = true;
};

}  // namespace sluice::inline v0::call
