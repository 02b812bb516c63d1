// CallStream: the HTTP/2 stream of a call, as far as client and server share it: messages out of DATA,
// messages into DATA, flow-control credit.
#pragma once

#include <memory>

#include "call/call.h"
#include "http2/session.h"
#include "http2/stream.h"
#include "transport/connection.h"
#include "wire/message_reader.h"

namespace sluice::inline v0::transport {

// Thread: loop-only. Lifetime: the call's, behind which it lies.
class CallStream : public http2::Stream {
 public:
  // Events, from Connection.
  virtual http2::Tag on_header(const http2::Field& field) = 0;
  virtual void on_header_tag(http2::Tag tag) = 0;
  virtual http2::Tag on_headers_end(http2::EndStream end, bool truncated) = 0;
  virtual void on_repeated_block(http2::Tag tag, http2::EndStream end) = 0;
  virtual void on_reset(http2::ErrorCode code) = 0;
  virtual void on_stream_error(const http2::Error& error) = 0;
  virtual void on_detached(Connection& connection) = 0;  // by on_closed; it may be freed with its call
  // The connection is gone; the stream is detached already.
  virtual void on_connection_lost(Connection& connection, const Status& why) = 0;
  void on_data(Bytes data, http2::EndStream end);
  void on_writable() { call_.on_writable(); }

  void describe(std::string& out) const { call_.describe(out); }

 protected:
  explicit CallStream(call::Call& call)
      : call_(call), loop_(call.loop()), reader_(call.limits().max_receive) {}
  ~CallStream() {
    assert(!conn_ && !assembly_.active && "a stream ends at rest");
    if (unread_bytes_ > 0) loop_.unread().give_back(memory(), unread_bytes_);
  }
  // Before the connection goes out of reach.
  virtual void on_detaching() {}
  // The peer has half-closed, after all its messages.
  virtual void on_remote_end() = 0;
  // After watch_body(): every piece of the body, before anything else is made of it.
  virtual void on_body(std::string_view) {}
  void watch_body() { watched_ = true; }
  // The body is no messages; it is watched only.
  void expect_text() { text_ = watched_ = true; }
  // The peer has named an encoding, which call_.encoding().receives is.
  void allow_compressed() { reader_.allow_compressed(); }

  void attach_to(Connection& connection);
  void detach_from();
  bool open() const { return conn_ && attached(); }

  // The peer has half-closed, with its last DATA or otherwise.
  void end_of_data();
  // Some but not all of a message has come that somebody wants.
  bool inside_message() const { return !call_.discards() && !text_ && reader_.in_message(); }

  // For call::TransportStream.
  void want_more();
  void consume(std::size_t n);  // n bytes of messages were taken: their credit goes back
  bool holds_messages() const { return held_ > 0 || assembly_.active; }
  void drop_messages();
  std::size_t queued_for_peer() const { return open() ? queued() : 0; }

  // Tells the loop what is unread: what is held, but for what has room, and `besides` that is no stream's any
  // more.
  [[gnu::noinline]] void count_unread(std::size_t besides = 0);
  void reset(http2::ErrorCode code);

  call::Call& call_;
  Loop& loop_;
  Connection* conn_ = nullptr;  // null before opening and after detaching

 private:
  friend class Assemblies;
  friend class Connection;
  friend class StreamList;
  MemoryBudget& memory() const { return loop_.group().memory(); }
  bool take_messages(Bytes data);
  [[gnu::noinline]] void grow_window();
  [[gnu::noinline]] void count_less();
  [[gnu::cold]] void shrink_window();
  [[gnu::cold]] void give_growth_back(std::size_t bytes);
  void end_assembly();
  // For assertions; call_stream_credit.cc.
  bool credit_is_conserved() const;
  bool holds_what_it_counts() const;

  wire::MessageReader reader_;
  bool text_ = false;
  bool watched_ = false;
  std::size_t held_ = 0;          // bytes received and not consumed
  std::size_t unread_bytes_ = 0;  // what the loop has been told of
  Assembly assembly_;             // of a message that is longer than the window
  std::size_t grown_ = 0;         // bytes, of its window
  // Bytes received and not credited, but for what the window has grown by; negative while more was credited
  // ahead.
  std::int64_t debt_ = 0;
  CallStream* prev_;  // in the connection's list
  CallStream* next_;
};

// What a call asks of its stream that is the same on both sides. `Side` is call::ClientTransportStream or
// call::ServerTransportStream.
template <class Side>
class CallStreamOf : public CallStream, public Side {
 public:
  std::size_t unsent() const final { return queued_for_peer(); }
  void want_message() final { want_more(); }
  void consumed(std::size_t bytes) final { consume(bytes); }
  void discard() final {
    if (holds_messages()) drop_messages();
  }

 protected:
  using CallStream::CallStream;
};

}  // namespace sluice::inline v0::transport
