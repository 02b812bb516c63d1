// See live_bytes.h.
#include "support/live_bytes.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace sluice::support {
namespace {

// Globals: operator new has no object to keep them in.
std::atomic<std::int64_t> live_bytes{0};
std::atomic<std::int64_t> live_blocks{0};
std::atomic<std::int64_t> allocations{0};
std::atomic<std::int64_t> peak_bytes{0};

void* counted(void* block) {
  if (block == nullptr) throw std::bad_alloc();
  const auto size = static_cast<std::int64_t>(malloc_usable_size(block));
  const std::int64_t now = live_bytes.fetch_add(size, std::memory_order_relaxed) + size;
  live_blocks.fetch_add(1, std::memory_order_relaxed);
  allocations.fetch_add(1, std::memory_order_relaxed);
  std::int64_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (now > peak && !peak_bytes.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
  return block;
}

void drop(void* block) {
  if (block == nullptr) return;
  live_bytes.fetch_sub(static_cast<std::int64_t>(malloc_usable_size(block)), std::memory_order_relaxed);
  live_blocks.fetch_sub(1, std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

LiveHeap live_heap() {
  return {live_bytes.load(std::memory_order_relaxed), live_blocks.load(std::memory_order_relaxed),
          allocations.load(std::memory_order_relaxed)};
}

std::int64_t take_peak_bytes() {
  return peak_bytes.exchange(live_bytes.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

}  // namespace sluice::support

// The array forms call these. The nothrow forms would too, but for a sanitizer's, which has all of them.
void* operator new(std::size_t size) { return sluice::support::counted(std::malloc(size == 0 ? 1 : size)); }
void* operator new(std::size_t size, std::align_val_t align) {
  const auto to = static_cast<std::size_t>(align);
  return sluice::support::counted(std::aligned_alloc(to, (size + to - 1) / to * to));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  void* block = std::malloc(size == 0 ? 1 : size);
  return block == nullptr ? nullptr : sluice::support::counted(block);
}
void operator delete(void* block) noexcept { sluice::support::drop(block); }
void operator delete(void* block, std::size_t) noexcept { sluice::support::drop(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { sluice::support::drop(block); }
void operator delete(void* block, std::align_val_t) noexcept { sluice::support::drop(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { sluice::support::drop(block); }
