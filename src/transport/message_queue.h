// MessageQueue: messages that have come and that nobody has read yet. Part of a call's stream.
#pragma once

#include <vector>

#include "sluice/base/bytes.h"

namespace sluice::transport {

// A message as it came.
struct Received {
  Chain bytes;
  bool compressed = false;
};

// First in, first out, and bounded in what it holds. The first messages of a burst stay as they came, as long
// as their slots and the blocks that they lie in take no more than kMostShared. Those behind them are kept as
// they were on the wire, a prefix and a body each, small ones side by side: they hold at most twice what was
// received and a block of 4 KiB, however small they are.
class MessageQueue {
 public:
  static constexpr std::size_t kMostShared = 128 << 10;

  bool empty() const { return received_ == 0; }
  // Bytes on the wire of the messages that wait, prefixes included.
  std::size_t received() const { return received_; }
  void push(Received&& message);
  Received pop();  // REQUIRES: not empty
  void clear();

 private:
  std::size_t cost_of(const Received& message) const;
  Received pop_shared();
  void forget_shared();
  void gather(Received&& message);
  Received pop_gathered();

  std::vector<Received> shared_;  // from begin_; older than gathered_
  std::size_t begin_ = 0;
  std::size_t cost_ = 0;  // bytes that shared_ has taken since it was empty
  Chain gathered_;
  std::size_t received_ = 0;
};

}  // namespace sluice::transport
