// BlockPool: memory of the objects that a loop makes for each call and frees again, kept for the next call.
// Scratch: the memory that a loop's reads land in.
#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <utility>

#include "sluice/base/bytes.h"

namespace sluice::inline v0::detail {

// Memory for a coroutine frame, given by whoever owns the call that the coroutine serves. A coroutine with a
// parameter that is one (ServerContext), or converts to one (Invocation), takes its frame from it.
class FrameAllocator {
 public:
  virtual void* allocate_frame(std::size_t size) = 0;
  virtual void free_frame(void* frame, std::size_t size) = 0;

 protected:
  ~FrameAllocator() = default;
};

// Blocks by size class. What is given back is kept for the next, up to half a mebibyte in all. Loop-only. In
// a library built with AddressSanitizer every block is the heap's own, so that use after free is seen; a
// program may be built with it though the library was not.
class BlockPool final : public FrameAllocator {
 public:
  // Larger ones are the heap's.
  static constexpr std::size_t kMaxSize = 4096;

  BlockPool();
  ~BlockPool() { trim(); }
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  void* take(std::size_t size) {
    if (size <= kMaxSize) {
      Class& c = classes_[class_of(size)];
      if (Free* block = c.first) {
        c.first = block->next;
        kept_ -= class_size(size);
        return block;
      }
    }
    return take_fresh(size);
  }
  // From the heap, on any thread; given back to a pool all the same.
  static void* take_fresh(std::size_t size);
  void give(void* block, std::size_t size) {
    if (size <= kMaxSize) {
      if (kept_ < max_kept_) {
        Class& c = classes_[class_of(size)];
        c.first = new (block) Free{c.first};
        kept_ += class_size(size);
        return;
      }
    }
    ::operator delete(block);
  }
  void* allocate_frame(std::size_t size) override { return take(size); }
  void free_frame(void* frame, std::size_t size) override { give(frame, size); }
  // Gives everything back to the heap.
  void trim() {
    for (Class& c : classes_) {
      while (Free* block = c.first) {
        c.first = block->next;
        ::operator delete(block);
      }
    }
    kept_ = 0;
  }

 private:
  static constexpr std::size_t kStep = 64;
  static std::size_t class_of(std::size_t size) { return (size - 1) / kStep; }
  static std::size_t class_size(std::size_t size) { return (size + kStep - 1) & ~(kStep - 1); }

  struct Free {
    Free* next;
  };
  struct Class {
    Free* first = nullptr;
  };
  std::array<Class, kMaxSize / kStep> classes_;
  std::size_t kept_ = 0;        // bytes
  const std::size_t max_kept_;  // but for the last block
};

// One block large enough for what a read may bring, lent before anybody knows how much that is. Loop-only.
class Scratch {
 public:
  static constexpr std::size_t kSize = 64 << 10;

  Scratch() = default;
  ~Scratch() {
    if (block_) block_->unref();
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // The block, or another one while it is lent; the taker's own. What was kept needs no giving back.
  Buffer* take() { return block_ ? std::exchange(block_, nullptr) : Buffer::make(kSize); }
  // Freed when there is one already, and in a library built with AddressSanitizer.
  void give(Buffer* block);

 private:
  Buffer* block_ = nullptr;
};

}  // namespace sluice::inline v0::detail
