// ChannelBase: the interface between typed calls and what carries them.
#pragma once

#include <memory>
#include <string_view>

#include "sluice/base/limits.h"
#include "sluice/rpc/stream.h"

namespace sluice::inline v0 {

// The method of a call. Lifetime: `path` must outlive the calls; usually it is a literal.
struct MethodInfo {
  std::string_view path;  // "/helloworld.Greeter/SayHello"
  bool client_streams = false;
  bool server_streams = false;
};

// https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md
enum class ConnectivityState : std::uint8_t { kIdle, kConnecting, kReady, kTransientFailure, kShutdown };
std::string_view to_string(ConnectivityState state);

// A virtual connection to a service. Thread: any, except start_unary. Lifetime: shared; calls in flight keep
// it alive.
class ChannelBase : public std::enable_shared_from_this<ChannelBase> {
 public:
  virtual ~ChannelBase() = default;
  virtual Loop& loop() const = 0;
  // Loop-only. Encodes and sends the request, or queues it until there is a connection. Returns a
  // UnaryRecord, or a FailedRecord.
  virtual detail::OpRecord* start_unary(const MethodInfo& method, const Message& request,
                                        const CallOptions& options) = 0;
  // Any thread. Never null: if the stream cannot be opened, its operations fail. `first` (server streaming):
  // the one request, which is sent at once and half-closes; or null.
  virtual ClientStreamPtr new_stream(const MethodInfo& method, const Message* first,
                                     const CallOptions& options) = 0;
  // The codec of calls whose CallOptions say `name`. Null: the types' own encodings; or `name` is unknown,
  // and such calls fail.
  virtual std::shared_ptr<const Codec> find_codec(std::string_view name) const = 0;
  virtual ConnectivityState state() const = 0;
  // How often each limit has ended a connection so far.
  virtual LimitCounts limit_counts() const { return {}; }
  // The closest that an ended connection has come to each limit.
  virtual LimitPeaks limit_peaks() const { return {}; }
  // Number of calls that have waited for a stream for more than a second.
  virtual std::uint64_t long_waits() const { return 0; }
  // Fails all calls, those in flight and later ones. Idempotent; does not block.
  virtual void close() = 0;
};

}  // namespace sluice::inline v0
