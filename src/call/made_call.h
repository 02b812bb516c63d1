// MadeCall: one call as its client sees it, unary or streaming: deadline, cancellation, the request until it
// has been sent for good, and the response's messages and one final status.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "call/call.h"
#include "call/client_identity.h"
#include "call/pending_calls.h"
#include "call/shared_addr.h"
#include "sluice/rpc/channel_base.h"

namespace sluice::inline v0::call {

// Why a server has not processed a call: it has never left, or was refused by a server that may have read all
// of it.
enum class Unprocessed : bool { kNeverLeft, kRefused };

// Thread: loop-only but for make, keep_first, cancel, drop and fail. Lifetime: frees itself when its user has
// let go of it (release of the unary record, drop of the stream) and its transport has too.
class MadeCall final : public sluice::ClientStream, public Call {
 public:
  // Any thread; a unary call on the loop only. `options` are read now and not kept, but for the outputs of a
  // unary call.
  enum class Kind : bool { kStream, kUnary };
  static MadeCall* make(Kind kind, Loop& loop, const MessageLimits& limits, const ClientIdentity& identity,
                        const MethodInfo& method, const CallOptions& options);

  // For its channel.

  // The deadline and the context begin to count. May end the call.
  void begin();
  // begin() of a unary call. Interceptors may use the channel in it, so that what can be opened is known only
  // afterwards. The record is done when the call has ended.
  detail::OpRecord* begin_unary();
  // Any thread, before begin(): the first and only message of a server stream.
  void keep_first(const Message& request);
  // The request of a unary call, where it is not sent at once as an object. False: the call has ended.
  bool keep_request(const Message& request);
  // After begin() or begin_again(): frees the call if it was dropped before.
  void free_if_dropped() { try_free(); }
  // Undoes the opening: the stream is destroyed, and what was kept can be sent again.
  void begin_again();
  // The next one in the list that it waits in.
  MadeCall* next_pending() const { return waiting_.next; }
  bool ended() const { return ended_; }
  const Status& status() const { return status_; }  // OK before the end
  std::string_view path() const { return method_.path; }
  // The final status, unless there is one. Messages that came before it can still be read.
  void end(Status status) { conclude(std::move(status), Unread::kKept); }
  // The same where the call is given up on this side: nobody has a use for what is unread.
  void give_up(Status status) { conclude(std::move(status), Unread::kDropped); }

  // For its transport.

  // What the request says.
  const MethodInfo& method() const { return method_; }
  const ClientIdentity& identity() const { return identity_; }
  TimePoint deadline() const { return deadline_; }
  const Metadata& request_metadata() const { return request_metadata_; }
  // Where its stream is made.
  void* stream_room() { return reinterpret_cast<std::byte*>(this) + stream_offset(kind_); }
  // It is made, and the transport holds it until let_go().
  void opened(ClientTransportStream& stream) { Call::opened(stream), on_wire_ = true; }
  // Gives what there is to send by now to `submit(Chain&& framed, bool last)`; last: with the half-close
  // behind.
  template <class Submit>
  void send_request(Submit submit) {
    if (!kept_.empty() || kept_.closed()) kept_.send(identity_.held, submit);
  }
  // All that was to be sent with the opening has been.
  void on_opened(const SharedAddr& peer);
  // The response has begun; set_header() comes before it, if there is anything to set.
  void on_header();
  bool header_seen() const { return header_seen_; }
  const Metadata& header() const override { return header_; }
  // Before on_header(), and before end(); not called where there are none.
  void set_header(Metadata&& header) { header_ = std::move(header); }
  void set_trailer(Metadata&& trailer) { trailer_ = std::move(trailer); }
  const Metadata& trailer() const override { return trailer_; }
  // The server has not processed the call. True: it is to be sent again, as soon as the transport has let go
  // of its stream; until then nothing is sent.
  bool will_go_again(Unprocessed how);
  bool goes_again() const { return held_by_transport_ && !on_wire_ && !ended_; }
  // The transport holds the stream no more. If the call goes again that is its owner's to do, else it may
  // free itself here.
  void let_go();
  // The same, since the connection has gone. `given_up`: on this side.
  void on_connection_lost(const Status& why, bool given_up);

  // Call
  bool on_message(Message&& message, bool compressed) override;
  void on_bad_message(Status status) override;
  void describe(std::string& out) const override;

  // sluice::ClientStream
  Loop& loop() const override { return loop_; }
  const Codec* codec() const override { return inbox_.record().codec; }
  detail::OpRecord* start_recv() override { return Call::start_recv(*this); }
  detail::OpRecord* start_send(const Message& message, WriteOptions options) override;
  detail::OpRecord* start_close_write() override;
  detail::OpRecord* start_header() override;
  detail::OpRecord* start_finish() override;
  detail::OpRecord* start_finish_unary() override;
  void release(detail::OpRecord& record) override;
  void keep(detail::OpRecord&) override { inbox_.keep(), try_free(); }
  bool message_compressed() const override { return inbox_.record().compressed || unary_.reply_compressed; }
  void fail(Status status) override;
  void cancel() override;
  void drop() override;
  const Addr& peer() const override {
    if (!peer_) peer_ = SharedAddr(Addr());  // the call was never sent
    return *peer_;
  }

 private:
  friend class PendingCalls;
  struct Unary final : detail::UnaryRecord {
    explicit Unary(MadeCall& c) : call(c) {}
    void cancel() override { call.give_up(Status(StatusCode::kCancelled, "call cancelled")); }
    void release() override;
    const Metadata& header() const override { return call.header_; }
    const Metadata& trailer() const override { return call.trailer_; }
    const Addr& peer() const override { return call.peer(); }
    MadeCall& call;
    bool in_use = false;
    bool of_finish = false;  // a stream's finish() for its one reply
  };
  // The header, or the end, that somebody waits for.
  struct Wait {
    detail::StatusRecord record;
    bool in_use = false;
    bool open() const { return in_use && !record.done(); }
  };
  struct DeadlineTimer : Timer {
    explicit DeadlineTimer(MadeCall& c) : Timer(&expired), call(c) {}
    static void expired(Runnable& self) noexcept;
    MadeCall& call;
  };
  struct CancelWatch : Context::Watch {
    CancelWatch(MadeCall& c, Loop& loop) : Watch(&cancelled, loop), call(c) {}
    static void cancelled(Runnable& self) noexcept;
    MadeCall& call;
  };
  // In the list of calls that wait to be opened.
  struct Pending {
    PendingCalls* in = nullptr;  // null: it waits in none
    // While it waits.
    MadeCall* prev;
    MadeCall* next;
    TimePoint since;
  };
  MadeCall(Kind kind, std::size_t size, Loop& loop, const MessageLimits& limits,
           const ClientIdentity& identity, const MethodInfo& method, const CallOptions& options);
  ~MadeCall();

  // Behind the call lie, in the same block, room for a small request of a unary one, and its stream.
  static std::size_t stream_offset(Kind kind) {
    return round_up(sizeof(MadeCall) + (kind == Kind::kUnary ? sizeof(Room) : 0));
  }
  Room& room() { return *reinterpret_cast<Room*>(this + 1); }
  ClientTransportStream* stream() const { return static_cast<ClientTransportStream*>(stream_); }

  [[gnu::noinline]] void choose_encoding(std::string_view algorithm, std::string_view codec);
  [[gnu::noinline]] Status check_encoding() const;
  [[gnu::noinline]] bool admitted();  // false: an interceptor has ended the call
  Status send(const Message& message, WriteOptions options);
  void half_close();
  void destroy_stream();
  enum class Unread : bool { kDropped, kKept };
  void conclude(Status status, Unread unread);
  void conclude(Wait& wait);
  void complete_unary();
  void fail_now(Status status);
  template <class F>
  void on_loop(F f);
  void try_free();

  // Constant once it has begun.
  const ClientIdentity& identity_;  // the channel's; not used once the call has ended
  const MethodInfo method_;
  const Duration timeout_;
  TimePoint deadline_;
  Context context_;
  Metadata request_metadata_;

  std::atomic<int> crossing_{0};  // fail() on its way to the loop; any thread
  Pending waiting_;
  KeptRequest kept_;
  const Kind kind_;
  const std::uint32_t size_;   // bytes, with what lies behind
  bool refused_once_ = false;  // and was sent again
  bool on_wire_ = false;       // its stream takes what is written
  bool begun_ = false;
  bool running_ = false;  // counted as a call
  bool ended_ = false;
  bool held_by_user_ = true;
  bool header_seen_ = false;
  std::uint32_t replies_ = 0;  // those of which there must be one

  Metadata header_;
  Metadata trailer_;
  mutable SharedAddr peer_;
  Status status_;
  Wait header_wait_;
  Wait finish_wait_;
  Unary unary_;
  DeadlineTimer timer_;
  std::unique_ptr<CancelWatch> watch_;
};

}  // namespace sluice::inline v0::call
