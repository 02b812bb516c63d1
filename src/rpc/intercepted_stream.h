// InterceptedStream: a client's stream inside its wrapping interceptors. The caller's operations go to the
// attempt that runs, and wait while there is none.
#pragma once

#include <atomic>
#include <deque>
#include <optional>

#include "rpc/intercepted_client_call.h"
#include "sluice/rpc/stream.h"

namespace sluice::inline v0::detail {

// Thread: loop-only but for the constructor, cancel, drop and fail. Lifetime: counted: by its user, by each
// record in use, by what is on its way to the loop, and by the chain until its outermost interceptor has
// ended.
//
// One message of the response is read ahead, so that the end of an attempt is seen while nobody reads.
class InterceptedStream final : public ClientStream, private InterceptedClientCall {
 public:
  // `first`, or null: the one request, encoded here.
  InterceptedStream(std::shared_ptr<InterceptedChannel> channel, const MethodInfo& method,
                    const Message* first, const CallOptions& options);
  void begin();

  // ClientStream
  Loop& loop() const override { return call_loop(); }
  const Codec* codec() const override { return codec_.get(); }
  OpRecord* start_recv() override;
  OpRecord* start_send(const Message& message, WriteOptions options) override;
  OpRecord* start_close_write() override;
  OpRecord* start_header() override;
  OpRecord* start_finish() override;
  OpRecord* start_finish_unary() override;
  void release(OpRecord& record) override;
  void keep(OpRecord& record) override;
  bool message_compressed() const override { return recv_.compressed || unary_.reply_compressed; }
  void fail(Status status) override;
  void cancel() override { give_up("call cancelled"); }
  void drop() override;
  const Metadata& header() const override { return header_; }
  const Metadata& trailer() const override { return trailer_; }
  const Addr& peer() const override { return peer_; }

 private:
  // An operation of the attempt's stream. Its end is a step of its own on the loop: one that led to the next
  // on the same stack could free the stream under it.
  struct AttemptOp : Runnable {
    using Done = void (InterceptedStream::*)();
    AttemptOp(InterceptedStream& s, Done d) : Runnable(&run), stream(s), done(d) {}
    static void run(Runnable& self) noexcept;
    InterceptedStream& stream;
    const Done done;
    OpRecord* record = nullptr;  // while in flight
  };
  // What the caller wrote.
  struct Write {
    std::optional<Chain> message;  // none: only half-closes
    WriteOptions options;
  };
  struct Recv : RecvRecord {
    bool in_use = false;
    bool kept = false;  // done with a message, for the next read
  };
  struct Wait : StatusRecord {
    bool in_use = false;
  };
  // What was written and may have to be sent, or sent again.
  struct Writes {
    std::deque<Write> kept;
    std::size_t next = 0;        // of the attempt
    std::size_t bytes = 0;       // that `kept` costs
    std::size_t keep_limit = 0;  // bytes
    bool lost = false;           // something that was written is not in `kept` any more
  };
  // Read and not yet asked for.
  struct Ahead {
    std::optional<Chain> message;
    bool compressed = false;
  };
  struct Unary final : UnaryRecord {
    explicit Unary(InterceptedStream& s) : stream(s) {}
    void cancel() override { stream.cancel(); }
    void release() override;
    const Metadata& header() const override { return stream.header_; }
    const Metadata& trailer() const override { return stream.trailer_; }
    const Addr& peer() const override { return stream.peer_; }
    InterceptedStream& stream;
    bool in_use = false;
  };
  ~InterceptedStream();

  // InterceptedCall, InterceptedClientCall
  Progress start_end_of_chain(Status& out) override;
  void chain_ended(Status status) override;
  const Metadata& attempt_header() const override { return attempt_ ? attempt_->header() : no_metadata_; }
  const Metadata& attempt_trailer() const override { return attempt_ ? attempt_->trailer() : no_metadata_; }
  const Addr& attempt_peer() const override { return attempt_ ? attempt_->peer() : nowhere_; }
  bool can_restart() const override { return !told_header_ && !writes_.lost; }
  void keep_writes(std::size_t max_bytes) override { writes_.keep_limit = max_bytes; }

  // The attempt.
  void watch(AttemptOp& op, OpRecord* record);
  void pump_reads();
  void received();
  void pump_writes();
  void sent();
  void header_came();
  void finish_attempt();
  void finished();
  void fail_attempt(Status why);
  bool attempt_over() const;
  Status end_attempt();

  // The caller's operations.
  void deliver();
  void tell_header();
  static std::size_t cost_of(const Write& write);
  OpRecord* claim_send();
  void queue_write(Write write);
  void forget_sent();
  void report_failed_write();
  void drop_unsendable(Status why);
  void complete_send(Status status);
  void complete_unary();
  // The call ends when its interceptors have. A failure counts also after the server's OK.
  enum class Late { kCounts, kIsNothing };
  void end_attempts(Status why, Late late);
  void give_up(const char* why) { end_attempts(Status(StatusCode::kCancelled, why), Late::kIsNothing); }
  bool send_waiting() const { return send_.in_use && !send_.done(); }
  Status write_failure() const;

  void ref() { refs_.fetch_add(1, std::memory_order_relaxed); }
  void unref();

  std::atomic<int> refs_{2};  // the user's and the chain's

  // The caller's side.
  Recv recv_;
  Wait send_;
  Wait header_record_;
  Wait finish_record_;
  Unary unary_;
  bool half_closed_ = false;
  bool discarding_ = false;   // nobody will read any more
  bool told_header_ = false;  // or a message, which comes with it; header_ is constant from now on
  bool ended_ = false;        // the outermost interceptor has
  Status status_;             // then
  Metadata header_;
  Metadata trailer_;
  Addr peer_;

  Writes writes_;

  // The attempt, the last one if none runs.
  const bool has_first_;
  ClientStreamPtr attempt_;
  bool attempting_ = false;
  bool again_ = false;  // not the first one
  AttemptOp recv_op_, send_op_, header_op_, finish_op_;
  Ahead ahead_;
  bool reads_over_ = false;
  bool write_failed_ = false;
  bool status_known_ = false;
  Status attempt_status_;
  Status refused_;  // by a filter
};

}  // namespace sluice::inline v0::detail
