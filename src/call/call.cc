// Call: the one read and the one write.
#include "call/call.h"

namespace sluice::inline v0::call {

// The record's message is for the reader that waits.
inline void Call::deliver(Inbox::Waiting how) {
  if (how == Inbox::Waiting::kCompressed) [[unlikely]]
    return deliver_compressed();
  detail::RecvRecord& recv = inbox_.record();
  recv.has_message = true;
  recv.compressed = false;
  stream_->consumed(recv.message.bytes().size() + kPrefix);
  recv.complete(loop_);
}

// If it does not decompress, that reader gets none, and nobody gets what came after it.
void Call::deliver_compressed() {
  detail::RecvRecord& recv = inbox_.record();
  const std::size_t received = recv.message.bytes().size() + kPrefix;
  if (Status s = decompress(recv.message); s.ok()) {
    recv.has_message = true;
    recv.compressed = true;
    stream_->consumed(received);
  } else {
    recv.message.clear();
    on_bad_message(std::move(s));
    discard_messages();
  }
  if (inbox_.awaited()) recv.complete(loop_);
}

detail::OpRecord* Call::start_recv(RpcStream& self) {
  if (inbox_.in_use()) {
    Status misuse(StatusCode::kFailedPrecondition, "a second read was started while one is in flight");
    self.misused(misuse);
    return new detail::FailedRecord(std::move(misuse));
  }
  inbox_.begin(self);
  if (const Inbox::Waiting how = inbox_.take(); how != Inbox::Waiting::kNone) {
    if (how == Inbox::Waiting::kTaken) return deliver_again(), &inbox_.record();
    deliver(how);
  } else if (inbox_.ended()) {
    inbox_.record().complete(loop_);
  } else if (held_by_transport_) {
    stream_->want_message();
  }
  return &inbox_.record();
}

// A reader that waits has the message at once, and as it came.
void Call::queue_message(Message&& message, bool compressed) {
  if (!inbox_.awaited()) return inbox_.push(std::move(message), compressed);
  detail::RecvRecord& recv = inbox_.record();
  if (message.is_bytes()) [[likely]] {
    recv.message.bytes() = std::move(message.bytes());
    recv.message.bytes().keep();
  } else {
    recv.message = std::move(message);
  }
  deliver(compressed ? Inbox::Waiting::kCompressed : Inbox::Waiting::kPlain);
}

// The message of a read that was given back: decompressed, and its credit returned.
void Call::deliver_again() {
  inbox_.record().has_message = true;
  inbox_.record().complete(loop_);
}

void Call::end_reads(bool drop) {
  inbox_.end();
  if (drop) discard_messages();
  if (inbox_.awaited()) inbox_.record().complete(loop_);
}

void Call::discard_messages() {
  if (inbox_.discards()) return;
  inbox_.discard();
  if (stream_) stream_->discard();
}

detail::OpRecord* Call::claim_send(RpcStream& self) {
  if (send_in_use_) {
    return new detail::FailedRecord(
        Status(StatusCode::kFailedPrecondition, "a second write was started while one is in flight"));
  }
  send_in_use_ = true;
  send_.begin();
  send_.stream = &self;
  send_.status = Status();
  send_.unsendable = false;
  return &send_;
}

void Call::complete_send(Status status) {
  send_.status = std::move(status);
  send_.complete(loop_);
}

}  // namespace sluice::inline v0::call
