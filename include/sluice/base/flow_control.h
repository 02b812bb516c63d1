// FlowControl: how far a peer may send ahead of who reads (RFC 9113 section 5.2).
#pragma once

#include <cstdint>

#include "sluice/base/status.h"

namespace sluice {

// Part of ServerOptions and ChannelOptions, for what that side receives. In bytes, each at most 2^31 - 1.
struct FlowControl {
  // What a stream may be sent before its reader takes anything: messages that wait to be read, and the one
  // that is on its way. A message that is longer gets room from Limits::assembly_budget. At least 65,535.
  // 0: 65,535 over sockets, 8 MiB in memory.
  std::uint32_t stream_window = 0;
  // What all streams of a connection together may be sent before the connection has looked at it. Messages
  // that wait to be read do not count. At least 65,535. 0: 64 MiB.
  std::uint32_t connection_window = 0;
  // Over sockets, windows grow with the link. While much comes, the connection sends PINGs and measures how
  // much comes in one round trip. The window of a stream whose reader keeps up grows to twice that, up to
  // here: so a link with a long way is filled. A slow reader is sent no more than before. All that the
  // windows of a connection have grown by is at most half of Limits::assembly_budget.
  // 0, or not above stream_window: no window grows, and no PING is sent to measure.
  std::uint32_t largest_stream_window = 16 << 20;

  // INVALID_ARGUMENT names the first that makes no sense, and its value. serve() and dial() ask this.
  Status check() const;
};

}  // namespace sluice
