// Channel: a virtual connection to a service (grpc-go: grpc.ClientConn). It connects when the first call
// needs it, reconnects with back-off, and is what stubs are made of.
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

namespace sluice {

// Waits between attempts to connect (gRPC's connection-backoff.md has the defaults and their reasons).
struct BackoffOptions {
  Duration initial = std::chrono::seconds(1);  // not negative
  double multiplier = 1.6;                     // 1 or more
  double jitter = 0.2;  // 0 to 1: each wait is multiplied by a random factor within 1 ± jitter
  Duration max = std::chrono::seconds(120);  // not negative; of the wait before jitter
  Duration min_connect_timeout =
      std::chrono::seconds(20);  // what one attempt is given, HTTP/2 handshake included; more than nothing

  // INVALID_ARGUMENT names the first that is none of these, and its value. dial() asks this.
  Status check() const;
};

struct ChannelOptions {
  // ":authority" of the calls; empty: the target's text, or "localhost" for a path.
  std::string authority = {};
  std::string user_agent = {};  // put in front of sluice's own
  std::size_t max_receive_message_size =
      4 << 20;  // bytes; a longer reply is RESOURCE_EXHAUSTED before it is stored
  std::size_t max_send_message_size = SIZE_MAX;  // bytes; a longer request fails so and sends nothing
  // What replies may be encoded with, and requests. (grpc-go: encoding.RegisterCompressor)
  CompressorSet compressors = {};
  // Of requests, unless their CallOptions say otherwise: one of `compressors`; empty or "identity": none.
  std::string compression_algorithm = {};
  // What messages may be encoded with beside their own encodings, "proto". (grpc-go: encoding.RegisterCodec)
  CodecSet codecs = {};
  // Of calls, unless their CallOptions say otherwise: one of `codecs`; empty or "proto": none of them.
  std::string codec = {};
  Limits limits = {};             // of what a server may cost; the defaults are safe
  FlowControl flow_control = {};  // of replies
  BackoffOptions backoff = {};
  // Around every call, the first outermost (interceptor.h).
  InterceptorChain<ClientInterceptor> interceptors = {};
};

// A handle; copies are the same channel.
//
// Thread: any. Lifetime: the last handle closes the channel without blocking; the Runtime must outlive it.
// Stubs hold a copy. Errors: calls on a closed channel fail with CANCELLED "channel is closed"; while a
// connection is being made they wait, and fail with UNAVAILABLE and the cause when that fails, as do calls in
// the back-off behind it (ChannelOptions::backoff; there is no wait-for-ready yet).
// A call that has not left this process when its connection ends, and once one that the server refused
// without processing it (GOAWAY, REFUSED_STREAM), waits like a new one and is sent again; of a stream that
// has written since it was opened, and of a request of more than 256 KiB, the second is not done.
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
  // For ClientReader, ClientWriter and ClientReaderWriter. `first`: the one request of a server stream.
  ClientStreamPtr new_stream(const MethodInfo& method, const CallOptions& options = {},
                             const Message* first = nullptr) const {
    return base_->new_stream(method, first, options);
  }

  // As of the last time that its loop ran. A channel that is idle connects with its next call.
  ConnectivityState state() const { return base_->state(); }
  // How often each limit has ended a connection so far; a server's is Server::limit_counts().
  LimitCounts limit_counts() const { return base_->limit_counts(); }
  // The nearest that a connection has come to each limit, of those that have ended.
  LimitPeaks limit_peaks() const { return base_->limit_peaks(); }
  // How many calls have waited so far for longer than a second because all streams that the server allows at
  // once were in use (its SETTINGS_MAX_CONCURRENT_STREAMS). The log tells of the first.
  std::uint64_t long_waits() const { return base_->long_waits(); }
  // Fails what is in flight and what comes; idempotent, does not block.
  void close() { base_->close(); }
  ChannelBase& base() const { return *base_; }

 private:
  std::shared_ptr<ChannelBase> base_;  // shared: with the calls in flight
  std::shared_ptr<void> closer_;       // shared: with other handles; the last one closes
};

// A channel to `target`: an address such as "pipe:greeter". Lazy: errors in the address, its scheme or the
// options are told now, with the value that is wrong; whether anybody listens is not. Dialled in a handler or
// callback it lives on the loop that runs it, which then runs its calls without another thread; otherwise
// the Runtime's loops take turns.
Result<Channel> dial(net::Host& host, std::string_view target, ChannelOptions options = {});

}  // namespace sluice
