// BlockPool: memory of the objects that a loop makes for each call and frees again, kept for the next call.
// Scratch: the memory that a loop's reads land in.
#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <utility>

#include "sluice/base/bytes.h"

namespace sluice {

// Memory for a coroutine frame, given by whoever owns the call that the coroutine serves. A coroutine with a
// parameter that is one (ServerContext), or converts to one (Invocation), takes its frame from it.
class FrameAllocator {
 public:
  virtual void* allocate_frame(std::size_t size) = 0;
  virtual void free_frame(void* frame, std::size_t size) = 0;

 protected:
  ~FrameAllocator() = default;
};

// Blocks by size class, a few of each kept. Loop-only. In a library built with AddressSanitizer every block
// is the heap's own, so that use after free is seen; a program may be built with it though the library was
// not.
class BlockPool final : public FrameAllocator {
 public:
  BlockPool();
  ~BlockPool() { trim(); }
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  void* take(std::size_t size) {
    if (size <= kMaxSize) {
      Class& c = classes_[class_of(size)];
      if (Free* block = c.first) {
        c.first = block->next;
        --c.kept;
        return block;
      }
    }
    return take_fresh(size);
  }
  // From the heap, on any thread; given back to a pool all the same.
  static void* take_fresh(std::size_t size);
  void give(void* block, std::size_t size) {
    if (size <= kMaxSize) {
      Class& c = classes_[class_of(size)];
      if (c.kept < max_kept_) {
        c.first = new (block) Free{c.first};
        ++c.kept;
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
      c.kept = 0;
    }
  }

 private:
  static constexpr std::size_t kStep = 512;
  static constexpr std::size_t kMaxSize = 4096;
  static std::size_t class_of(std::size_t size) { return (size - 1) / kStep; }

  struct Free {
    Free* next;
  };
  struct Class {
    Free* first = nullptr;
    unsigned kept = 0;
  };
  std::array<Class, kMaxSize / kStep> classes_;
  const unsigned max_kept_;  // of a class
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

}  // namespace sluice
