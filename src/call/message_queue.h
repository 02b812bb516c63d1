// MessageQueue: messages that have come and that nobody has read yet. Part of an Inbox.
#pragma once

#include <deque>
#include <memory>

#include "sluice/base/message.h"

namespace sluice::inline v0::call {

// What stands before a message where bytes carry it: a flag, and four bytes of length (gRPC PROTOCOL-HTTP2,
// "Length-Prefixed-Message").
constexpr std::size_t kPrefix = 5;
inline void write_prefix(std::byte* out, std::uint8_t flag, std::size_t size) {
  out[0] = std::byte{flag};
  for (int i = 0; i < 4; ++i) out[1 + i] = static_cast<std::byte>(size >> (24 - 8 * i));
}

// A message as it came.
struct Received {
  Message message;
  bool compressed = false;  // bytes only
};

// The first of messages that stand one behind the other with their prefixes, as Call::encode() makes them.
// REQUIRES: `framed` is not empty.
Received unframe(Chain& framed);

// First in, first out. Bytes are bounded in what they hold: they are kept as they are on a wire, a prefix and
// a body each. Small messages are copied and lie side by side, large ones are shared where they have at least
// half of the blocks that they came in. So the queue holds of bytes at most twice what was received and two
// blocks of 16 KiB, however small the messages are and whatever they came in. Objects are shared.
class MessageQueue {
 public:
  bool empty() const { return bytes_.empty(); }
  // Bytes of the messages that wait, prefixes included. An object counts as its prefix.
  std::size_t received() const { return bytes_.size(); }
  void push(Message&& message, bool compressed);
  void push(Received&& received) { push(std::move(received.message), received.compressed); }
  // The oldest, into `message`, which is empty. True: it is compressed. REQUIRES: not empty.
  bool pop(Message& message);
  void clear() {
    if (!bytes_.empty()) bytes_.clear(), room_ = Bytes(), objects_.reset();
  }

 private:
  std::byte* write_room(std::size_t size);
  void append_room(std::size_t size);
  void make_room(std::size_t least);
  [[gnu::noinline]] void push_object(Message&& message);

  Chain bytes_;
  Bytes room_;  // of a block of our own: what lies behind the last message, and nobody has seen
  std::unique_ptr<std::deque<Message>> objects_;  // null until there is one
};

}  // namespace sluice::inline v0::call
