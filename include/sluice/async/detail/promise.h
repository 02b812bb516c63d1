// PromiseBase: the part of a Task's coroutine that does not depend on what it returns.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <utility>

#include "sluice/async/loop.h"

// clang 14 may move a resumed coroutine's frame accesses across an inlined await_suspend that has already
// published the handle; a call boundary prevents that.
#if defined(__clang__)
#define SLUICE_NOINLINE_AWAIT __attribute__((noinline))
#else
#define SLUICE_NOINLINE_AWAIT
#endif

namespace sluice::inline v0::detail {

class PromiseBase;
// A coroutine that is a Task: the only kind that sluice's awaitables can resume.
template <class P>
concept TaskPromise = std::derived_from<P, PromiseBase>;

[[noreturn, gnu::cold]] void task_awaited_twice() noexcept;

// What every promise has: its place in a queue (running it resumes the coroutine), its loop, and what is run
// when it ends.
class PromiseBase : public Runnable {
 public:
  explicit PromiseBase(Run resume) : Runnable(resume) {}
  ~PromiseBase() {
    if (loop_) --loop_->counts().frames;  // there, as all else about a Task that has started
  }

  Loop& loop() const { return *loop_; }
  bool started() const { return loop_ != nullptr; }
  void bind(Loop& loop) {
    if (loop_) [[unlikely]]
      task_awaited_twice();
    loop_ = &loop;
    ++loop.counts().frames;
  }
  void set_continuation(Runnable& r) { continuation_ = &r; }

  static void* operator new(std::size_t size) { return allocate(size, nullptr); }
  template <class... Args>
  static void* operator new(std::size_t size, FrameAllocator& allocator, Args&...) {
    return allocate(size, &allocator);
  }
  template <class Self, class... Args>
  static void* operator new(std::size_t size, Self&, FrameAllocator& allocator, Args&...) {
    return allocate(size, &allocator);
  }
  static void operator delete(void* frame, std::size_t size);

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    SLUICE_NOINLINE_AWAIT void await_suspend(std::coroutine_handle<Promise> self) noexcept {
      PromiseBase& p = self.promise();
      // The continuation may destroy this frame; nothing may touch it afterwards.
      if (p.continuation_) p.loop_->resume(*p.continuation_);
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

 protected:
  void rethrow_if_failed() {
    if (exception_) std::rethrow_exception(std::move(exception_));
  }

 private:
  static void* allocate(std::size_t size, FrameAllocator* allocator);

  Loop* loop_ = nullptr;  // null until started
  Runnable* continuation_ = nullptr;
  std::exception_ptr exception_;
};

}  // namespace sluice::inline v0::detail
