// Who gets room.
#include "sluice/async/memory_budget.h"

namespace sluice::inline v0 {

bool MemoryBudget::take_room(std::size_t bytes) {
  std::size_t room = room_.load(std::memory_order_relaxed);
  do {
    if (bytes > bytes_ / 2 || room > bytes_ / 2 - bytes || exceeded()) return false;
  } while (!room_.compare_exchange_weak(room, room + bytes, std::memory_order_relaxed));
  return true;
}

bool MemoryBudget::take_room_beyond(const void* who, std::size_t bytes) {
  const void* nobody = nullptr;
  if (beyond_.load(std::memory_order_relaxed) != who &&
      !beyond_.compare_exchange_strong(nobody, who, std::memory_order_relaxed)) {
    return false;
  }
  room_.fetch_add(bytes, std::memory_order_relaxed);
  return true;
}

void MemoryBudget::end_beyond(const void* who) {
  if (beyond_.load(std::memory_order_relaxed) == who) beyond_.store(nullptr, std::memory_order_relaxed);
}

void UnreadMemory::tell(MemoryBudget& budget) {
  budget.unread_.fetch_add(held_ - told_, std::memory_order_relaxed);  // wraps where it is less
  told_ = held_;
}

}  // namespace sluice::inline v0
