// Task: sluice's coroutine type. A Task is lazy, belongs to one Loop and is awaited or started once.
#pragma once

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "sluice/async/detail/promise.h"
#include "sluice/base/result.h"

namespace sluice::inline v0 {

namespace detail {
[[noreturn, gnu::cold]] void task_left_suspended(const Loop& loop) noexcept;
[[noreturn, gnu::cold]] void task_is_empty() noexcept;
[[noreturn, gnu::cold]] void task_gave_nothing() noexcept;
}  // namespace detail

template <class T>
class Task;

template <class T>
class Promise final : public detail::PromiseBase {
 public:
  Promise() : PromiseBase(&resume) {}
  Task<T> get_return_object() noexcept;
  // No template: `co_return {code, "text"};` must find its type.
  void return_value(T&& value) { value_.emplace(std::move(value)); }
  void return_value(const T& value) requires std::is_copy_constructible_v<T> { value_.emplace(value); }
  // A Result<U> task may return a bare U or a Status too, through T's own conversions.
  T take() {
    rethrow_if_failed();
    if (!value_) [[unlikely]]
      return gave_nothing();
    return std::move(*value_);
  }

 private:
  static void resume(Runnable& self) noexcept {
    std::coroutine_handle<Promise>::from_promise(static_cast<Promise&>(self)).resume();
  }
  // Its end was reached without a co_return, which g++ takes for one.
  [[gnu::cold]] static T gave_nothing() {
    if constexpr (std::is_constructible_v<T, Status>) {
      return T(Status(StatusCode::kInternal, "a coroutine reached its end without a co_return"));
    } else {
      detail::task_gave_nothing();
    }
  }
  std::optional<T> value_;
};

template <>
class Promise<void> final : public detail::PromiseBase {
 public:
  Promise() : PromiseBase(&resume) {}
  Task<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void take() { rethrow_if_failed(); }

 private:
  static void resume(Runnable& self) noexcept;
};

// A coroutine that has not run yet, or is running, and its frame.
//
// Thread: after it has started, everything about it happens on its loop, though perhaps on another thread
// after an await: hold no mutex and no reference to thread_local data across one. Lifetime: a Task that has
// started must have ended before it is destroyed; one that waits then ends the process, since whatever it
// waits for would resume what has gone. Errors: awaiting rethrows what the coroutine threw.
// The parameters of the coroutine must outlive it; references are not copied.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = Promise<T>;
  using value_type = T;

  Task() = default;
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~Task() {
    if (!frame_) return;
    if (frame_.promise().started() && !frame_.done()) [[unlikely]]
      detail::task_left_suspended(frame_.promise().loop());
    frame_.destroy();
  }

  explicit operator bool() const { return frame_ != nullptr; }
  bool done() const { return frame_.done(); }

  // Starts without an awaiting coroutine; loop-only. True: it ended at once and `on_done` will not run.
  bool start(Loop& loop, Runnable& on_done) {
    if (!frame_) [[unlikely]]
      detail::task_is_empty();
    promise_type& p = frame_.promise();
    p.bind(loop);
    frame_.resume();
    if (frame_.done()) return true;
    p.set_continuation(on_done);
    return false;
  }
  // REQUIRES done(). What it returned, once; rethrows what it threw.
  T take() { return frame_.promise().take(); }

  class Awaiter {
   public:
    explicit Awaiter(std::coroutine_handle<promise_type> child) : child_(child) {}
    bool await_ready() noexcept { return false; }
    // Resumes the child here and returns false if it ended inline: a handle returned instead (symmetric
    // transfer) would grow the stack wherever the compiler does not make a tail call of it.
    template <detail::TaskPromise Parent>
    SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<Parent> parent) {
      detail::PromiseBase& p = parent.promise();
      promise_type& c = child_.promise();
      c.bind(p.loop());
      if (!p.loop().try_inline()) {
        c.set_continuation(p);
        p.loop().post(c);
        return true;
      }
      child_.resume();
      if (child_.done()) return false;
      c.set_continuation(p);
      return true;
    }
    T await_resume() { return child_.promise().take(); }

   private:
    std::coroutine_handle<promise_type> child_;
  };
  Awaiter operator co_await() && {
    if (!frame_) [[unlikely]]
      detail::task_is_empty();
    return Awaiter(frame_);
  }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;
};

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline void Promise<void>::resume(Runnable& self) noexcept {
  std::coroutine_handle<Promise>::from_promise(static_cast<Promise&>(self)).resume();
}

// Gives way: the coroutine goes on after what is ready now.
struct Yield {
  bool await_ready() noexcept { return false; }
  template <detail::TaskPromise P>
  SLUICE_NOINLINE_AWAIT void await_suspend(std::coroutine_handle<P> h) {
    h.promise().loop().post(h.promise());
  }
  void await_resume() noexcept {}
};
inline Yield yield() { return {}; }

// The loop of the coroutine that awaits it: `Loop& loop = co_await this_loop();`
struct ThisLoop {
  Loop* loop = nullptr;
  bool await_ready() noexcept { return false; }
  template <detail::TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> h) {
    loop = &h.promise().loop();
    return false;
  }
  Loop& await_resume() noexcept { return *loop; }
};
inline ThisLoop this_loop() { return {}; }

}  // namespace sluice::inline v0
