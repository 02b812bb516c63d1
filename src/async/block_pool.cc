// BlockPool and Scratch: what depends on how the library was built, and so must not be inline in a program
// built otherwise.
#include "sluice/async/detail/block_pool.h"

namespace sluice::inline v0::detail {
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
constexpr std::size_t kMaxKept = 512 << 10;  // some two hundred calls, both ends

}  // namespace

BlockPool::BlockPool() : max_kept_(kPooled ? kMaxKept : 0) {}

void* BlockPool::take_fresh(std::size_t size) {
  return ::operator new(kPooled&& size <= kMaxSize ? class_size(size) : size);
}

void Scratch::give(Buffer* block) {
  if (block_ || !kPooled) return block->unref();
  block_ = block;
}

}  // namespace sluice::inline v0::detail
