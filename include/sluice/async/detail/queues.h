// The two queues of a Loop: what is ready on it, and what other threads hand to it. Both are lists of
// Runnables and own nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

#include "sluice/async/runnable.h"

namespace sluice::inline v0 {
class Simulation;
}  // namespace sluice::inline v0

namespace sluice::inline v0::detail {

// First in, first out; under a Simulation the next is chosen by its seed. Loop-only.
class ReadyQueue {
 public:
  explicit ReadyQueue(Simulation* simulation) : simulation_(simulation) {}

  bool empty() const { return simulation_ ? choices_.empty() : head_ == nullptr; }
  void push(Runnable& r) {
    if (simulation_) [[unlikely]]
      return push_choice(r);
    r.next_ = nullptr;
    (tail_ ? tail_->next_ : head_) = &r;
    tail_ = &r;
  }
  // Null when empty.
  Runnable* pop() {
    if (simulation_) return choose();
    Runnable* r = head_;
    if (r != nullptr && (head_ = r->next_) == nullptr) tail_ = nullptr;
    return r;
  }

  // Real time only. All that is queued, as a list: follow() takes its first off.
  Runnable* take_all() { return tail_ = nullptr, std::exchange(head_, nullptr); }
  static Runnable* follow(Runnable*& list) { return std::exchange(list, list->next_); }
  // The rest of such a list, before what was queued since.
  void put_back(Runnable* list);

 private:
  Runnable* choose();
  void push_choice(Runnable& r) { choices_.push_back(&r); }

  Simulation* simulation_;
  Runnable* head_ = nullptr;
  Runnable* tail_ = nullptr;
  std::vector<Runnable*> choices_;
};

// Many producers, one consumer, in order of arrival. push: any thread; drain: Loop-only.
class RemoteQueue {
 public:
  void push(Runnable& r) {
    Runnable* head = head_.load(std::memory_order_relaxed);
    do {
      r.next_ = head;
    } while (!head_.compare_exchange_weak(head, &r, std::memory_order_seq_cst, std::memory_order_relaxed));
  }
  // Sequentially consistent, so that a loop about to park and a producer about to look whether it is
  // parked cannot both miss the other.
  bool empty() const { return head_.load(std::memory_order_seq_cst) == nullptr; }
  void drain_into(ReadyQueue& ready) {
    if (head_.load(std::memory_order_relaxed) == nullptr) return;
    Runnable* list = head_.exchange(nullptr, std::memory_order_acquire);
    Runnable* in_order = nullptr;
    while (list != nullptr) {
      Runnable* next = list->next_;
      list->next_ = in_order;
      in_order = list;
      list = next;
    }
    while (in_order != nullptr) {
      Runnable* next = in_order->next_;
      ready.push(*in_order);
      in_order = next;
    }
  }

 private:
  std::atomic<Runnable*> head_{nullptr};
};

}  // namespace sluice::inline v0::detail
