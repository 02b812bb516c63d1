// MessageQueue: what is copied, what is shared, and where the copies lie.
#include "transport/message_queue.h"

#include <algorithm>
#include <utility>

#include "http2/frame.h"
#include "wire/message_reader.h"

namespace sluice::transport {
namespace {

constexpr std::size_t kPrefixSize = wire::MessageReader::kPrefixSize;
// Up to here a slot and a share in a block cost more than the bytes.
constexpr std::size_t kMostCopied = 1024;
// Blocks for copies; the first ones are small, as most queues are short.
constexpr std::size_t kSmallestBlock = 256;
constexpr std::size_t kLargestBlock = 16 << 10;

}  // namespace

void MessageQueue::push(Received&& message) {
  const std::size_t size = message.bytes.size();
  const bool copied = size <= kMostCopied;
  const std::size_t written = kPrefixSize + (copied ? size : 0);
  if (room_.size() < written) [[unlikely]]
    make_room(written);
  auto* const out = const_cast<std::byte*>(room_.data());
  out[0] = std::byte{message.compressed};
  http2::store_u32(out + 1, static_cast<std::uint32_t>(size));
  if (copied) message.bytes.copy_to(out + kPrefixSize);
  if (!bytes_.lengthen(room_, written)) bytes_.append(room_.slice(0, written));
  room_.remove_prefix(written);
  if (copied) return;
  message.bytes.keep_tight(0);
  bytes_.append(std::move(message.bytes));
}

// A message that is copied, and every prefix, lies in one block.
void MessageQueue::make_room(std::size_t least) {
  const std::size_t capacity = std::clamp(bytes_.size(), kSmallestBlock, kLargestBlock);
  Buffer* const block = Buffer::make(std::max(capacity, least));
  room_ = Bytes(block, block->data(), block->capacity());
}

bool MessageQueue::pop(Chain& bytes) {
  const std::byte* const prefix = bytes_.front().data();
  const bool compressed = prefix[0] != std::byte{0};
  const std::size_t size = http2::load_u32(prefix + 1);
  bytes_.remove_prefix(kPrefixSize);
  if (size > 0) bytes_.move_front(size, bytes);
  if (bytes_.empty()) [[unlikely]] {
    bytes_.trim();
    if (room_.block_size() > kSmallestBlock) room_ = Bytes();
  }
  return compressed;
}

}  // namespace sluice::transport
