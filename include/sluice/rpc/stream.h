// The untyped streams of a call, which transports implement and the typed streams of generated code use
// (grpc-go: grpc.ClientStream, grpc.ServerStream).
#pragma once

#include "sluice/rpc/call_options.h"
#include "sluice/rpc/detail/records.h"

namespace sluice::inline v0 {

class Codec;

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
  virtual detail::OpRecord* start_recv() = 0;  // a RecvRecord
  // A StatusRecord. Done when the call has a connection and at most 64 KiB wait for the peer's window;
  // `message` may be destroyed then.
  virtual detail::OpRecord* start_send(const Message& message, WriteOptions options) = 0;
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

  // Gives a record back. On the client, one that is not done ends the call with CANCELLED. On the server the
  // call goes on: what was to be sent is on its way, and a message that nobody has taken is the next read's.
  virtual void release(detail::OpRecord& record) = 0;
  // As release(), of a read that nobody waits for any more: its message, there or to come, is the next
  // read's.
  virtual void keep(detail::OpRecord& record) = 0;

 protected:
  ~RpcStream() = default;
};

// The client's side of a stream. Lifetime: owned by a ClientStreamPtr, whose end cancels a call that is not
// finished; the transport frees the stream later.
class ClientStream : public RpcStream {
 public:
  virtual detail::OpRecord* start_close_write() = 0;  // StatusRecord; counts as a write
  virtual detail::OpRecord* start_header() = 0;  // StatusRecord: the header has come, or the call has ended
  // StatusRecord: half-closes, discards unread messages, and is done with the call's status.
  virtual detail::OpRecord* start_finish() = 0;
  // UnaryRecord, for client streaming: half-closes, and is done with the reply and the call's status.
  virtual detail::OpRecord* start_finish_unary() = 0;

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

namespace detail {
struct DropClientStream {
  void operator()(ClientStream* s) const { s->drop(); }
};
}  // namespace detail
using ClientStreamPtr = std::unique_ptr<ClientStream, detail::DropClientStream>;

class ServerContext;

// The server's side of a stream. Lifetime: owned by the transport; valid until the handler has ended.
class ServerStream : public RpcStream {
 public:
  virtual ServerContext& context() = 0;
  // Sends the header now instead of with the first message. Does nothing if the header was sent.
  virtual Status send_header() = 0;
  // Any thread, while the handler runs. As fail(), where OK may be the outcome of a method that replies with
  // a stream.
  virtual void finish(Status status) = 0;

 protected:
  ~ServerStream() = default;
};

}  // namespace sluice::inline v0
