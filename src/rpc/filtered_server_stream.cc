// Messages of a handler's stream, on their way through the filters.
#include "rpc/filtered_server_stream.h"

#include <utility>

#include "sluice/rpc/message_traits.h"

namespace sluice::inline v0::detail {

void FilteredServerStream::begin_recv() {
  recv_.begin();
  recv_.stream = this;
  recv_.has_message = false;
  recv_.codec = inner_recv_->codec;
  recv_.into = nullptr;
  recv_.status_out = nullptr;
  recv_.status = Status();
}

OpRecord* FilteredServerStream::start_recv() {
  if (std::exchange(kept_, false)) return &recv_;
  if (std::exchange(abandoned_, false)) return begin_recv(), &recv_;  // what is on its way is for this one
  OpRecord* inner = stream_.start_recv();
  if (inner->failed()) return inner;
  inner_recv_ = static_cast<RecvRecord*>(inner);
  begin_recv();
  if (inner_recv_->done()) {
    take_message();
  } else {
    inner_recv_->set_waiter(received_);
  }
  return &recv_;
}

void FilteredServerStream::Received::run(Runnable& self) noexcept {
  FilteredServerStream& stream = static_cast<Received&>(self).stream;
  if (!stream.abandoned_) return stream.take_message();
  stream.abandoned_ = false;
  stream.stream_.keep(*std::exchange(stream.inner_recv_, nullptr));
  if (stream.quiet_) stream.loop().post(*std::exchange(stream.quiet_, nullptr));
}

void FilteredServerStream::take_message() {
  if (inner_recv_->has_message && failure_.ok()) {
    Message message(std::move(inner_recv_->message));
    inner_recv_->has_message = false;
    message.set_codec(codec());
    failure_ = passes_.pass_request(message);
    if (failure_.ok()) {
      Result<Chain> bytes = to_bytes(message, codec());
      if (bytes.ok()) {
        recv_.message = Message(std::move(*bytes));
        recv_.has_message = true;
        recv_.compressed = inner_recv_->compressed;
      } else {
        failure_ = std::move(bytes).status();
      }
    }
  }
  if (!recv_.has_message) recv_.status = failure_.ok() ? inner_recv_->status : failure_;
  recv_.complete(loop());
}

// Only reads come here: the record of a write is stream_'s own and knows it.
void FilteredServerStream::release(OpRecord&) {
  if (recv_.done() && recv_.has_message) return void(kept_ = true);
  if (inner_recv_->done() && !recv_.done()) {
    abandoned_ = true;
    return;
  }
  inner_recv_->forget_waiter();
  forget_recv();
}

void FilteredServerStream::forget_recv() {
  recv_.message.clear();
  stream_.release(*std::exchange(inner_recv_, nullptr));
}

OpRecord* FilteredServerStream::start_send(const Message& message, WriteOptions options) {
  Message passed = message;
  passed.set_codec(codec());
  if (failure_.ok()) failure_ = passes_.pass_reply(passed);
  if (failure_.ok()) return stream_.start_send(passed, options);
  return new FailedRecord(failure_);
}

}  // namespace sluice::inline v0::detail
