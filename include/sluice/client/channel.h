// Channel: a virtual connection to a service, which stubs are made of (grpc-go: grpc.ClientConn). It connects
// for the first call, and reconnects with back-off.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sluice/base/flow_control.h"
#include "sluice/base/limits.h"
#include "sluice/base/result.h"
#include "sluice/net/host.h"
#include "sluice/rpc/channel_base.h"
#include "sluice/rpc/codec.h"
#include "sluice/rpc/compressor.h"
#include "sluice/rpc/interceptor.h"

namespace sluice::inline v0 {

// Waiting times between attempts to connect. gRPC's connection-backoff.md has the defaults and their reasons.
struct BackoffOptions {
  Duration initial = std::chrono::seconds(1);  // not negative
  double multiplier = 1.6;                     // 1 or more
  double jitter = 0.2;  // 0 to 1: each wait is multiplied by a random factor within 1 ± jitter
  Duration max = std::chrono::seconds(120);  // not negative; of the wait before jitter
  // For one attempt, HTTP/2 handshake included; positive.
  Duration min_connect_timeout = std::chrono::seconds(20);

  // INVALID_ARGUMENT names the first field that is out of range, and its value. dial() calls this.
  Status check() const;
};

struct ChannelOptions {
  // ":authority" of the calls. Empty: the target's text, or "localhost" if that is a path.
  std::string authority = {};
  std::string user_agent = {};                     // comes before sluice's own
  std::size_t max_receive_message_size = 4 << 20;  // bytes; longer ones are RESOURCE_EXHAUSTED and not stored
  std::size_t max_send_message_size = SIZE_MAX;    // bytes; a longer request fails so and sends nothing
  // The compressors for requests and replies. (grpc-go: encoding.RegisterCompressor)
  CompressorSet compressors = {};
  // Compression of requests whose CallOptions name none: the name of one of `compressors`. Empty or
  // "identity": none.
  std::string compression_algorithm = {};
  // Codecs for messages, besides their own encodings. (grpc-go: encoding.RegisterCodec)
  CodecSet codecs = {};
  // Codec of calls whose CallOptions name none: the name of one of `codecs`. Empty or "proto": the messages'
  // own encodings.
  std::string codec = {};
  Limits limits = {};             // what a server may cost; the defaults are safe
  FlowControl flow_control = {};  // for replies
  BackoffOptions backoff = {};
  // Run around every call; the first is the outermost (interceptor.h).
  InterceptorChain<ClientInterceptor> interceptors = {};
};

// A handle; copies are the same channel.
//
// Thread: any. Lifetime: the end of the last handle closes the channel without blocking; stubs hold a handle.
// The Runtime must outlive it.
// Errors: calls on a closed channel fail with CANCELLED "channel is closed". Calls wait while a connection is
// being made; if that fails, they and all calls until the end of the back-off fail with UNAVAILABLE and the
// cause. There is no wait-for-ready yet.
// If a connection ends, calls that have not left the process wait like new ones and are sent again. So are,
// once, calls that the server refused unprocessed (GOAWAY, REFUSED_STREAM), except streams that have written
// since they were opened, and requests beyond the 16 MiB that a channel holds for all its calls.
class Channel {
 public:
  Channel() = default;
  explicit Channel(std::shared_ptr<ChannelBase> base, std::shared_ptr<void> closer = {})
      : base_(std::move(base)), closer_(std::move(closer)) {}

  // `Result<Rep> r = channel.invoke(method, request, {.timeout = 2s}).get();` with a UnaryMethod<Req, Rep>.
  template <class Method, class Req>
  auto invoke(const Method& method, const Req& request, const CallOptions& options = {}) const {
    return method(*base_, request, options);
  }
  // For ClientReader, ClientWriter and ClientReaderWriter. `first`: the request of a server-streaming call.
  ClientStreamPtr new_stream(const MethodInfo& method, const CallOptions& options = {},
                             const Message* first = nullptr) const {
    return base_->new_stream(method, first, options);
  }

  // The state when its loop ran last. An idle channel connects with its next call.
  ConnectivityState state() const { return base_->state(); }
  // How often each limit has ended a connection so far. Servers: Server::limit_counts().
  LimitCounts limit_counts() const { return base_->limit_counts(); }
  // The closest that an ended connection has come to each limit.
  LimitPeaks limit_peaks() const { return base_->limit_peaks(); }
  // Number of calls that have waited for more than a second because all streams that the server allows at
  // once (SETTINGS_MAX_CONCURRENT_STREAMS) were in use. The first one is logged.
  std::uint64_t long_waits() const { return base_->long_waits(); }
  // Fails all calls, those in flight and later ones. Idempotent; does not block.
  void close() { base_->close(); }
  ChannelBase& base() const { return *base_; }

 private:
  std::shared_ptr<ChannelBase> base_;  // shared: with the calls in flight
  std::shared_ptr<void> closer_;       // shared: with other handles; the last one closes
};

// A channel to `target`, an address such as "pipe:greeter". Makes no connection: it fails for an invalid
// address, scheme or option, whose value it names, and not because nobody listens. If the caller runs on a
// loop, as handlers and callbacks do, the channel belongs to that loop, and calls from there need no other
// thread; otherwise the Runtime's loops take turns.
Result<Channel> dial(net::Host& host, std::string_view target, ChannelOptions options = {});

}  // namespace sluice::inline v0
