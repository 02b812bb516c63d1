// FlowControl: how far a peer may send ahead of the reader (RFC 9113 section 5.2).
#pragma once

#include <cstdint>

#include "sluice/base/status.h"

namespace sluice::inline v0 {

// Part of ServerOptions and ChannelOptions, for the direction which that side receives. All fields are bytes,
// at most 2^31 - 1.
struct FlowControl {
  // Bytes that a peer may send on one stream before the reader takes any: unread messages and the incoming
  // one. A longer message gets room from Limits::assembly_budget. At least 65,535. 0: 65,535 over sockets, 8
  // MiB in memory.
  std::uint32_t stream_window = 0;
  // Bytes that a peer may send on all streams of a connection before the connection has processed them.
  // Unread messages do not count. At least 65,535. 0: 64 MiB.
  std::uint32_t connection_window = 0;
  // Over sockets, stream windows grow up to this, to fill links with a long round trip. While much data
  // comes, the connection sends PINGs and measures how much arrives in one round trip; the window of a stream
  // whose reader keeps up grows to twice that. The window of a slow reader does not grow. All windows of a
  // connection together grow by at most half of Limits::assembly_budget.
  // 0, or not above stream_window: no window grows, and no PING is sent.
  std::uint32_t largest_stream_window = 16 << 20;

  // INVALID_ARGUMENT names the first field that is out of range, and its value. serve() and dial() call this.
  Status check() const;
};

}  // namespace sluice::inline v0
