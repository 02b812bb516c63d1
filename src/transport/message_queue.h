// MessageQueue: messages that have come and that nobody has read yet. Part of a call's stream.
#pragma once

#include "sluice/base/bytes.h"

namespace sluice::transport {

// A message as it came.
struct Received {
  Chain bytes;
  bool compressed = false;
};

// First in, first out, and bounded in what it holds: messages are kept as they were on the wire, a prefix and
// a body each. Small ones are copied and lie side by side, large ones are shared where they have at least
// half of the blocks that they came in. So it holds at most twice what was received and two blocks of 16 KiB,
// however small the messages are and whatever they came in.
class MessageQueue {
 public:
  bool empty() const { return bytes_.empty(); }
  // Bytes on the wire of the messages that wait, prefixes included.
  std::size_t received() const { return bytes_.size(); }
  void push(Received&& message);
  // The oldest, into `bytes`, which is empty. True: it is compressed. REQUIRES: not empty.
  bool pop(Chain& bytes);
  void clear() {
    if (!bytes_.empty()) bytes_.clear(), room_ = Bytes();
  }

 private:
  void make_room(std::size_t least);

  Chain bytes_;
  Bytes room_;  // of a block of our own: what lies behind the last message, and nobody has seen
};

}  // namespace sluice::transport
