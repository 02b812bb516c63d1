// See call_slab.h.
#include "call/call_slab.h"

#include <algorithm>
#include <functional>
#include <new>

namespace sluice::inline v0::call {

void* CallSlab::allocate(detail::BlockPool& blocks, std::atomic<std::uint32_t>& known, std::size_t size,
                         std::size_t align) {
  const std::size_t wanted = known.load(std::memory_order_relaxed);
  if (memory_ == nullptr) {
    size_ = static_cast<std::uint32_t>(wanted > 0 ? wanted : std::max(size, kFirst));
    memory_ = static_cast<std::byte*>(blocks.take(size_));
  }
  const std::size_t at = (used_ + align - 1) & ~(align - 1);
  const std::size_t end = at + size;
  if (end > wanted && end <= kMost) known.store(static_cast<std::uint32_t>(end), std::memory_order_relaxed);
  if (end > size_) return ::operator new(size);
  used_ = static_cast<std::uint32_t>(end);
  return memory_ + at;
}

void CallSlab::deallocate(void* memory, std::size_t size) {
  const auto* byte = static_cast<std::byte*>(memory);
  if (std::less<>()(byte, memory_) || !std::less<>()(byte, memory_ + size_)) return ::operator delete(memory);
  if (byte + size == memory_ + used_) used_ = static_cast<std::uint32_t>(byte - memory_);
}

}  // namespace sluice::inline v0::call
