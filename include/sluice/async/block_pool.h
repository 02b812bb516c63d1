// BlockPool: memory of the objects that a loop makes for each call and frees again, kept for the next call.
#pragma once

#include <array>
#include <cstddef>
#include <new>

namespace sluice {

// Blocks by size class, a few of each kept. Loop-only. Under AddressSanitizer every block is the heap's own,
// so that use after free is seen.
class BlockPool {
 public:
  BlockPool() = default;
  ~BlockPool() { trim(); }
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  void* take(std::size_t size) {
    if (kPooled && size <= kMaxSize) {
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
  static void* take_fresh(std::size_t size) {
    return ::operator new(kPooled&& size <= kMaxSize ? (class_of(size) + 1) * kStep : size);
  }
  void give(void* block, std::size_t size) {
    if (kPooled && size <= kMaxSize) {
      Class& c = classes_[class_of(size)];
      if (c.kept < kMaxKept) {
        c.first = new (block) Free{c.first};
        ++c.kept;
        return;
      }
    }
    ::operator delete(block);
  }
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
#if defined(__SANITIZE_ADDRESS__)
  static constexpr bool kPooled = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  static constexpr bool kPooled = false;
#else
  static constexpr bool kPooled = true;
#endif
#else
  static constexpr bool kPooled = true;
#endif
  static constexpr std::size_t kStep = 512;
  static constexpr std::size_t kMaxSize = 4096;
  static constexpr unsigned kMaxKept = 128;  // of a class; with streams of 2 KiB that is 256 KiB a loop
  static std::size_t class_of(std::size_t size) { return (size - 1) / kStep; }

  struct Free {
    Free* next;
  };
  struct Class {
    Free* first = nullptr;
    unsigned kept = 0;
  };
  std::array<Class, kMaxSize / kStep> classes_;
};

}  // namespace sluice
