// MemoryBudget: what the messages of all connections of a Runtime may hold together.
#pragma once

#include <atomic>
#include <cstddef>

namespace sluice::inline v0 {

// Two kinds of bytes: those of messages that have come and nobody has taken, and room, which is promised to
// large messages that are under way and to windows that have grown. Room is at most half of it, so that who
// uploads much does not keep others' calls out.
//
// Thread: any.
class MemoryBudget {
 public:
  static constexpr std::size_t kDefault = std::size_t{1} << 30;

  explicit MemoryBudget(std::size_t bytes) : bytes_(bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  std::size_t bytes() const { return bytes_; }
  std::size_t used() const {
    return unread_.load(std::memory_order_relaxed) + room_.load(std::memory_order_relaxed);
  }
  bool exceeded() const { return used() > bytes_; }

  // False: half is taken, or all is used.
  bool take_room(std::size_t bytes);
  void give_room_back(std::size_t bytes) { room_.fetch_sub(bytes, std::memory_order_relaxed); }
  // One at a time takes room beyond that, so that some message always gets on. False: another does.
  bool take_room_beyond(const void* who, std::size_t bytes);
  // `who` takes no more beyond it. What it took is given back as other room is.
  void end_beyond(const void* who);
  // Counts the connections that wait for room.
  void count_waiting(int by) { waiting_.fetch_add(by, std::memory_order_relaxed); }
  bool is_waited_for() const { return waiting_.load(std::memory_order_relaxed) > 0; }

 private:
  friend class UnreadMemory;
  const std::size_t bytes_;
  std::atomic<std::size_t> unread_{0};
  std::atomic<std::size_t> room_{0};
  std::atomic<const void*> beyond_{nullptr};
  std::atomic<int> waiting_{0};
};

// What the messages of one loop hold that have come and nobody has taken. The budget is told in pieces, so
// that loops do not meet at one counter for each message. Loop-only.
class UnreadMemory {
 public:
  void hold(MemoryBudget& budget, std::size_t bytes) {
    held_ += bytes;
    if (held_ > told_ + kPiece) tell(budget);
  }
  void give_back(MemoryBudget& budget, std::size_t bytes) {
    held_ -= bytes;
    if (told_ > held_ + kPiece) tell(budget);
  }
  std::size_t held() const { return held_; }

 private:
  static constexpr std::size_t kPiece = 64 << 10;
  void tell(MemoryBudget& budget);
  std::size_t held_ = 0;
  std::size_t told_ = 0;
};

}  // namespace sluice::inline v0
