// Buffer's memory and what Chain does with more than one slice. A Bytes is three words that nothing points
// to, so slots are moved by their bits: the old place is forgotten, not destroyed.
#include "sluice/base/bytes.h"

#include <algorithm>
#include <limits>
#include <new>

namespace sluice {

Buffer* Buffer::make(std::size_t capacity) {
  if (capacity > std::numeric_limits<std::size_t>::max() - sizeof(Buffer)) throw std::bad_alloc();
  return new (::operator new(sizeof(Buffer) + capacity)) Buffer(capacity);
}

void Buffer::destroy() {
  this->~Buffer();
  ::operator delete(static_cast<void*>(this));
}

Bytes Bytes::copy(std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  Buffer* buffer = Buffer::make(bytes.size());
  std::memcpy(buffer->data(), bytes.data(), bytes.size());
  return {buffer, buffer->data(), bytes.size()};
}

// Delegates, so that the destructor runs should memory run out on the way.
Chain::Chain(const Chain& other) : Chain() {
  const auto n = static_cast<std::uint32_t>(other.count());
  if (n > capacity_) grow(n);
  for (const Bytes& bytes : other) append(bytes);
}

void Chain::append(Chain&& other) {
  assert(this != &other);
  if (other.empty()) return;
  if (empty() && heap_ == nullptr) return steal(other);
  const std::uint32_t n = other.end_ - other.begin_;
  if (capacity_ - end_ < n) grow(n);
  std::memcpy(static_cast<void*>(slots() + end_), other.slots() + other.begin_, n * sizeof(Bytes));
  end_ += n, size_ += other.size_;
  other.begin_ = other.end_ = 0, other.size_ = 0;
}

void Chain::grow(std::uint32_t more) {
  static constexpr std::uint32_t kFirstHeap = 8;
  const std::uint32_t n = end_ - begin_;
  // Half of the slots must be free before they are moved down, or a queue would move them at every append.
  if (n + more <= capacity_ && begin_ >= capacity_ / 2) {
    std::memmove(static_cast<void*>(slots()), slots() + begin_, n * sizeof(Bytes));
  } else {
    const std::uint32_t capacity = std::max({kFirstHeap, n + more, capacity_ * 2});
    auto* heap = static_cast<Bytes*>(::operator new(capacity * sizeof(Bytes)));
    std::memcpy(static_cast<void*>(heap), slots() + begin_, n * sizeof(Bytes));
    ::operator delete(static_cast<void*>(heap_));
    heap_ = heap, capacity_ = capacity;
  }
  begin_ = 0, end_ = n;
}

void Chain::free_slots() {
  for (Bytes *slot = slots() + begin_, *last = slots() + end_; slot != last; ++slot) slot->~Bytes();
  ::operator delete(static_cast<void*>(heap_));
}

void Chain::remove_prefix(std::size_t n) {
  assert(n <= size_);
  while (n > 0) {
    Bytes& first = slots()[begin_];
    if (n < first.size()) {
      first.remove_prefix(n), size_ -= n;
      return;
    }
    n -= first.size();
    pop_front();
  }
}

Chain Chain::take_front(std::size_t n) {
  assert(n <= size_);
  if (n == size_) return std::move(*this);
  Chain taken;
  while (n > 0) {
    Bytes& first = slots()[begin_];
    if (n < first.size()) {
      taken.append(first.take_front(n)), size_ -= n;
      break;
    }
    n -= first.size();
    taken.append(pop_front());
  }
  return taken;
}

void Chain::copy_to(std::byte* out) const { copy_prefix_to(out, size_); }

void Chain::copy_prefix_to(std::byte* out, std::size_t n) const {
  assert(n <= size_);
  for (const Bytes* slot = begin(); n > 0; ++slot) {
    const std::size_t part = std::min(n, slot->size());
    std::memcpy(out, slot->data(), part);
    out += part, n -= part;
  }
}

std::string Chain::to_string() const {
  std::string text;
  text.reserve(size_);
  for (const Bytes& bytes : *this) text.append(bytes.text());
  return text;
}

void Chain::keep() {
  std::size_t borrowed = 0;
  for (const Bytes& bytes : *this) borrowed += bytes.owned() ? 0 : bytes.size();
  if (borrowed == 0) return;
  // One block for all of them: the slices that borrow mostly come together and leave together.
  Bytes block(Buffer::make(borrowed), nullptr, 0);
  std::byte* out = block.buffer_->data();
  for (Bytes *slot = slots() + begin_, *last = slots() + end_; slot != last; ++slot) {
    if (slot->owned()) continue;
    std::memcpy(out, slot->data_, slot->size_);
    block.buffer_->ref();
    *slot = Bytes(block.buffer_, out, slot->size_);
    out += slot->size_;
  }
}

Bytes Chain::flatten() const {
  if (empty()) return {};
  if (count() == 1) return front();
  Buffer* buffer = Buffer::make(size_);
  copy_to(buffer->data());
  return {buffer, buffer->data(), size_};
}

}  // namespace sluice
