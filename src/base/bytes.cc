// Buffer's memory and what Chain does with more than one slice. A Bytes is three words that nothing points
// to, so slots are moved by their bits: the old place is forgotten, not destroyed.
#include "sluice/base/bytes.h"

#include <algorithm>
#include <limits>
#include <new>

namespace sluice::inline v0 {
namespace {

// Blocks of gathered bytes.
constexpr std::size_t kMinGathered = 256;
constexpr std::size_t kMaxGathered = 4096;
// Below this a slice that stays is copied: a slot and a share in a block cost more than the bytes, and a peer
// that sends one byte a frame could multiply its effect on our memory by that.
constexpr std::size_t kShareFrom = 1024;

}  // namespace

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
  if (heap_ != nullptr) ::operator delete(static_cast<void*>(heap_));
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

Chain::Run Chain::run_at(Bytes* slot) {
  Bytes* const last = slots() + end_;
  Run run{slot, 0};
  do {
    run.size += run.end->size();
    ++run.end;
  } while (run.end != last && run.end->same_block(*slot));
  return run;
}

// Whether a run of `size` bytes has to be copied; if not, what it wastes is taken off `slack`.
bool Chain::is_loose(const Bytes& first, std::size_t size, std::size_t& slack) {
  const std::size_t wasted = first.wasted(size);
  if (wasted > slack) return true;
  slack -= wasted;
  return false;
}

void Chain::copy_loose(std::size_t slack, std::size_t from) {
  assert(from <= count());
  Bytes* const first = slots() + begin_ + from;
  Bytes* const last = slots() + end_;
  std::size_t loose = 0, left = slack;
  for (Bytes* slot = first; slot != last;) {
    const Run run = run_at(slot);
    if (is_loose(*slot, run.size, left)) loose += run.size;
    slot = run.end;
  }
  if (loose == 0) return;
  Bytes block(Buffer::make(loose), nullptr, 0);
  std::byte* out = block.buffer_->data();
  left = slack;
  for (Bytes* slot = first; slot != last;) {
    const Run run = run_at(slot);
    const bool copied = is_loose(*slot, run.size, left);
    for (; slot != run.end; ++slot) {
      if (!copied) continue;
      std::memcpy(out, slot->data_, slot->size_);
      block.buffer_->ref();
      *slot = Bytes(block.buffer_, out, slot->size_);
      out += slot->size_;
    }
  }
}

void Chain::gather(std::span<const std::byte> bytes, std::size_t limit) {
  if (bytes.empty()) return;
  if (end_ != begin_) {
    Bytes& last = slots()[end_ - 1];
    // Nobody else can see what lies behind the only slice of a block.
    if (last.buffer_ != nullptr && last.buffer_->unique()) {
      auto* const free = const_cast<std::byte*>(last.data_) + last.size_;
      const auto used = static_cast<std::size_t>(free - last.buffer_->data());
      const std::size_t n = std::min(bytes.size(), last.buffer_->capacity() - used);
      if (n > 0) std::memcpy(free, bytes.data(), n);
      last.size_ += n, size_ += n, limit -= std::min(n, limit);
      bytes = bytes.subspan(n);
      if (bytes.empty()) return;
    }
  }
  // Room for as much again as there is already.
  const std::size_t room = std::min(limit, std::clamp(size_, kMinGathered, kMaxGathered));
  Buffer* buffer = Buffer::make(std::max(bytes.size(), room));
  std::memcpy(buffer->data(), bytes.data(), bytes.size());
  append(Bytes(buffer, buffer->data(), bytes.size()));
}

void Chain::append_tight(Chain&& other) {
  assert(this != &other);
  Bytes* const last = other.slots() + other.end_;
  for (Bytes* slot = other.slots() + other.begin_; slot != last;) {
    const Run run = other.run_at(slot);
    std::size_t slack = 0;
    const bool copied = run.size < kShareFrom || is_loose(*slot, run.size, slack);
    for (; slot != run.end; ++slot) {
      if (copied) {
        gather(slot->span());
      } else {
        append(*slot);
      }
    }
  }
  other.clear();
}

Bytes Chain::flatten() const {
  if (empty()) return {};
  if (count() == 1) return front();
  Buffer* buffer = Buffer::make(size_);
  copy_to(buffer->data());
  return {buffer, buffer->data(), size_};
}

}  // namespace sluice::inline v0
