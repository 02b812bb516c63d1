// ChannelBase: the seam between typed calls and whatever carries them.
#pragma once

#include <memory>
#include <string_view>

#include "sluice/base/limits.h"
#include "sluice/rpc/stream.h"

namespace sluice {

// One unary call in flight, part of the carrier's pooled object. Loop-only until done.
class UnaryRecord : public OpRecord {
 public:
  using OpRecord::begin;
  using OpRecord::complete;
  virtual void cancel() = 0;   // ends it with CANCELLED, unless it has ended
  virtual void release() = 0;  // gives it back; cancels first
  virtual const Metadata& header() const = 0;
  virtual const Metadata& trailer() const = 0;
  virtual const Addr& peer() const = 0;
  // Once done: OK with the reply's bytes, or the failure.
  Status status;
  Chain reply;
  bool reply_compressed = false;  // on the wire
  const Codec* codec = nullptr;   // what the reply is to be decoded with; null: its type's own encoding
  // Where CallOptions want what came beside the reply; filled when the outcome is taken, and never if the
  // caller has dropped the call.
  Metadata* header_out = nullptr;
  Metadata* trailer_out = nullptr;
  Addr* peer_out = nullptr;
  bool* reply_compressed_out = nullptr;

 protected:
  ~UnaryRecord() = default;
};

// The method of a call. Lifetime: the path must live as long as the calls made with it; as a rule it is a
// literal.
struct MethodInfo {
  std::string_view path;  // "/helloworld.Greeter/SayHello"
  bool client_streams = false;
  bool server_streams = false;
};

// https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md
enum class ConnectivityState : std::uint8_t { kIdle, kConnecting, kReady, kTransientFailure, kShutdown };
std::string_view to_string(ConnectivityState state);

// A virtual connection to a service. Thread: any, but for start_unary. Lifetime: shared; the calls in flight
// keep it alive.
class ChannelBase : public std::enable_shared_from_this<ChannelBase> {
 public:
  virtual ~ChannelBase() = default;
  virtual Loop& loop() const = 0;
  // Loop-only. Encodes and sends, or queues until there is a connection. A UnaryRecord, or a FailedRecord.
  virtual OpRecord* start_unary(const MethodInfo& method, const Message& request,
                                const CallOptions& options) = 0;
  // Any thread; never null: a stream that could not be opened says so in its operations. `first`, if not
  // null, is sent at once and half-closes (server streaming).
  virtual ClientStreamPtr new_stream(const MethodInfo& method, const Message* first,
                                     const CallOptions& options) = 0;
  // What a call is encoded with whose CallOptions say this; null: the types' own encodings, and also a name
  // that is not known, with which calls fail.
  virtual std::shared_ptr<const Codec> find_codec(std::string_view name) const = 0;
  virtual ConnectivityState state() const = 0;
  // How often each limit has ended a connection so far.
  virtual LimitCounts limit_counts() const { return {}; }
  // The nearest that a connection has come to each limit, of those that have ended.
  virtual LimitPeaks limit_peaks() const { return {}; }
  // How many calls so far have waited for a stream for more than a second.
  virtual std::uint64_t long_waits() const { return 0; }
  // Fails what is in flight and what comes; idempotent, does not block.
  virtual void close() = 0;
};

}  // namespace sluice
