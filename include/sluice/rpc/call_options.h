// CallOptions: what one call is given beside its request (grpc-go: grpc.CallOption).
#pragma once

#include <string_view>
#include <type_traits>

#include "sluice/async/context.h"
#include "sluice/base/addr.h"
#include "sluice/base/metadata.h"
#include "sluice/base/time.h"

namespace sluice {

inline constexpr Duration kNoTimeout = Duration::max();

// Trivially destructible on purpose: g++ 12 destroys aggregate temporaries twice inside co_await.
// Lifetime: what it points to must live until the call has started, the outputs until it has ended.
struct CallOptions {
  const Context* context = nullptr;  // cancels the call; its deadline counts too
  Duration timeout = kNoTimeout;     // from the start of the call; zero or less has expired already
  TimePoint deadline = kNever;       // on the runtime's clock; of all deadlines the earliest wins
  MetadataList metadata = {};        // sent in the header
  // Of the request's messages: one of the channel's compressors, or "identity"; empty: what the channel says.
  // What the channel does not know fails the call with INTERNAL. (grpc-go: UseCompressor)
  std::string_view compression_algorithm = {};
  // Of the call's messages, both ways: one of the channel's codecs, or "proto"; empty: what the channel says.
  // What the channel does not know fails the call with INTERNAL. (grpc-go: CallContentSubtype)
  std::string_view codec = {};
  // Outputs, set when a unary call ends (streams and Call have accessors instead).
  Metadata* header = nullptr;
  Metadata* trailer = nullptr;
  Addr* peer = nullptr;
  bool* reply_compressed = nullptr;  // whether the reply came compressed
};
static_assert(std::is_trivially_destructible_v<CallOptions>);

// How one message of a stream is sent.
struct WriteOptions {
  bool last = false;            // half-closes with this message; a client's only
  bool no_compression = false;  // as it is, whatever the call's algorithm
};

}  // namespace sluice
