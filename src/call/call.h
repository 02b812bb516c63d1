// Call: what both sides of a call have: one read and one write in flight, messages that wait to be read, how
// messages are encoded, and the stream that a transport has for it.
#pragma once

#include <cassert>
#include <memory>
#include <string>
#include <utility>

#include "call/inbox.h"
#include "call/message_encoding.h"
#include "call/transport_stream.h"
#include "sluice/async/loop.h"
#include "sluice/async/loop_group.h"
#include "sluice/rpc/stream.h"

namespace sluice::inline v0::call {

struct MessageLimits {
  std::size_t max_receive = 4 << 20;
  std::size_t max_send = SIZE_MAX;
};

// Thread: loop-only. Lifetime: each side frees itself when neither a transport nor a user or handler holds
// it.
class Call {
 public:
  // Bytes that a stream may have unsent() when another message may be written.
  static constexpr std::size_t kWriteAhead = 64 << 10;

  Loop& loop() const { return loop_; }
  const MessageLimits& limits() const { return limits_; }

  // What the transport's stream tells it.

  // A whole message has come; its bytes may borrow what was just received. False: the call has ended.
  virtual bool on_message(Message&& message, bool compressed) = 0;
  // A message could not be assembled, or does not decompress.
  virtual void on_bad_message(Status status) = 0;
  // The message that was coming is given up, and with it those that wait.
  void refuse_message(Status status) { discard_messages(), on_bad_message(std::move(status)); }
  // So little is unsent() that another message may be written.
  void on_writable() {
    if (send_waiting()) complete_send({});
  }

  // What the stream asks it.

  // Somebody is there for the message that is being assembled.
  bool wants_message() const { return one_message_ || inbox_.awaited(); }
  bool discards() const { return inbox_.discards(); }
  // Bytes of the messages that wait to be read, prefixes included.
  std::size_t unread() const { return inbox_.received(); }
  // For reports of who waits: "call /a/b (read)". Nothing if it has ended.
  virtual void describe(std::string& out) const = 0;

  // Appends the prefixed message to `out`. Small ones are borrowed from `room`, which must live until they
  // are sent. A message that is too long also marks the write in flight as unsendable.
  struct Room {
    std::byte bytes[512];
  };
  Status encode(const Message& message, WriteOptions options, Room& room, Chain& out) {
    if (encoding_) [[unlikely]]
      return encode_as_chosen(message, options, room, out);
    return encode_plain(message, room, out);
  }
  // Compression and codec: null as long as the call has nothing to do with them.
  MessageEncoding* known_encoding() const { return encoding_.get(); }
  [[gnu::noinline]] MessageEncoding& encoding();

 protected:
  // Any thread.
  Call(Loop& loop, const MessageLimits& limits) : loop_(loop), limits_(limits) {}
  [[gnu::always_inline]] ~Call() {
    assert(!inbox_.in_use() && !send_in_use_ && !held_by_transport_ && "a call ends at rest");
    if (counted_) --loop_.counts().streams;
  }
  void count_in() {
    counted_ = true;
    ++loop_.counts().streams;
  }

  // Its transport's stream lies behind it, in the same block.
  static constexpr std::size_t round_up(std::size_t size) {
    return (size + alignof(std::max_align_t) - 1) & ~(alignof(std::max_align_t) - 1);
  }
  void opened(TransportStream& stream) {
    stream_ = &stream;
    held_by_transport_ = true;
  }

  // Reads.
  detail::OpRecord* start_recv(RpcStream& self);
  // To the reader, now or later.
  void queue_message(Message&& message, bool compressed);
  // No more messages will come; what is queued can still be read unless `drop`.
  void end_reads(bool drop);
  // Before end_reads(), of a stream: reads give `why` from now on, not the end of the stream.
  void cut_reads(Status why) { inbox_.record().status = std::move(why); }
  // From now on messages are thrown away as they come.
  void discard_messages();

  // Writes.
  // Takes the record for one write, or returns a FailedRecord because another write is in flight.
  detail::OpRecord* claim_send(RpcStream& self);
  // The write is done now, or when the peer has taken some of what was written.
  void complete_send_when_queued() {
    if (stream_->unsent() <= kWriteAhead) complete_send({});
  }
  void complete_send(Status status);
  void release_send() { send_in_use_ = false; }
  // The last one was given back before it was done.
  bool send_was_dropped() const { return !send_in_use_ && !send_.done(); }
  bool send_waiting() const { return send_in_use_ && !send_.done(); }

  // In place. RESOURCE_EXHAUSTED or INTERNAL.
  [[gnu::noinline]] Status decompress(Message& message) const;

  Loop& loop_;
  const MessageLimits limits_;
  Inbox inbox_;
  detail::StatusRecord send_;
  bool send_in_use_ = false;
  bool one_message_ = false;           // is what it takes
  bool held_by_transport_ = false;     // its stream
  TransportStream* stream_ = nullptr;  // null before it is opened
  struct FreeEncoding {
    [[gnu::cold]] void operator()(MessageEncoding* encoding) const;
  };
  std::unique_ptr<MessageEncoding, FreeEncoding> encoding_;

 private:
  void deliver(Inbox::Waiting how);
  [[gnu::noinline]] void deliver_compressed();
  void deliver_again();
  [[gnu::noinline]] Status encode_as_chosen(const Message& message, WriteOptions options, Room& room,
                                            Chain& out);
  Status encode_plain(const Message& message, Room& room, Chain& out);
  [[gnu::noinline]] Status encode_compressed(const Message& message, Room& room, Chain& out);
  bool may_send(std::size_t size) const { return size <= limits_.max_send && size <= 0xffffffffu; }
  [[gnu::cold]] Status too_long(std::size_t size);

  bool counted_ = false;
};

}  // namespace sluice::inline v0::call
