// ClientIdentity: what every request of a channel says, and what its calls share.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "call/kept_request.h"
#include "call/message_encoding.h"
#include "sluice/rpc/interceptor.h"

namespace sluice::inline v0::call {

// Lifetime: the channel's, which outlives its connections.
struct ClientIdentity {
  std::string authority;
  std::string user_agent;
  std::span<const InterceptorRef<ClientInterceptor>> interceptors = {};  // told before each call is sent
  Compression compression;
  Codecs codecs;
  const std::uint16_t stream_size;  // bytes that its transports need behind a call
  // Calls have more to settle than their own options say.
  const bool encodes = compression.sends != 0 || codecs.usual != nullptr;
  mutable HeldRequests held = {};  // of its calls; loop-only
};

}  // namespace sluice::inline v0::call
