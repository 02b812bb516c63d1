// Transport: one connection, as the channel or server that it serves sees it (grpc-go:
// transport.ClientTransport, transport.ServerTransport); and what makes transports out of connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/base/addr.h"
#include "sluice/base/flow_control.h"
#include "sluice/base/limits.h"
#include "sluice/base/message.h"
#include "sluice/base/status.h"
#include "sluice/base/time.h"
#include "sluice/net/conn.h"

namespace sluice::inline v0::call {

class MadeCall;
class ServedCall;
class Transport;

// How a connection came to its end, for those who count and log.
struct TransportEnd {
  Status why;
  // A line without its beginning: "ended: connection closed by tcp:10.0.0.7:4711".
  std::string text;
  // The peer ended it by breaking the protocol, by stopping in the middle, or never spoke it.
  bool broken = false;
  Limit exceeded = Limit::kNone;      // the limit that the peer went beyond, and that ended it
  const LimitPeaks* peaks = nullptr;  // null: it came near none
};

// What a transport tells the channel or server that it serves. Loop-only.
class TransportOwner {
 public:
  // Server: a call begins. Returns it, with room for a stream of `stream_size` bytes behind it; null refuses
  // it.
  virtual ServedCall* on_incoming(Transport& transport, std::size_t stream_size) = 0;
  virtual void on_ready(Transport& transport) = 0;     // the peer is there, and speaks the protocol
  virtual void on_capacity(Transport& transport) = 0;  // open() may succeed again
  virtual void on_draining(Transport& transport) = 0;  // the peer has said so: no new calls here
  // Client: the server has not processed this call, nor will it; the transport has let go of it. It is to be
  // sent again (MadeCall::begin_again) or to end.
  virtual void on_unprocessed(MadeCall& call) = 0;
  // The last word. Every call has been let go of. The transport may be destroyed.
  virtual void on_closed(Transport& transport, const TransportEnd& end) = 0;

 protected:
  ~TransportOwner() = default;
};

// Thread: belongs to the loop of its connection; everything is loop-only. Lifetime: destroyed by its owner,
// in or after on_closed.
class Transport {
 public:
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  virtual void start() = 0;
  virtual const Addr& peer_addr() const = 0;
  TimePoint begun() const { return begun_; }

  // Client: whether a call can begin here now.
  virtual bool can_open() const = 0;
  // Client: begins the call, which has not ended, or ends it if it cannot be sent. `request`: the one message
  // of a unary call, which the call has not kept; a transport that does not keep it at once does so before it
  // says that the call is unprocessed. Null: what the call has kept is sent. False: nothing was done, as no
  // call can begin here now.
  virtual bool open(MadeCall& call, const Message* request) = 0;
  // Client: how many calls the server allows at once; nullopt before it has said so.
  virtual std::optional<std::uint32_t> calls_allowed() const = 0;
  // Client: it drains, and calls go on that the server has accepted.
  virtual bool goes_on() const = 0;
  // Client: a response has begun.
  virtual bool answered() const = 0;

  // Server: refuses new calls politely, so that clients send them elsewhere, and closes when the last one has
  // ended. Client: opens none any more; closes likewise. Idempotent.
  virtual void drain() = 0;
  // Ends every call and the connection now; on_closed follows from the loop. Idempotent.
  virtual void close(Status why) = 0;
  // Server: closes what is one too many.
  virtual void turn_away(Limit limit) = 0;

  std::size_t slot = 0;        // where its owner keeps it
  std::uint64_t stranger = 0;  // its number among its owner's connections that are not ready; 0: none

 protected:
  explicit Transport(TimePoint begun) : begun_(begun) {}

 private:
  const TimePoint begun_;
};

struct TransportOptions {
  std::uint32_t max_concurrent_streams = UINT32_MAX;  // server: of the client's
  TimePoint handshake_deadline = kNever;              // for on_ready
  const Limits* limits = &kDefaultLimits;             // outlive the transport
  FlowControl flow_control = {};
};

// A connection that is not taken, told why.
//
// Thread: loop-only. Lifetime: its owner's, at least until Owner::on_said.
class Farewell {
 public:
  class Owner {
   public:
    // The connection is closed. It may go now.
    virtual void on_said(Farewell& farewell) = 0;

   protected:
    ~Owner() = default;
  };

  virtual ~Farewell() = default;
  // True: it is said, and Owner::on_said does not follow.
  virtual bool say() = 0;
  // Ends it now; on_said follows from the loop.
  virtual void close() = 0;

  std::size_t slot = 0;  // where its owner keeps it
};

// One kind of transport. Thread: any; what is made belongs to the connection's loop. Lifetime: longer than
// what it has made.
class Transports {
 public:
  // Bytes that a stream of it needs behind a MadeCall.
  virtual std::size_t client_stream_size() const = 0;
  virtual std::unique_ptr<Transport> make_client(std::unique_ptr<net::Conn> conn,
                                                 const TransportOptions& options,
                                                 TransportOwner& owner) const = 0;
  virtual std::unique_ptr<Transport> make_server(std::unique_ptr<net::Conn> conn,
                                                 const TransportOptions& options,
                                                 TransportOwner& owner) const = 0;
  virtual std::unique_ptr<Farewell> make_farewell(std::unique_ptr<net::Conn> conn, std::string_view why,
                                                  TimePoint deadline, Farewell::Owner& owner) const = 0;

 protected:
  ~Transports() = default;
};

}  // namespace sluice::inline v0::call
