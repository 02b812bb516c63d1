// BlockPool and Scratch: what depends on how the library was built, and so must not be inline in a program
// built otherwise.
#include "sluice/async/block_pool.h"

namespace sluice {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kPooled = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif
#else
constexpr bool kPooled = true;
#endif
constexpr unsigned kMaxKept = 128;  // with streams of 2 KiB that is 256 KiB a loop

}  // namespace

BlockPool::BlockPool() : max_kept_(kPooled ? kMaxKept : 0) {}

void* BlockPool::take_fresh(std::size_t size) {
  return ::operator new(kPooled&& size <= kMaxSize ? (class_of(size) + 1) * kStep : size);
}

void Scratch::give(Buffer* block) {
  if (block_ || !kPooled) return block->unref();
  block_ = block;
}

}  // namespace sluice
