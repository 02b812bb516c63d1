// CallStream: the half of a call's stream that client and server share: messages out of DATA, messages into
// DATA, the one read and the one write in flight, flow-control credit.
#pragma once

#include <memory>

#include "http2/session.h"
#include "http2/stream.h"
#include "sluice/rpc/stream.h"
#include "transport/connection.h"
#include "transport/message_encoding.h"
#include "transport/message_queue.h"
#include "wire/message_reader.h"

namespace sluice::transport {

struct MessageLimits {
  std::size_t max_receive = 4 << 20;
  std::size_t max_send = SIZE_MAX;
};

// Thread: loop-only. Lifetime: each kind frees itself when neither the session nor a user or handler holds
// it.
class CallStream : public http2::Stream {
 public:
  // Events, from Connection.
  virtual http2::Tag on_header(const http2::Field& field) = 0;
  virtual void on_header_tag(http2::Tag tag) = 0;
  virtual http2::Tag on_headers_end(http2::EndStream end, bool truncated) = 0;
  virtual void on_repeated_block(http2::Tag tag, http2::EndStream end) = 0;
  virtual void on_reset(http2::ErrorCode code) = 0;
  virtual void on_stream_error(const http2::Error& error) = 0;
  virtual void on_detached(Connection& connection) = 0;  // by on_closed; the stream may free itself
  // The connection is gone; the stream is detached already.
  virtual void on_connection_lost(Connection& connection, const Status& why) = 0;
  // It holds the place now that it waited for; false: it is not wanted any more.
  virtual bool on_place() { return false; }
  virtual void describe(std::string& out) const = 0;
  void on_data(Bytes data, http2::EndStream end);
  void on_writable();

  Connection* connection() const { return conn_; }

 protected:
  // Any thread.
  CallStream(Loop& loop, const MessageLimits& limits)
      : loop_(loop), limits_(limits), reader_(limits.max_receive) {}
  ~CallStream() {
    assert(!conn_ && !recv_in_use_ && !send_in_use_ && !assembly_.active && "a stream ends at rest");
    if (unread_bytes_ > 0) loop_.unread().give_back(memory(), unread_bytes_);
    if (counted_) --loop_.counts().streams;
  }
  void count_in() {
    counted_ = true;
    ++loop_.counts().streams;
  }
  // Before the connection goes out of reach: what is borrowed from it must be copied.
  virtual void on_detaching() {}

  // A whole message has come, which may borrow what was just fed: what to do with it. False: the call ended.
  virtual bool on_message(Received&& message) = 0;
  // The peer has half-closed, after all its messages.
  virtual void on_remote_end() = 0;
  // After watch_body(): every piece of the body, before anything else is made of it.
  virtual void on_body(std::string_view) {}
  void watch_body() { watched_ = true; }
  // The body is no messages; it is watched only.
  void expect_text() { text_ = watched_ = true; }
  // A message could not be assembled, or decompressed.
  virtual void on_bad_message(Status status) = 0;

  void attach_to(Connection& connection);
  void detach_from();

  // The peer has half-closed, with its last DATA or otherwise.
  void end_of_data();
  // Some but not all of a message has come that somebody wants.
  bool inside_message() const { return !discarding_ && !text_ && reader_.in_message(); }

  // Reads.
  OpRecord* start_recv(RpcStream& self);
  void release_recv();
  // For the reader, now or later. What waits stays compressed: a window full of messages that are small on
  // the wire costs no more than the window.
  void queue_message(Received&& message);
  // No more messages will come; what is queued can still be read unless `drop`.
  void end_reads(bool drop);
  bool reads_ended() const { return reads_ended_; }
  bool recv_waiting() const { return recv_in_use_ && !recv_.done(); }
  // From now on messages are thrown away as they come.
  void discard_messages();

  // Writes.
  // Takes the record for one write, or returns a FailedRecord because another write is in flight.
  OpRecord* claim_send(RpcStream& self);
  // The write is done now, or when the queue has drained.
  void complete_send_when_queued();
  void complete_send(Status status);
  void release_send();
  bool send_waiting() const { return send_in_use_ && !send_.done(); }

  // Appends the prefixed message to `out`. Small ones are borrowed from `scratch`, which must live until
  // submitted. What is too long is told to send_ too.
  struct Scratch {
    std::byte bytes[512];
  };
  Status encode(const Message& message, WriteOptions options, Scratch& scratch, Chain& out) {
    if (encoding_) [[unlikely]]
      return encode_as_chosen(message, options, scratch, out);
    return encode_plain(message, scratch, out);
  }

  // Compression and codec: null as long as the call has nothing to do with them.
  [[gnu::noinline]] MessageEncoding& encoding();
  // The peer has named an encoding, which encoding().receives is.
  void allow_compressed() { reader_.allow_compressed(); }
  // In place. RESOURCE_EXHAUSTED or INTERNAL.
  [[gnu::noinline]] Status decompress(Chain& message) const;

  // A reader is there for the message that is being assembled.
  virtual bool wants_message() const { return recv_waiting(); }
  void consume(std::size_t n);  // n bytes of messages were taken: their credit goes back
  MemoryBudget& memory() const { return loop_.group().memory(); }
  // Tells the loop what is unread: what is held, but for what has room, and `besides` that is no stream's any
  // more.
  [[gnu::noinline]] void count_unread(std::size_t besides = 0);
  bool counts_unread() const { return unread_bytes_ > 0; }
  static constexpr std::size_t kPrefix = 5;
  void reset(http2::ErrorCode code);

  Loop& loop_;
  const MessageLimits limits_;
  Connection* conn_ = nullptr;  // null before opening and after detaching
  RecvRecord recv_;
  StatusRecord send_;
  bool recv_in_use_ = false;
  bool send_in_use_ = false;
  struct FreeEncoding {
    [[gnu::cold]] void operator()(MessageEncoding* encoding) const;
  };
  std::unique_ptr<MessageEncoding, FreeEncoding> encoding_;

 private:
  friend class Assemblies;
  friend class Connection;
  friend class StreamList;
  bool take_messages(Bytes data);
  [[gnu::noinline]] Status encode_as_chosen(const Message& message, WriteOptions options, Scratch& scratch,
                                            Chain& out);
  Status encode_plain(const Message& message, Scratch& scratch, Chain& out);
  [[gnu::noinline]] Status encode_compressed(const Message& message, Scratch& scratch, Chain& out);
  bool may_send(std::size_t size) const { return size <= limits_.max_send && size <= 0xffffffffu; }
  [[gnu::cold]] Status too_long(std::size_t size);
  void deliver(bool compressed);
  [[gnu::noinline]] void deliver_compressed();
  void want_more();
  [[gnu::noinline]] void grow_window();
  [[gnu::noinline]] void count_less();
  [[gnu::cold]] void shrink_window();
  [[gnu::cold]] void give_growth_back(std::size_t bytes);
  void end_assembly();
  // For assertions; call_stream_credit.cc.
  bool credit_is_conserved() const;
  bool holds_what_it_counts() const;

  wire::MessageReader reader_;
  bool unread_ = false;  // recv_.message is one that nobody has asked for yet
  bool unread_compressed_ = false;
  MessageQueue inbox_;  // complete and unread after that one
  bool reads_ended_ = false;
  bool discarding_ = false;
  bool text_ = false;
  bool watched_ = false;
  bool counted_ = false;
  std::size_t held_ = 0;          // bytes received and not consumed
  std::size_t unread_bytes_ = 0;  // what the loop has been told of
  Assembly assembly_;             // of a message that is longer than the window
  std::size_t grown_ = 0;         // bytes, of its window
  // Bytes received and not credited, but for what the window has grown by; negative while more was credited
  // ahead.
  std::int64_t debt_ = 0;
  CallStream* prev_ = nullptr;
  CallStream* next_ = nullptr;
};

}  // namespace sluice::transport
