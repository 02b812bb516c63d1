// The attempts of a InterceptedStream: what goes to them and what comes of them. The caller's operations are
// in intercepted_stream_ops.cc.
#include "rpc/intercepted_stream.h"

#include <cassert>

#include "rpc/intercepted_channel.h"
#include "sluice/rpc/message_traits.h"

namespace sluice::inline v0::detail {

InterceptedStream::InterceptedStream(std::shared_ptr<InterceptedChannel> channel, const MethodInfo& method,
                                     const Message* first, const CallOptions& options)
    : InterceptedClientCall(std::move(channel), method, options),
      unary_(*this),
      has_first_(first != nullptr),
      recv_op_(*this, &InterceptedStream::received),
      send_op_(*this, &InterceptedStream::sent),
      header_op_(*this, &InterceptedStream::header_came),
      finish_op_(*this, &InterceptedStream::finished) {
  unary_.header_out = options.header;
  unary_.trailer_out = options.trailer;
  unary_.peer_out = options.peer;
  unary_.reply_compressed_out = options.reply_compressed;
  recv_.codec = unary_.codec = codec();
  if (!first) return;
  half_closed_ = true;
  if (Status s = take_request(*first); !s.ok()) refuse_attempts(s);
}

InterceptedStream::~InterceptedStream() {
  assert(!recv_.in_use && !send_.in_use && !header_record_.in_use && !finish_record_.in_use &&
         "a stream ends at rest");
  assert(!attempt_ && !recv_op_.record && !send_op_.record && !header_op_.record && !finish_op_.record);
}

void InterceptedStream::begin() {
  begin_time();
  Status ended;
  Progress progress = start_chain(ended);
  if (progress == Progress::kNobody) progress = start_end_of_chain(ended);
  if (progress == Progress::kEnded) chain_ended(std::move(ended));
}

InterceptedCall::Progress InterceptedStream::start_end_of_chain(Status& out) {
  reply_.reset();
  if (out = refusal(); !out.ok()) return Progress::kEnded;
  if (again_ && writes_.lost) {
    out = Status(StatusCode::kFailedPrecondition, "the call cannot start again: of what its caller wrote " +
                                                      std::to_string(writes_.keep_limit) + " bytes are kept");
    return Progress::kEnded;
  }
  Message request = attempt_request();
  if (has_first_) {
    if (out = filter_request(request); !out.ok()) return Progress::kEnded;
  }
  again_ = attempting_ = true;
  writes_.next = 0;
  ahead_.message.reset();
  reads_over_ = write_failed_ = status_known_ = false;
  refused_ = Status();
  attempt_ = inner().new_stream(method(), has_first_ ? &request : nullptr, attempt_options());
  pump_reads();
  pump_writes();
  if (header_record_.in_use && !header_record_.done() && !told_header_)
    watch(header_op_, attempt_->start_header());
  return Progress::kRunning;
}

void InterceptedStream::watch(AttemptOp& op, OpRecord* record) {
  op.record = record;
  if (record->done()) return call_loop().post(op);
  record->set_waiter(op);
}

void InterceptedStream::AttemptOp::run(Runnable& self) noexcept {
  auto& op = static_cast<AttemptOp&>(self);
  InterceptedStream& stream = op.stream;
  (stream.*op.done)();
  if (stream.attempt_over()) stream.end_of_chain_ended(stream.end_attempt());
}

bool InterceptedStream::attempt_over() const {
  return status_known_ && !recv_op_.record && !send_op_.record && !header_op_.record;
}

Status InterceptedStream::end_attempt() {
  attempting_ = false;
  if (!refused_.ok()) return refused_;
  return std::move(attempt_status_);
}

void InterceptedStream::fail_attempt(Status why) {
  if (refused_.ok()) refused_ = why;
  attempt_->fail(std::move(why));
}

void InterceptedStream::pump_reads() {
  if (!attempting_ || recv_op_.record || ahead_.message || reads_over_) return;
  watch(recv_op_, attempt_->start_recv());
}

void InterceptedStream::received() {
  OpRecord* record = std::exchange(recv_op_.record, nullptr);
  auto& recv = static_cast<RecvRecord&>(*record);
  if (!recv.has_message) {
    attempt_->release(*record);
    reads_over_ = true;
    return finish_attempt();
  }
  Message message = message_of(std::move(recv.message));
  attempt_->release(*record);
  if (!discarding_ && refused_.ok()) {
    Status passed = filter_reply(message);
    Result<Chain> bytes = passed.ok() ? to_bytes(message, codec()) : Result<Chain>(std::move(passed));
    if (bytes.ok()) {
      ahead_.message = std::move(*bytes);
      ahead_.compressed = recv.compressed;
      deliver();
      if (ahead_.message) ahead_.message->keep_tight();
      report_failed_write();
    } else {
      fail_attempt(std::move(bytes).status());
    }
  }
  pump_reads();
}

// The stream has ended; what is left to learn is how.
void InterceptedStream::finish_attempt() {
  const bool one_reply = method().client_streams && single_reply();
  watch(finish_op_, one_reply ? attempt_->start_finish_unary() : attempt_->start_finish());
}

void InterceptedStream::finished() {
  OpRecord* record = std::exchange(finish_op_.record, nullptr);
  status_known_ = true;
  if (!method().client_streams || !single_reply()) {
    attempt_status_ = std::move(static_cast<StatusRecord*>(record)->status);
    return attempt_->release(*record);
  }
  auto* unary = static_cast<UnaryRecord*>(record);
  attempt_status_ = std::move(unary->status);
  unary_.reply_compressed = unary->reply_compressed;
  Message reply = message_of(std::move(unary->reply));
  unary->release();
  if (!attempt_status_.ok()) return;
  attempt_status_ = filter_reply(reply);
  if (attempt_status_.ok()) reply_ = std::move(reply);
}

void InterceptedStream::pump_writes() {
  if (!attempting_ || send_op_.record || write_failed_ || writes_.next == writes_.kept.size()) return;
  const Write& write = writes_.kept[writes_.next];
  if (!write.message) return watch(send_op_, attempt_->start_close_write());
  Message message = message_of(*write.message);
  if (Status refused = filter_request(message); !refused.ok()) {
    write_failed_ = true;
    return fail_attempt(std::move(refused));
  }
  OpRecord* record = attempt_->start_send(message, write.options);
  watch(send_op_, record);
}

void InterceptedStream::sent() {
  OpRecord* record = std::exchange(send_op_.record, nullptr);
  Status status;
  const bool not_encoded = record->failed();
  bool unsendable = false;
  if (not_encoded) {
    status = std::move(static_cast<FailedRecord*>(record)->status);
    delete static_cast<FailedRecord*>(record);
  } else {
    status = std::move(static_cast<StatusRecord*>(record)->status);
    unsendable = static_cast<StatusRecord*>(record)->unsendable;
    attempt_->release(*record);
  }
  if (status.ok()) {
    ++writes_.next;
    forget_sent();
    if (writes_.next == writes_.kept.size() && send_waiting()) complete_send({});
    return pump_writes();
  }
  if (unsendable && writes_.next + 1 == writes_.kept.size() && send_waiting())
    return drop_unsendable(std::move(status));
  // Neither ends a call of the transport's, but nothing may follow what is missing.
  if (unsendable || not_encoded) {
    attempt_->fail(status);
    if (send_waiting() && !can_restart()) complete_send(std::move(status));
  }
  write_failed_ = true;
  report_failed_write();
}

void InterceptedStream::header_came() {
  OpRecord* record = std::exchange(header_op_.record, nullptr);
  const bool came = static_cast<StatusRecord*>(record)->status.ok();
  attempt_->release(*record);
  if (!came) return;  // another attempt may have one; chain_ended() tells the caller if there is none
  tell_header();
  if (header_record_.in_use && !header_record_.done()) header_record_.complete(call_loop());
}

void InterceptedStream::chain_ended(Status status) {
  Message reply;
  status_ = method().client_streams ? outcome(std::move(status), reply) : std::move(status);
  unary_.reply = std::move(reply);
  ended_ = true;
  if (!told_header_) header_ = attempt_header();
  trailer_ = attempt_trailer();
  peer_ = attempt_peer();
  attempt_.reset();
  writes_.kept.clear();
  if (recv_.in_use && !recv_.done()) {
    recv_.status = status_;
    recv_.complete(call_loop());
  }
  if (send_waiting()) complete_send(write_failure());
  if (header_record_.in_use && !header_record_.done()) {
    header_record_.status = status_;
    header_record_.complete(call_loop());
  }
  if (finish_record_.in_use && !finish_record_.done()) {
    finish_record_.status = status_;
    finish_record_.complete(call_loop());
  }
  if (unary_.in_use && !unary_.done()) complete_unary();
  unref();
}

}  // namespace sluice::inline v0::detail
