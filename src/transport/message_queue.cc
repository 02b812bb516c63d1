// MessageQueue: messages as they came, and behind them bytes.
#include "transport/message_queue.h"

#include <utility>

#include "http2/frame.h"
#include "transport/message_reader.h"

namespace sluice::transport {
namespace {

constexpr std::size_t kPrefixSize = MessageReader::kPrefixSize;

}  // namespace

void MessageQueue::push(Received&& message) {
  received_ += kPrefixSize + message.bytes.size();
  if (gathered_.empty()) [[likely]] {
    const std::size_t cost = cost_of(message);
    if (cost_ + cost <= kMostShared) [[likely]] {
      cost_ += cost;
      message.bytes.keep();
      shared_.push_back(std::move(message));
      return;
    }
  }
  gather(std::move(message));
}

// Its slot, and the blocks that the message before it does not hold already.
std::size_t MessageQueue::cost_of(const Received& message) const {
  std::size_t cost = sizeof message;
  const Bytes* last = nullptr;
  if (begin_ < shared_.size() && !shared_.back().bytes.empty()) {
    const Chain& before = shared_.back().bytes;
    last = &before[before.count() - 1];
  }
  for (const Bytes& slice : message.bytes) {
    if (!last || !slice.owned() || !slice.same_block(*last)) cost += slice.block_size();
    last = &slice;
  }
  return cost;
}

Received MessageQueue::pop() {
  Received message = begin_ < shared_.size() ? pop_shared() : pop_gathered();
  received_ -= kPrefixSize + message.bytes.size();
  return message;
}

Received MessageQueue::pop_shared() {
  Received message = std::move(shared_[begin_++]);
  if (begin_ == shared_.size()) {
    forget_shared();
  } else if (begin_ >= 64 && begin_ * 2 >= shared_.size()) {
    // A reader that never quite catches up must not keep a slot for each message there ever was.
    shared_.erase(shared_.begin(), shared_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  return message;
}

// What a burst needed is given back; a few slots stay for the next messages.
void MessageQueue::forget_shared() {
  constexpr std::size_t kKeptSlots = 4;
  if (shared_.capacity() > kKeptSlots) {
    std::vector<Received>().swap(shared_);
  } else {
    shared_.clear();
  }
  begin_ = 0, cost_ = 0;
}

void MessageQueue::gather(Received&& message) {
  std::byte prefix[kPrefixSize];
  prefix[0] = std::byte{message.compressed};
  http2::store_u32(prefix + 1, static_cast<std::uint32_t>(message.bytes.size()));
  gathered_.gather(prefix);
  gathered_.append_tight(std::move(message.bytes));
}

Received MessageQueue::pop_gathered() {
  std::byte prefix[kPrefixSize];
  gathered_.copy_prefix_to(prefix, kPrefixSize);
  gathered_.remove_prefix(kPrefixSize);
  Received message{gathered_.take_front(http2::load_u32(prefix + 1)), prefix[0] != std::byte{0}};
  gathered_.trim();
  return message;
}

void MessageQueue::clear() {
  forget_shared();
  gathered_.clear();
  received_ = 0;
}

}  // namespace sluice::transport
