// The abstract streams of a call, below the typed ones of generated code and above any transport: what
// interceptors wrap and hand-written services use (grpc-go: grpc.ClientStream, grpc.ServerStream).
#pragma once

#include "sluice/async/op.h"
#include "sluice/base/message.h"
#include "sluice/rpc/call_options.h"

namespace sluice {

class Codec;
class RpcStream;
class UnaryRecord;

// An operation of a stream; part of it, and in use from start_x until release().
struct StreamRecord : OpRecord {
  using OpRecord::begin;
  using OpRecord::complete;
  RpcStream* stream = nullptr;
};
// One read: a message's bytes, or none because the stream ended (finish() or the context tells why).
struct RecvRecord : StreamRecord {
  Chain message;
  bool has_message = false;
  bool compressed = false;       // on the wire; it is not any more. Stays until the next read is done
  const Codec* codec = nullptr;  // what it is to be decoded with; null: its type's own encoding
  void* into = nullptr;          // the reader's own, see read_into
};
// One write, header wait or finish.
struct StatusRecord : StreamRecord {
  Status status;
  // Of a write that failed: its message is too long to be sent, and the call goes on. The status does not
  // tell: that of a write which the call's end has cut off is the peer's to choose.
  bool unsendable = false;
};

// What both ends of a stream share.
//
// Thread: loop-only, but for fail(). Overlap: one read and one write at a time, at once. A second of the same
// kind is a FailedRecord with FAILED_PRECONDITION. It ends a client's call with that status. Of a server's
// call a second read, which cannot be told more than "ended", does so with INTERNAL: its client must not take
// FAILED_PRECONDITION for an answer of the service. A second write only fails.
class RpcStream {
 public:
  virtual Loop& loop() const = 0;
  // What its messages are encoded with; null: their types' own encodings. Any thread of a client's.
  virtual const Codec* codec() const = 0;
  virtual OpRecord* start_recv() = 0;  // a RecvRecord
  // A StatusRecord: done when the call has a connection and at most 64 KiB wait behind the peer's window;
  // `message` may go then.
  virtual OpRecord* start_send(const Message& message, WriteOptions options) = 0;
  // Whether the message that was read last, or a call's one reply, came compressed.
  virtual bool message_compressed() const { return false; }
  // Any thread. Ends the call with `status`: a reader could not decode. Of a client's call that the server
  // has ended as OK this becomes the status all the same: the message that was read last was none.
  virtual void fail(Status status) = 0;
  // Any thread. Ends the call with CANCELLED, unless it has ended.
  virtual void cancel() { fail(Status(StatusCode::kCancelled, "call cancelled")); }
  // Any thread. As fail(): who uses the stream has broken a rule. A server tells its client INTERNAL.
  virtual void misused(Status why) { fail(std::move(why)); }

  // After the outcome was taken. An operation that is not done is forgotten, and the call ends with
  // CANCELLED.
  virtual void release(OpRecord& record) = 0;

 protected:
  ~RpcStream() = default;
};

// The calling side of a stream.
//
// Lifetime: owned through ClientStreamPtr; letting go of it cancels what is not finished and frees it when
// the transport is done with it.
class ClientStream : public RpcStream {
 public:
  virtual OpRecord* start_close_write() = 0;  // StatusRecord; counts as a write
  virtual OpRecord* start_header() = 0;       // StatusRecord: the header has come, or the call has ended
  // StatusRecord: half-closes, discards what is unread, ends with the call's status.
  virtual OpRecord* start_finish() = 0;
  // UnaryRecord, for client streaming: half-closes, and is done with the one reply and the call's status.
  virtual OpRecord* start_finish_unary() = 0;

  // Any thread. Cancels, and frees the stream in time.
  virtual void drop() = 0;
  // Once start_header, start_recv or start_finish told of them.
  virtual const Metadata& header() const = 0;
  virtual const Metadata& trailer() const = 0;
  virtual const Addr& peer() const = 0;
  void cancel() override = 0;

 protected:
  ~ClientStream() = default;
};

struct DropClientStream {
  void operator()(ClientStream* s) const { s->drop(); }
};
using ClientStreamPtr = std::unique_ptr<ClientStream, DropClientStream>;

class ServerContext;

// The serving side of a stream. Lifetime: the transport's; valid until the handler has ended.
class ServerStream : public RpcStream {
 public:
  virtual ServerContext& context() = 0;
  // Sends the header now instead of with the first message. Nothing if it was sent.
  virtual Status send_header() = 0;

 protected:
  ~ServerStream() = default;
};

}  // namespace sluice
