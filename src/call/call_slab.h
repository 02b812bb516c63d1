// CallSlab: memory for the handler of a call and its coroutine frames.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sluice/async/detail/block_pool.h"

namespace sluice::inline v0::call {

// One block, taken at the first allocation and used as a stack: what ends first has mostly begun last. What
// does not fit goes to the heap. `known`, the method's, remembers how much its calls take, so that an idle
// stream holds no more than its handler needs.
//
// Loop-only. Lifetime: give_back() before destruction, when nothing in it is used.
class CallSlab {
 public:
  void* allocate(detail::BlockPool& blocks, std::atomic<std::uint32_t>& known, std::size_t size,
                 std::size_t align);
  // `size` may be 0 for the first block there was.
  void deallocate(void* memory, std::size_t size);
  void give_back(detail::BlockPool& blocks) {
    if (memory_ != nullptr) blocks.give(memory_, size_);
  }

 private:
  static constexpr std::size_t kFirst = 1024;  // bytes
  static constexpr std::size_t kMost = 2048;

  std::byte* memory_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t used_ = 0;
};

}  // namespace sluice::inline v0::call
