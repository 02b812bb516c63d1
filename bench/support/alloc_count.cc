// See alloc_count.h. Uses glibc's own entry points, so it needs no dlsym and works from the first
// instruction.
#include "support/alloc_count.h"

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

extern "C" {
void* __libc_malloc(std::size_t size) noexcept;
void* __libc_calloc(std::size_t n, std::size_t size) noexcept;
void* __libc_realloc(void* old, std::size_t size) noexcept;
void* __libc_memalign(std::size_t alignment, std::size_t size) noexcept;
void __libc_free(void* block) noexcept;
}

namespace bench {
namespace {

// The one place with globals: malloc has no object to keep its counters in.
std::atomic<bool> counting{false};
std::atomic<std::int64_t> allocations{0};
std::atomic<std::int64_t> live_bytes{0};

void* note_allocated(void* block) {
  if (counting.load(std::memory_order_relaxed) && block != nullptr) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    live_bytes.fetch_add(static_cast<std::int64_t>(malloc_usable_size(block)), std::memory_order_relaxed);
  }
  return block;
}

void note_freed(void* block) {
  if (counting.load(std::memory_order_relaxed) && block != nullptr)
    live_bytes.fetch_sub(static_cast<std::int64_t>(malloc_usable_size(block)), std::memory_order_relaxed);
}

}  // namespace

AllocCount counted_so_far() {
  return {allocations.load(std::memory_order_relaxed), live_bytes.load(std::memory_order_relaxed)};
}

void start_counting() {
  allocations.store(0, std::memory_order_relaxed);
  live_bytes.store(0, std::memory_order_relaxed);
  counting.store(true, std::memory_order_relaxed);
}

AllocCount stop_counting() {
  counting.store(false, std::memory_order_relaxed);
  return counted_so_far();
}

}  // namespace bench

extern "C" {

void* malloc(std::size_t size) noexcept { return bench::note_allocated(__libc_malloc(size)); }

void* calloc(std::size_t n, std::size_t size) noexcept {
  return bench::note_allocated(__libc_calloc(n, size));
}

void* realloc(void* old, std::size_t size) noexcept {
  bench::note_freed(old);
  return bench::note_allocated(__libc_realloc(old, size));
}

void free(void* block) noexcept {
  bench::note_freed(block);
  __libc_free(block);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  return bench::note_allocated(__libc_memalign(alignment, size));
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept { return memalign(alignment, size); }

int posix_memalign(void** out, std::size_t alignment, std::size_t size) noexcept {
  void* block = memalign(alignment, size);
  if (block == nullptr) return ENOMEM;
  *out = block;
  return 0;
}

}  // extern "C"
