// What a transport does for one call (grpc-go: transport.ClientStream, transport.ServerStream). The call
// tells it what to send, what was read and how it ended; the stream tells the call what comes.
#pragma once

#include <cstddef>
#include <optional>

#include "sluice/async/runnable.h"
#include "sluice/base/addr.h"
#include "sluice/base/message.h"
#include "sluice/base/metadata.h"
#include "sluice/base/status.h"
#include "sluice/rpc/call_options.h"

namespace sluice::inline v0::call {

// Both sides.
//
// Thread: loop-only. Lifetime: it lies in its call's memory, behind it. The call destroys it when it frees
// itself or begins again, which is after the transport has let go of it. Once that has happened only
// consumed() and discard() are called: messages that had come before may still be read.
class TransportStream {
 public:
  // Encodes the message and sends it, or hands it over; the call lets go of it then. `options.last`: the
  // client half-closes behind it. A failed status: nothing was sent.
  virtual Status send(const Message& message, WriteOptions options) = 0;
  // Bytes that were accepted and have not left, as far as its peer's flow control keeps them back; 0 when it
  // is closed.
  virtual std::size_t unsent() const = 0;

  // There is a reader, and no message: credit for one that is longer than the window.
  virtual void want_message() = 0;
  // Messages were taken that were `bytes` long as they came, prefixes included.
  virtual void consumed(std::size_t bytes) = 0;
  // Messages, those that wait and those to come, are thrown away.
  virtual void discard() = 0;

 protected:
  ~TransportStream() = default;
};

class ClientTransportStream : public TransportStream {
 public:
  virtual ~ClientTransportStream() = default;
  // Nothing follows what was sent.
  virtual void half_close() = 0;
  // The call has its status; what is still under way is of no use.
  virtual void on_call_ended(const Status& status) = 0;
};

class ServerTransportStream : public TransportStream {
 public:
  virtual ~ServerTransportStream() = default;
  virtual Status send_header() = 0;
  // Header, if none was sent, and trailer, or one block for both. Nothing where the client is gone.
  virtual void send_status(const Status& status) = 0;
  // The deadline has passed, and the status would have to wait behind messages that the client does not let
  // through.
  virtual void reset() = 0;
  // Runs `node` soon, when the transport is not in the middle of what it reads.
  virtual void start_soon(Runnable& node) = 0;
  // The call holds so many bytes of a request beside what waits to be read, until it is told of 0.
  virtual void hold_request(std::size_t bytes) = 0;
  // A request was refused or was none: worth a line in the log.
  virtual void complain(const Status& why) = 0;

  // REQUIRE: the transport has not let go of the stream.
  virtual const Addr& peer() const = 0;
  virtual const Addr& local() const = 0;
  virtual std::optional<PeerCredentials> peer_credentials() const = 0;
  // What was received and is not in the call's metadata yet, as few ask for it: :authority and user-agent.
  virtual void complete(Metadata& metadata) const = 0;
};

}  // namespace sluice::inline v0::call
