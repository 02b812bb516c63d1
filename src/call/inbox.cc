// See inbox.h.
#include "call/inbox.h"

#include <utility>

namespace sluice::inline v0::call {

void Inbox::begin(RpcStream& reader) {
  in_use_ = true;
  record_.begin();
  record_.stream = &reader;
  record_.has_message = false;
  record_.into = nullptr;
  record_.status_out = nullptr;
}

Inbox::Waiting Inbox::take() {
  if (first_ != Waiting::kNone) return std::exchange(first_, Waiting::kNone);
  if (queue_is_empty()) return Waiting::kNone;
  return queue_->pop(record_.message) ? Waiting::kCompressed : Waiting::kPlain;
}

void Inbox::release() {
  in_use_ = false;
  record_.message.clear();
}

void Inbox::keep() {
  in_use_ = false;
  if (!record_.done() || !record_.has_message) return;
  if (discards_) return record_.message.clear();
  first_ = Waiting::kTaken;
}

void Inbox::push(Message&& message, bool compressed) {
  if (in_use_ || first_ != Waiting::kNone || !queue_is_empty()) {
    if (!queue_) queue_ = std::make_unique<MessageQueue>();
    return queue_->push(std::move(message), compressed);
  }
  store(std::move(message), record_.message);
  first_ = compressed ? Waiting::kCompressed : Waiting::kPlain;
}

void Inbox::discard() {
  discards_ = true;
  if (std::exchange(first_, Waiting::kNone) != Waiting::kNone) record_.message.clear();
  queue_.reset();
}

}  // namespace sluice::inline v0::call
