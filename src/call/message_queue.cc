// MessageQueue: what is copied, what is shared, and where the copies lie.
#include "call/message_queue.h"

#include <algorithm>
#include <utility>

namespace sluice::inline v0::call {
namespace {

// Up to here a slot and a share in a block cost more than the bytes.
constexpr std::size_t kMostCopied = 1024;
// Blocks for copies; the first ones are small, as most queues are short.
constexpr std::size_t kSmallestBlock = 256;
constexpr std::size_t kLargestBlock = 16 << 10;

// Flags of prefixes. The first two are the wire's.
constexpr std::uint8_t kPlain = 0;
constexpr std::uint8_t kCompressed = 1;
constexpr std::uint8_t kObject = 2;  // the next one in objects_

std::size_t read_size(const std::byte* prefix) {
  std::size_t size = 0;
  for (std::size_t i = 1; i < kPrefix; ++i) size = size << 8 | std::to_integer<std::size_t>(prefix[i]);
  return size;
}

}  // namespace

Received unframe(Chain& framed) {
  const std::byte* const prefix = framed.front().data();
  Received first;
  first.compressed = std::to_integer<std::uint8_t>(prefix[0]) == kCompressed;
  const std::size_t size = read_size(prefix);
  framed.remove_prefix(kPrefix);
  if (size > 0) framed.move_front(size, first.message.bytes());
  return first;
}

// So much of room_, to be written; append_room() follows.
std::byte* MessageQueue::write_room(std::size_t size) {
  if (room_.size() < size) [[unlikely]]
    make_room(size);
  return const_cast<std::byte*>(room_.data());
}

void MessageQueue::append_room(std::size_t size) {
  if (!bytes_.lengthen(room_, size)) bytes_.append(room_.slice(0, size));
  room_.remove_prefix(size);
}

void MessageQueue::push(Message&& message, bool compressed) {
  if (!message.is_bytes()) [[unlikely]]
    return push_object(std::move(message));
  Chain& bytes = message.bytes();
  const std::size_t size = bytes.size();
  const bool copied = size <= kMostCopied;
  const std::size_t written = kPrefix + (copied ? size : 0);
  std::byte* const out = write_room(written);
  write_prefix(out, compressed ? kCompressed : kPlain, size);
  if (copied) bytes.copy_to(out + kPrefix);
  append_room(written);
  if (copied) return;
  bytes.keep_tight(0);
  bytes_.append(std::move(bytes));
}

void MessageQueue::push_object(Message&& message) {
  write_prefix(write_room(kPrefix), kObject, 0);
  append_room(kPrefix);
  if (!objects_) objects_ = std::make_unique<std::deque<Message>>();
  objects_->push_back(std::move(message));
}

// A message that is copied, and every prefix, lies in one block.
void MessageQueue::make_room(std::size_t least) {
  const std::size_t capacity = std::clamp(bytes_.size(), kSmallestBlock, kLargestBlock);
  Buffer* const block = Buffer::make(std::max(capacity, least));
  room_ = Bytes(block, block->data(), block->capacity());
}

bool MessageQueue::pop(Message& message) {
  const std::byte* const prefix = bytes_.front().data();
  const auto flag = std::to_integer<std::uint8_t>(prefix[0]);
  const std::size_t size = read_size(prefix);
  bytes_.remove_prefix(kPrefix);
  if (size > 0) bytes_.move_front(size, message.bytes());
  if (flag == kObject) [[unlikely]] {
    message = std::move(objects_->front());
    objects_->pop_front();
  }
  if (bytes_.empty()) [[unlikely]] {
    bytes_.trim();
    if (room_.block_size() > kSmallestBlock) room_ = Bytes();
  }
  return flag == kCompressed;
}

}  // namespace sluice::inline v0::call
