// ClientStream: one call as its client sees it, unary or streaming: request headers, deadline, cancellation,
// and the response turned into messages and one final status.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/rpc/channel_base.h"
#include "sluice/rpc/interceptor.h"
#include "transport/call_stream.h"
#include "transport/pending_calls.h"
#include "wire/metadata_fields.h"

namespace sluice::transport {

// Bytes of requests that the calls of a channel hold until they know that they need not be sent again. Those
// that fit into the call itself do not count. Loop-only.
struct HeldRequests {
  static constexpr std::size_t kMostOfACall = 256 << 10;
  static constexpr std::size_t kMostOfAChannel = 16 << 20;
  std::uint32_t bytes = 0;
};

// What every request of a channel says.
struct ClientIdentity {
  std::string authority;
  std::string user_agent;
  std::span<const InterceptorRef<ClientInterceptor>> interceptors = {};  // told before each call is sent
  Compression compression;
  Codecs codecs;
  HeldRequests& held;
  // Calls have more to settle than their own options say.
  const bool encodes = compression.sends != 0 || codecs.usual != nullptr;
};

// Thread: loop-only but for cancel, drop and fail. Lifetime: frees itself when its user has let go of it
// (release of the unary record, drop of the stream) and the session has too.
class ClientStream final : public sluice::ClientStream, public CallStream {
 public:
  // Any thread; a unary call on the loop only. `options` are read now and not kept, but for the outputs of a
  // unary call.
  enum class Kind : bool { kStream, kUnary };
  static ClientStream* make(Kind kind, Loop& loop, const MessageLimits& limits,
                            const ClientIdentity& identity, const MethodInfo& method,
                            const CallOptions& options);

  // Loop-only: the deadline and the context begin to count. May end the call.
  void begin();
  // Loop-only, after begin() of a stream: frees it if it was dropped before it began.
  void free_if_dropped() { try_free(); }
  // begin() of a unary call. Interceptors may use the channel in it, so that what can be opened is known only
  // afterwards. The record is done when the call has ended.
  OpRecord* begin_unary();
  // Then: `request` is sent on `connection`, or kept until open() if that is null.
  void send_unary(const Message& request, Connection* connection);
  // The first and only message of a server stream.
  void send_first(const Message& request);

  bool ended() const { return ended_; }
  std::string_view path() const { return method_.path; }
  // Sends what has gathered. REQUIRES: connection.can_open(), !ended().
  void open(Connection& connection);
  // As before it was opened. For ConnectionOwner::on_unprocessed.
  void begin_again();
  // The next one in the list that it waits in.
  ClientStream* next_pending() const { return next_pending_; }
  // The final status, unless there is one. Messages that came before it can still be read.
  void end(Status status) { conclude(std::move(status), Unread::kKept); }
  // The same where the call is given up on this side: nobody has a use for what is unread.
  void give_up(Status status) { conclude(std::move(status), Unread::kDropped); }

  // sluice::ClientStream
  Loop& loop() const override { return loop_; }
  const Codec* codec() const override { return recv_.codec; }
  OpRecord* start_recv() override { return CallStream::start_recv(*this); }
  OpRecord* start_send(const Message& message, WriteOptions options) override;
  OpRecord* start_close_write() override;
  OpRecord* start_header() override;
  OpRecord* start_finish() override;
  OpRecord* start_finish_unary() override;
  void release(OpRecord& record) override;
  bool message_compressed() const override { return recv_.compressed || unary_.reply_compressed; }
  void fail(Status status) override;
  void cancel() override;
  void drop() override;
  const Metadata& header() const override { return header_; }
  const Metadata& trailer() const override { return trailer_; }
  const Addr& peer() const override {
    if (!peer_) peer_ = SharedAddr(Addr());  // the call was never sent
    return *peer_;
  }

 private:
  struct Unary final : UnaryRecord {
    explicit Unary(ClientStream& s) : stream(s) {}
    void cancel() override { stream.give_up(Status(StatusCode::kCancelled, "call cancelled")); }
    void release() override;
    const Metadata& header() const override { return stream.header_; }
    const Metadata& trailer() const override { return stream.trailer_; }
    const Addr& peer() const override { return stream.peer(); }
    ClientStream& stream;
  };
  // The server has not processed the call: it has never left, or was refused by a server that may have read
  // all of it.
  enum class Unprocessed : bool { kNeverLeft, kRefused };
  struct DeadlineTimer : Timer {
    explicit DeadlineTimer(ClientStream& s) : Timer(&expired), stream(s) {}
    static void expired(Runnable& self) noexcept;
    ClientStream& stream;
  };
  struct CancelWatch : Context::Watch {
    CancelWatch(ClientStream& s, Loop& loop) : Watch(&cancelled, loop), stream(s) {}
    static void cancelled(Runnable& self) noexcept;
    ClientStream& stream;
  };
  // A response that is none of gRPC's, as its error will quote it.
  struct Foreign {
    int http_status = 0;
    std::string content;  // of what type, if that is wrong
    std::string body;
  };
  ClientStream(Loop& loop, const MessageLimits& limits, const ClientIdentity& identity,
               const MethodInfo& method, const CallOptions& options);
  ~ClientStream();

  // CallStream
  http2::Tag on_header(const http2::Field& field) override;
  void on_header_tag(http2::Tag tag) override;
  http2::Tag on_headers_end(http2::EndStream end, bool truncated) override;
  void on_repeated_block(http2::Tag tag, http2::EndStream end) override;
  void on_reset(http2::ErrorCode code) override;
  void on_stream_error(const http2::Error& error) override;
  void on_detached(Connection& connection) override;
  void on_connection_lost(Connection& connection, const Status& why) override;
  void describe(std::string& out) const override;
  bool on_message(Received&& message) override;
  void on_remote_end() override;
  void on_bad_message(Status status) override;
  void on_body(std::string_view piece) override;
  bool wants_message() const override { return single_reply_ || CallStream::wants_message(); }

  [[gnu::noinline]] void choose_encoding(std::string_view algorithm, std::string_view codec);
  [[gnu::noinline]] Status check_encoding() const;
  [[gnu::noinline]] bool admitted();  // false: an interceptor has ended the call
  [[gnu::noinline]] bool open_anew(Connection& connection, RequestCache& cache, std::size_t limit);
  void send(Chain framed, bool last);
  bool on_the_wire() const { return conn_ && !again_; }
  bool will_go_again(Unprocessed how);
  [[gnu::noinline]] Chain hold_request();
  [[gnu::noinline]] void let_go_of_request();
  // REQUIRES: attached.
  ResponseReading& block() const { return conn_->response_reading(); }
  [[gnu::noinline]] void encoding_named(std::string_view name);
  [[gnu::noinline]] void header_block();
  [[gnu::noinline]] void trailer_block();
  void header_came();
  void trailers_say_ok();
  Status told_status();
  [[gnu::cold]] std::string beside_told_status(std::string why);
  [[gnu::cold]] void note_foreign();
  [[gnu::cold]] Status foreign_status() const;
  [[gnu::cold]] void end_as_told(Status told);
  enum class Unread : bool { kDropped, kKept };
  void conclude(Status status, Unread unread);
  void complete_unary();
  void fail_now(Status status);
  template <class F>
  void on_loop(F f);
  void try_free();

  // Constant after construction.
  const ClientIdentity& identity_;  // the channel's; used while its connection lives
  const MethodInfo method_;
  Duration timeout_;
  TimePoint deadline_;
  Context context_;
  Metadata request_metadata_;

  std::atomic<int> failing_{0};  // fail() on its way to the loop; any thread
  friend class PendingCalls;
  PendingCalls* pending_ = nullptr;  // the list that it waits in
  ClientStream* prev_pending_ = nullptr;
  ClientStream* next_pending_ = nullptr;
  TimePoint pending_since_{};
  // Framed before there was a connection, or held in case it must be sent again. It lies where the reply
  // will: once a reply comes there is no need for it.
  Chain& unsent() { return unary_.reply; }
  bool unsent_last_ = false;  // half-closed behind it
  // A small request of a unary call lies in room behind the call, and is held by staying there.
  static std::size_t size_of(Kind kind) {
    return sizeof(ClientStream) + (kind == Kind::kUnary ? sizeof(Scratch) : 0);
  }
  Scratch& room() { return *reinterpret_cast<Scratch*>(this + 1); }
  Kind kind_ = Kind::kStream;
  std::uint16_t in_room_ = 0;  // bytes of the request there
  bool holding_ = false;       // unsent() was sent; it counts in identity_.held
  bool may_go_again_ = true;   // all that was sent is held
  bool refused_once_ = false;  // and was sent again
  bool again_ = false;         // to be sent again as soon as the connection has let go of it
  bool begun_ = false;
  bool running_ = false;  // counted as a call
  bool ended_ = false;
  bool held_by_user_ = true;
  bool single_reply_ = false;  // messages go to unary_: there must be one
  bool unary_in_use_ = false;
  bool held_by_finish_ = false;  // a stream's finish() for its one reply is in use
  bool header_seen_ = false;
  bool header_in_use_ = false;
  bool finish_in_use_ = false;
  bool from_server_ = false;  // the status came in trailers
  std::uint32_t interim_blocks_ = 0;
  std::uint32_t replies_ = 0;

  Metadata header_;
  Metadata trailer_;
  mutable SharedAddr peer_;
  std::unique_ptr<Foreign> foreign_;      // null: the response is gRPC's, as far as it has come
  std::unique_ptr<Status> early_status_;  // came in the header: counts if nothing follows it
  Status status_;
  StatusRecord header_record_;
  StatusRecord finish_record_;
  Unary unary_;
  DeadlineTimer timer_;
  std::unique_ptr<CancelWatch> watch_;
};

}  // namespace sluice::transport
