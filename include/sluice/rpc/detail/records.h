// The records of calls: what an operation gives back when it is done. Transports fill them in, typed calls
// and streams read them.
#pragma once

#include "sluice/async/op.h"
#include "sluice/base/message.h"

namespace sluice::inline v0 {
class Codec;
class RpcStream;
}  // namespace sluice::inline v0

namespace sluice::inline v0::detail {

// An operation of a stream. Part of the stream; in use from start_x() until release().
struct StreamRecord : OpRecord {
  using OpRecord::begin;
  using OpRecord::complete;
  RpcStream* stream = nullptr;
};
// One read: a message, or none because the stream has ended (finish() or the context tells why).
struct RecvRecord : StreamRecord {
  Message message;
  bool has_message = false;      // who takes it says so by false
  Status status;                 // without a message: OK at the end of the stream, or why it was cut off
  bool compressed = false;       // on the wire; `message` is not. Stays until the next read is done
  const Codec* codec = nullptr;  // decodes the message; null: its type's own encoding
  Status* status_out = nullptr;  // see read_into()
  void* into = nullptr;          // the reader's object, see read_into()
};
// One write, header wait or finish.
struct StatusRecord : StreamRecord {
  Status status;
  // The write failed because its message is too long to be sent, and the call goes on. The status does not
  // tell that: if the call's end cut a write off, the peer has chosen the status.
  bool unsendable = false;
};

// One unary call in flight; part of a pooled object of the carrier. Thread: loop-only until done.
class UnaryRecord : public OpRecord {
 public:
  using OpRecord::begin;
  using OpRecord::complete;
  virtual void cancel() = 0;   // ends it with CANCELLED, unless it has ended
  virtual void release() = 0;  // cancels, and gives the record back to its pool
  virtual const Metadata& header() const = 0;
  virtual const Metadata& trailer() const = 0;
  virtual const Addr& peer() const = 0;
  // Set when done: OK and the reply, or the failure.
  Status status;
  Message reply;
  bool reply_compressed = false;  // on the wire
  const Codec* codec = nullptr;   // decodes the reply; null: its type's own encoding
  // The outputs of CallOptions. Written when the outcome is taken; not written if the caller drops the call.
  Metadata* header_out = nullptr;
  Metadata* trailer_out = nullptr;
  Addr* peer_out = nullptr;
  bool* reply_compressed_out = nullptr;

 protected:
  ~UnaryRecord() = default;
};

}  // namespace sluice::inline v0::detail
