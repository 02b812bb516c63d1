// The untyped streams of a call, which transports implement and the typed streams of generated code use
// (grpc-go: grpc.ClientStream, grpc.ServerStream).
#pragma once

#include "sluice/async/op.h"
#include "sluice/base/message.h"
#include "sluice/rpc/call_options.h"

namespace sluice {

class Codec;
class RpcStream;
class UnaryRecord;

// An operation of a stream. Part of the stream; in use from start_x() until release().
struct StreamRecord : OpRecord {
  using OpRecord::begin;
  using OpRecord::complete;
  RpcStream* stream = nullptr;
};
// One read: a message, or none because the stream has ended (finish() or the context tells why).
struct RecvRecord : StreamRecord {
  Message message;
  bool has_message = false;
  bool compressed = false;       // on the wire; `message` is not. Stays until the next read is done
  const Codec* codec = nullptr;  // decodes the message; null: its type's own encoding
  void* into = nullptr;          // the reader's object, see read_into()
};
// One write, header wait or finish.
struct StatusRecord : StreamRecord {
  Status status;
  // The write failed because its message is too long to be sent, and the call goes on. The status does not
  // tell that: if the call's end cut a write off, the peer has chosen the status.
  bool unsendable = false;
};

// The part that both sides share.
//
// Thread: loop-only, except where a function says otherwise. Overlap: one read and one write at the same
// time. A second read or write meanwhile is a FailedRecord with FAILED_PRECONDITION. On the client it ends
// the call with that status. On the server a second read ends the call with INTERNAL, so that the client does
// not take FAILED_PRECONDITION for the service's answer; a second write only fails.
class RpcStream {
 public:
  virtual Loop& loop() const = 0;
  // Encodes and decodes its messages; null: their types' own encodings. A client's: any thread.
  virtual const Codec* codec() const = 0;
  virtual OpRecord* start_recv() = 0;  // a RecvRecord
  // A StatusRecord. Done when the call has a connection and at most 64 KiB wait for the peer's window;
  // `message` may be destroyed then.
  virtual OpRecord* start_send(const Message& message, WriteOptions options) = 0;
  // Whether the last message read, or the single reply, came compressed.
  virtual bool message_compressed() const { return false; }
  // Any thread. Ends the call with `status`: a message did not decode. If the server has ended a client's
  // call with OK, `status` still replaces that.
  virtual void fail(Status status) = 0;
  // Any thread. Ends the call with CANCELLED, unless it has ended.
  virtual void cancel() { fail(Status(StatusCode::kCancelled, "call cancelled")); }
  // Any thread. As fail(), because the user of the stream has broken a rule. A server tells its client
  // INTERNAL.
  virtual void misused(Status why) { fail(std::move(why)); }

  // Gives a record back after its outcome was taken. If it is not done, its outcome is dropped, and the call
  // ends with CANCELLED.
  virtual void release(OpRecord& record) = 0;

 protected:
  ~RpcStream() = default;
};

// The client's side of a stream. Lifetime: owned by a ClientStreamPtr, whose end cancels a call that is not
// finished; the transport frees the stream later.
class ClientStream : public RpcStream {
 public:
  virtual OpRecord* start_close_write() = 0;  // StatusRecord; counts as a write
  virtual OpRecord* start_header() = 0;       // StatusRecord: the header has come, or the call has ended
  // StatusRecord: half-closes, discards unread messages, and is done with the call's status.
  virtual OpRecord* start_finish() = 0;
  // UnaryRecord, for client streaming: half-closes, and is done with the reply and the call's status.
  virtual OpRecord* start_finish_unary() = 0;

  // Any thread. Cancels the call; the stream frees itself later.
  virtual void drop() = 0;
  // REQUIRE: an operation whose end tells of them is done: start_header(), start_recv() or start_finish().
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

// The server's side of a stream. Lifetime: owned by the transport; valid until the handler has ended.
class ServerStream : public RpcStream {
 public:
  virtual ServerContext& context() = 0;
  // Sends the header now instead of with the first message. Does nothing if the header was sent.
  virtual Status send_header() = 0;

 protected:
  ~ServerStream() = default;
};

}  // namespace sluice
