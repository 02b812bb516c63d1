// Messages of a handler's stream, on their way through the filters.
#include "rpc/filtered_server_stream.h"

#include "sluice/rpc/message_traits.h"

namespace sluice::inline v0::detail {

OpRecord* FilteredServerStream::start_recv() {
  OpRecord* inner = stream_.start_recv();
  if (inner->failed()) return inner;
  inner_recv_ = static_cast<RecvRecord*>(inner);
  recv_.begin();
  recv_.stream = this;
  recv_.has_message = false;
  recv_.codec = inner_recv_->codec;
  recv_.into = nullptr;
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
  stream.forget_recv();
  if (stream.quiet_) stream.loop().post(*std::exchange(stream.quiet_, nullptr));
}

void FilteredServerStream::take_message() {
  if (inner_recv_->has_message && failure_.ok()) {
    Message message(std::move(inner_recv_->message));
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
  recv_.complete(loop());
}

// Only reads come here: the record of a write is stream_'s own and knows it.
void FilteredServerStream::release(OpRecord&) {
  if (inner_recv_->done() && !recv_.done()) {
    abandoned_ = true;
    return stream_.fail(Status(StatusCode::kCancelled, "an operation of the call was given up"));
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
