// CallOptions: the options of one call (grpc-go: grpc.CallOption).
#pragma once

#include <string_view>
#include <type_traits>

#include "sluice/async/context.h"
#include "sluice/base/addr.h"
#include "sluice/base/metadata.h"
#include "sluice/base/time.h"

namespace sluice::inline v0 {

// Lifetime: pointers and views must be valid until the call has started, outputs until it has ended.
// Trivially destructible on purpose: g++ 12 destroys aggregate temporaries twice inside co_await.
struct CallOptions {
  const Context* context = nullptr;  // cancels the call; its deadline counts too
  Duration timeout = kNoTimeout;     // from the start of the call; zero or less: expired already
  TimePoint deadline = kNever;       // on the runtime's clock; the earliest of all deadlines counts
  MetadataList metadata = {};        // sent in the header
  // Compression of the request's messages: the name of one of the channel's compressors, or "identity".
  // Empty: the channel's default. An unknown name fails the call with INTERNAL. (grpc-go: UseCompressor)
  std::string_view compression_algorithm = {};
  // Codec of the call's messages, both ways: the name of one of the channel's codecs, or "proto". Empty: the
  // channel's default. An unknown name fails the call with INTERNAL. (grpc-go: CallContentSubtype)
  std::string_view codec = {};
  // Outputs, set when a unary call ends. Streams and Call have accessors instead.
  Metadata* header = nullptr;
  Metadata* trailer = nullptr;
  Addr* peer = nullptr;
  bool* reply_compressed = nullptr;  // whether the reply came compressed
};
static_assert(std::is_trivially_destructible_v<CallOptions>);

// Options of one message of a stream.
struct WriteOptions {
  bool last = false;            // half-closes with this message; for clients only
  bool no_compression = false;  // sent as it is, whatever the call's algorithm
};

}  // namespace sluice::inline v0
