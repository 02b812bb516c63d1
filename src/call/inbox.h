// Inbox: the messages that have come for a call, and the one read that may wait for them.
#pragma once

#include <memory>

#include "call/message_queue.h"
#include "sluice/rpc/stream.h"

namespace sluice::inline v0::call {

// Loop-only. Lifetime: the call's, of which it is a part.
class Inbox {
 public:
  // kTaken: was a read's already, which gave it back.
  enum class Waiting : std::uint8_t { kNone, kPlain, kCompressed, kTaken };

  detail::RecvRecord& record() { return record_; }
  const detail::RecvRecord& record() const { return record_; }
  // Until the read is given back.
  bool in_use() const { return in_use_; }
  // A reader is there, and no message.
  bool awaited() const { return in_use_ && !record_.done(); }
  // Bytes of the messages that wait, as they came, prefixes included.
  std::size_t received() const {
    return (queue_ ? queue_->received() : 0) + (first_ == Waiting::kPlain || first_ == Waiting::kCompressed
                                                    ? record_.message.bytes().size() + kPrefix
                                                    : 0);
  }

  // REQUIRES: !in_use().
  void begin(RpcStream& reader);
  // The oldest of those that wait, into the record, which is not done by that.
  Waiting take();
  void release();
  // As release(), but the next read gets the message that this one has got.
  void keep();
  // Nobody waits for it. It must not hold the large block that it may have come in, and stays compressed: a
  // window full of messages that are small on the wire costs no more than the window.
  void push(Message&& message, bool compressed);

  // The one message of a call that takes one, on which start_recv() is not called.
  Message& only() { return record_.message; }
  const Message& only() const { return record_.message; }
  // Moves `message` into `place`, which is empty and where it may stay for long.
  static void store(Message&& message, Message& place) {
    if (message.is_bytes()) [[likely]] {
      place.bytes() = std::move(message.bytes());
      place.bytes().keep_tight();
    } else {
      place = std::move(message);
    }
  }

  // No more messages will come; those that wait can be read.
  void end() { ended_ = true; }
  bool ended() const { return ended_; }
  // Those that wait, and those to come, are thrown away.
  void discard();
  bool discards() const { return discards_; }

 private:
  bool queue_is_empty() const { return !queue_ || queue_->empty(); }

  detail::RecvRecord record_;
  std::unique_ptr<MessageQueue> queue_;  // behind the first one; null until there was a second
  // One message needs no room of its own: most readers are at most that far behind. It lies in record_, which
  // nobody uses then.
  Waiting first_ = Waiting::kNone;
  bool in_use_ = false;
  bool ended_ = false;
  bool discards_ = false;
};

}  // namespace sluice::inline v0::call
