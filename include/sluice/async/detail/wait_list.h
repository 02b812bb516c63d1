// WaitList: those who wait for something that any thread may bring about, and how they are woken.
#pragma once

#include <vector>

#include "sluice/async/loop.h"

namespace sluice::inline v0::detail {

// One who waits. Its function runs on its loop, once, after it was woken.
//
// Thread: its owner's lock guards it while it is listed; otherwise its loop does. Lifetime: it leaves the
// list, or its function runs, before it goes.
class Waiter : public Runnable {
 public:
  explicit Waiter(Run run) : Runnable(run) {}
  // REQUIRES: it is not listed.
  void set_loop(Loop& loop) { loop_ = &loop; }

 private:
  friend class WaitList;
  friend class Wakeups;
  Loop* loop_ = nullptr;
  Waiter* prev_ = nullptr;
  Waiter* next_ = nullptr;
  bool listed_ = false;
};

// First in, first out. Guarded by its owner's lock.
class WaitList {
 public:
  bool empty() const { return first_ == nullptr; }
  void add(Waiter& waiter);
  // False: it is not listed, so it has been woken.
  bool remove(Waiter& waiter);
  // Null: nobody waits.
  Waiter* pop();

 private:
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

// Wakes waiters while their owner is locked and, once it is unlocked, runs the loops that nobody else runs.
// Make it before the lock: `Wakeups wakeups; const std::lock_guard lock(mutex_);`.
class Wakeups {
 public:
  Wakeups() = default;
  ~Wakeups();
  Wakeups(const Wakeups&) = delete;
  Wakeups& operator=(const Wakeups&) = delete;

  // REQUIRES: the owner is locked, and whatever runs locks it once before the loop may go.
  void post(Loop& loop, Runnable& r) noexcept;
  // REQUIRES: the same, and `waiter` has been taken off its list.
  void wake(Waiter& waiter) noexcept { post(*waiter.loop_, waiter); }

 private:
  Loop* led_ = nullptr;
  std::vector<Loop*> more_;
};

}  // namespace sluice::inline v0::detail
