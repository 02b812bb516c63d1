// The caller's operations on an InterceptedStream.
#include "rpc/intercepted_channel.h"
#include "rpc/intercepted_stream.h"
#include "sluice/async/run_on.h"
#include "sluice/rpc/message_traits.h"

namespace sluice::inline v0::detail {

OpRecord* InterceptedStream::start_recv() {
  if (recv_.in_use) {
    Status misuse(StatusCode::kFailedPrecondition, "a second read was started while one is in flight");
    fail(misuse);
    return new FailedRecord(std::move(misuse));
  }
  recv_.in_use = true;
  ref();
  if (std::exchange(recv_.kept, false)) return &recv_;
  recv_.begin();
  recv_.stream = this;
  recv_.has_message = false;
  recv_.into = nullptr;
  recv_.status_out = nullptr;
  if (ahead_.message) {
    deliver();
  } else if (ended_) {
    recv_.status = status_;
    recv_.complete(call_loop());
  }
  return &recv_;
}

void InterceptedStream::deliver() {
  if (!recv_.in_use || recv_.done()) return;
  tell_header();
  recv_.message = Message(std::move(*ahead_.message));
  ahead_.message.reset();
  recv_.has_message = true;
  recv_.compressed = ahead_.compressed;
  recv_.complete(call_loop());
  pump_reads();
}

void InterceptedStream::tell_header() {
  if (std::exchange(told_header_, true)) return;
  header_ = attempt_->header();
}

// The record for one write, or a FailedRecord because another one is in flight, which has ended the call.
OpRecord* InterceptedStream::claim_send() {
  if (send_.in_use) {
    Status misuse(StatusCode::kFailedPrecondition, "a second write was started while one is in flight");
    fail(misuse);
    return new FailedRecord(std::move(misuse));
  }
  send_.in_use = true;
  ref();
  send_.begin();
  send_.stream = this;
  send_.unsendable = false;
  return &send_;
}

OpRecord* InterceptedStream::start_send(const Message& message, WriteOptions options) {
  OpRecord* record = claim_send();
  if (record->failed()) return record;
  if (ended_) {
    complete_send(write_failure());
  } else if (half_closed_) {
    complete_send(Status(StatusCode::kFailedPrecondition, "write after the stream was half-closed"));
  } else if (Result<Chain> bytes = to_bytes(message, codec()); !bytes.ok()) {
    complete_send(std::move(bytes).status());
  } else {
    queue_write({std::move(*bytes), options});
  }
  return record;
}

OpRecord* InterceptedStream::start_close_write() {
  OpRecord* record = claim_send();
  if (record->failed()) return record;
  complete_send({});
  if (!ended_ && !half_closed_) queue_write({std::nullopt, {.last = true}});
  return record;
}

// What is kept of it, not only its bytes: empty messages need room too.
std::size_t InterceptedStream::cost_of(const Write& write) {
  return write.message ? sizeof write + write.message->size() : 0;
}

void InterceptedStream::queue_write(Write write) {
  half_closed_ = write.options.last;
  if (write.message) write.message->keep_tight();
  writes_.bytes += cost_of(write);
  writes_.kept.push_back(std::move(write));
  pump_writes();
  report_failed_write();
}

void InterceptedStream::forget_sent() {
  if (writes_.bytes <= writes_.keep_limit && !writes_.lost) return;
  for (; writes_.next > 0; --writes_.next) {
    writes_.lost |= writes_.kept.front().message.has_value();
    writes_.kept.pop_front();
  }
}

// A write that failed waits for what becomes of the attempt, unless the caller has seen too much of it for
// there to be another one, or has yet to read something before its end can be known.
void InterceptedStream::report_failed_write() {
  if (write_failed_ && send_waiting() && (ahead_.message || !can_restart())) complete_send(write_failure());
}

Status InterceptedStream::write_failure() const {
  return status_.ok() ? Status(StatusCode::kCancelled, "the call has ended") : status_;
}

// The write that waits fails, and nothing else: the call goes on without its message.
void InterceptedStream::drop_unsendable(Status why) {
  writes_.bytes -= cost_of(writes_.kept.back());
  writes_.kept.pop_back();
  half_closed_ = false;
  send_.unsendable = true;
  complete_send(std::move(why));
}

void InterceptedStream::complete_send(Status status) {
  send_.status = std::move(status);
  send_.complete(call_loop());
}

OpRecord* InterceptedStream::start_header() {
  if (header_record_.in_use) {
    return new FailedRecord(
        Status(StatusCode::kFailedPrecondition, "the header is being waited for already"));
  }
  header_record_.in_use = true;
  ref();
  header_record_.begin();
  header_record_.stream = this;
  header_record_.status = Status();
  if (told_header_ || ended_) {
    if (!told_header_) header_record_.status = status_;
    header_record_.complete(call_loop());
  } else if (attempting_ && !header_op_.record) {
    watch(header_op_, attempt_->start_header());
  }
  return &header_record_;
}

OpRecord* InterceptedStream::start_finish() {
  if (finish_record_.in_use) {
    return new FailedRecord(Status(StatusCode::kFailedPrecondition, "finish() is in flight already"));
  }
  finish_record_.in_use = true;
  ref();
  finish_record_.begin();
  finish_record_.stream = this;
  if (ended_) {
    finish_record_.status = status_;
    finish_record_.complete(call_loop());
    return &finish_record_;
  }
  discarding_ = true;
  ahead_.message.reset();
  pump_reads();
  if (!half_closed_) queue_write({std::nullopt, {.last = true}});
  return &finish_record_;
}

OpRecord* InterceptedStream::start_finish_unary() {
  if (unary_.in_use) {
    return new FailedRecord(Status(StatusCode::kFailedPrecondition, "finish() was called already"));
  }
  unary_.in_use = true;
  ref();
  unary_.begin();
  if (ended_) {
    complete_unary();
  } else if (!half_closed_) {
    queue_write({std::nullopt, {.last = true}});
  }
  return &unary_;
}

void InterceptedStream::complete_unary() {
  unary_.status = status_;
  unary_.complete(call_loop());
}

// The stream's one reply is taken once.
void InterceptedStream::Unary::release() {
  if (!done()) stream.cancel();
  reply.clear();
  stream.unref();
}

void InterceptedStream::release(OpRecord& record) {
  if (!record.done()) give_up("an operation of the call was given up");
  if (&record == &recv_) {
    recv_.in_use = false;
    recv_.message.clear();
  }
  if (&record == &send_) send_.in_use = false;
  if (&record == &header_record_) header_record_.in_use = false;
  if (&record == &finish_record_) finish_record_.in_use = false;
  unref();
}

void InterceptedStream::keep(OpRecord&) {
  recv_.kept = recv_.done() && recv_.has_message;
  recv_.in_use = false;
  unref();
}

void InterceptedStream::fail(Status status) { end_attempts(std::move(status), Late::kCounts); }

// What is unread is thrown away.
void InterceptedStream::end_attempts(Status status, Late late) {
  ref();
  run_on(call_loop(), [this, late, status = std::move(status)]() mutable {
    if (!ended_) {
      refuse_attempts(status);
      discarding_ = true;
      ahead_.message.reset();
      if (attempting_) {
        attempt_->fail(std::move(status));
        pump_reads();
      }
    } else if (status_.ok() && late == Late::kCounts) {
      status_ = std::move(status);  // the message that was read last was none
    }
    unref();
  });
}

void InterceptedStream::drop() {
  run_on(call_loop(), [this] {
    give_up("the stream was dropped");
    unref();
  });
}

void InterceptedStream::unref() {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

}  // namespace sluice::inline v0::detail
