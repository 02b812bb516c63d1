// Queue: values that some coroutines and threads hand to others, in order, with a bound.
#pragma once

#include <cassert>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "sluice/async/detail/wait.h"
#include "sluice/base/fail.h"
#include "sluice/base/result.h"

namespace sluice::inline v0 {

// First in, first out, at most `capacity` values. Those who wait are served in the order in which they came.
//
// Thread: any, for all members; many producers and many consumers, on any loops. push() and pop() are awaited
// by coroutines; a plain thread has try_push() and try_pop(). As Event::set(), try_push(), try_pop() and
// close() may run coroutines of a loop without a thread: hold no lock that they take. Lifetime: it outlives
// those who wait; destroyed while somebody waits it ends the process. Room for the values is allocated as
// they come and kept.
template <class T>
class Queue {
  static_assert(std::is_nothrow_move_constructible_v<T>,
                "a Queue moves its values, and must not lose one by that");

 public:
  // `capacity` 0 is taken for 1.
  explicit Queue(std::size_t capacity) : capacity_(capacity == 0 ? 1 : capacity) {}
  ~Queue() {
    const std::lock_guard lock(mutex_);
    if (!poppers_.empty() || !pushers_.empty()) [[unlikely]]
      detail::fail("a Queue was destroyed while a coroutine waits for it");
  }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // False: it is full or closed, and `value` is untouched.
  bool try_push(T&& value) {
    detail::Wakeups wakeups;
    const std::lock_guard lock(mutex_);
    if (closed_ || size_ >= capacity_) return false;
    accept(std::move(value), Where::kEnd, wakeups);
    return true;
  }
  bool try_push(const T& value) { return try_push(T(value)); }
  // Nullopt: it is empty.
  std::optional<T> try_pop() {
    detail::Wakeups wakeups;
    const std::lock_guard lock(mutex_);
    return take(wakeups);
  }

  class [[nodiscard]] Push;
  class [[nodiscard]] Pop;
  // `Status s = co_await queue.push(value);`: waits while the queue is full. FAILED_PRECONDITION if it is, or
  // gets, closed; DEADLINE_EXCEEDED and CANCELLED as of Event::wait(). The value of a push that fails is
  // lost.
  Push push(T value, Context context = {}) {
    return Push(*this, std::move(value), kNoTimeout, std::move(context));
  }
  Push push(T value, Duration timeout, Context context = {}) {
    return Push(*this, std::move(value), timeout, std::move(context));
  }
  // `Result<T> value = co_await queue.pop();`: OUT_OF_RANGE, at once each time, when the queue is closed and
  // empty; DEADLINE_EXCEEDED and CANCELLED as of Event::wait().
  Pop pop(Context context = {}) { return Pop(*this, kNoTimeout, std::move(context)); }
  Pop pop(Duration timeout, Context context = {}) { return Pop(*this, timeout, std::move(context)); }

  // No more values come: pushes fail, and pops fail when those that are there are gone. Idempotent. (A value
  // that a pop gives back, because it lost in when_any(), may so come after another pop has failed.)
  void close() {
    detail::Wakeups wakeups;
    const std::lock_guard lock(mutex_);
    closed_ = true;
    while (detail::Waiter* const popper = poppers_.pop()) wakeups.wake(*popper);
    while (detail::Waiter* const pusher = pushers_.pop()) wakeups.wake(*pusher);
  }
  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return size_;
  }
  std::size_t capacity() const { return capacity_; }

 private:
  class Waiting;
  // All under mutex_.
  T& at(std::size_t i) { return *ring_[(first_ + i) % ring_.size()]; }
  void make_room();
  void append(T&& value) {
    make_room();
    ring_[(first_ + size_++) % ring_.size()].emplace(std::move(value));
  }
  // To the first who waits for a value, or into the ring, at its end or its front.
  enum class Where : bool { kEnd, kFront };
  void accept(T&& value, Where where, detail::Wakeups& wakeups);
  std::optional<T> take(detail::Wakeups& wakeups);

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  // Under mutex_.
  std::vector<std::optional<T>> ring_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;  // over the capacity when a value was given back
  bool closed_ = false;
  detail::WaitList poppers_;
  detail::WaitList pushers_;
};

// What waits in one of its lists.
template <class T>
class Queue<T>::Waiting : public detail::Wait {
 protected:
  Waiting(const char* what, Duration timeout, Context context, Queue& queue, detail::WaitList& list)
      : detail::Wait(what, timeout, std::move(context)), queue_(queue), list_(list) {}
  bool unlist(detail::Waiter& waiter) override {
    const std::lock_guard lock(queue_.mutex_);
    return list_.remove(waiter);
  }
  void see_out() override { const std::lock_guard lock(queue_.mutex_); }

  Queue& queue_;
  detail::WaitList& list_;
};

// To be awaited once. A value that came for one that loses in when_any() goes to the next who waits, or back
// to the front of the queue.
template <class T>
class Queue<T>::Pop final : public Waiting {
 public:
  Pop(Queue& queue, Duration timeout, Context context)
      : Waiting("a queue's next value", timeout, std::move(context), queue, queue.poppers_) {}
  Result<T> await_resume() {
    if (value_) return std::move(*value_);
    if (!this->arrived()) return std::move(this->status());
    return Status(StatusCode::kOutOfRange, "the queue is closed and empty");
  }
  void give_back() override;

 private:
  friend class Queue;
  bool take_or_list(detail::Waiter& waiter) override;
  std::optional<T> value_;  // under its mutex_ while waiting
};

// To be awaited once. Not for when_any(), which could not take the value back: give it a timeout or a
// context.
template <class T>
class Queue<T>::Push final : public Waiting {
 public:
  static constexpr bool kCannotLose = true;
  Push(Queue& queue, T&& value, Duration timeout, Context context)
      : Waiting("room in a queue", timeout, std::move(context), queue, queue.pushers_),
        value_(std::move(value)) {}
  Status await_resume() {
    if (accepted_) return {};
    if (!this->arrived()) return std::move(this->status());
    return Status(StatusCode::kFailedPrecondition, "push on a closed queue");
  }

 private:
  friend class Queue;
  bool take_or_list(detail::Waiter& waiter) override;
  T value_;                // under its mutex_ while waiting
  bool accepted_ = false;  // the same
};

template <class T>
void Queue<T>::make_room() {
  if (size_ < ring_.size()) return;
  std::vector<std::optional<T>> larger(ring_.empty() ? 4 : 2 * ring_.size());
  for (std::size_t i = 0; i < size_; ++i) larger[i].emplace(std::move(at(i)));
  ring_ = std::move(larger);
  first_ = 0;
}

template <class T>
void Queue<T>::accept(T&& value, Where where, detail::Wakeups& wakeups) {
  if (detail::Waiter* const popper = poppers_.pop()) {
    static_cast<Pop&>(detail::Wait::of(*popper)).value_.emplace(std::move(value));
    return wakeups.wake(*popper);
  }
  if (where == Where::kEnd) return append(std::move(value));
  make_room();
  first_ = (first_ + ring_.size() - 1) % ring_.size();
  ring_[first_].emplace(std::move(value));
  ++size_;
}

template <class T>
std::optional<T> Queue<T>::take(detail::Wakeups& wakeups) {
  if (size_ == 0) return std::nullopt;
  std::optional<T> value(std::move(at(0)));
  ring_[first_].reset();
  first_ = (first_ + 1) % ring_.size();
  --size_;
  while (size_ < capacity_) {
    detail::Waiter* const pusher = pushers_.pop();
    if (!pusher) break;
    Push& push = static_cast<Push&>(detail::Wait::of(*pusher));
    append(std::move(push.value_));
    push.accepted_ = true;
    wakeups.wake(*pusher);
  }
  return value;
}

template <class T>
bool Queue<T>::Pop::take_or_list(detail::Waiter& waiter) {
  detail::Wakeups wakeups;
  const std::lock_guard lock(this->queue_.mutex_);
  value_ = this->queue_.take(wakeups);
  if (value_ || this->queue_.closed_) return true;
  this->list_.add(waiter);
  return false;
}

template <class T>
void Queue<T>::Pop::give_back() {
  if (!value_) return;
  detail::Wakeups wakeups;
  const std::lock_guard lock(this->queue_.mutex_);
  this->queue_.accept(std::move(*value_), Where::kFront, wakeups);
}

template <class T>
bool Queue<T>::Push::take_or_list(detail::Waiter& waiter) {
  detail::Wakeups wakeups;
  const std::lock_guard lock(this->queue_.mutex_);
  if (this->queue_.closed_) return true;
  if (this->queue_.size_ < this->queue_.capacity_) {
    this->queue_.accept(std::move(value_), Where::kEnd, wakeups);
    return accepted_ = true;
  }
  this->list_.add(waiter);
  return false;
}

}  // namespace sluice::inline v0
