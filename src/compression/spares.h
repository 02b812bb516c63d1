// Spares: contexts of zlib and zstd kept from one message for the next, since making one costs more than
// compressing a small message.
#pragma once

#include <array>
#include <atomic>
#include <memory>

namespace sluice::inline v0::compression {

// As many as were in use at once, up to a few. Any thread.
template <class T>
class Spares {
 public:
  Spares() = default;
  Spares(const Spares&) = delete;
  Spares& operator=(const Spares&) = delete;
  ~Spares() {
    for (std::atomic<T*>& slot : slots_) delete slot.load(std::memory_order_acquire);
  }

  // Null when there is none.
  std::unique_ptr<T> take() {
    for (std::atomic<T*>& slot : slots_) {
      if (slot.load(std::memory_order_relaxed) == nullptr) continue;
      if (T* spare = slot.exchange(nullptr, std::memory_order_acquire)) return std::unique_ptr<T>(spare);
    }
    return nullptr;
  }
  // Kept, or ended where all places are taken.
  void give(std::unique_ptr<T> spare) {
    for (std::atomic<T*>& slot : slots_) {
      T* none = nullptr;
      if (slot.compare_exchange_strong(none, spare.get(), std::memory_order_release,
                                       std::memory_order_relaxed)) {
        (void)spare.release();
        return;
      }
    }
  }

 private:
  std::array<std::atomic<T*>, 4> slots_{};
};

}  // namespace sluice::inline v0::compression
