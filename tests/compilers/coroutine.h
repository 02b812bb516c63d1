// The smallest coroutine that can be awaited, and a value that counts its lives: what the compiler traps
// need. It knows nothing of the library, so that each trap stands alone.
#pragma once

#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace trap {

// Starts when awaited, on the caller's stack; await_suspend says by false that the child ended inline.
template <class T>
class Job {
 public:
  struct promise_type {
    std::optional<T> value;
    std::coroutine_handle<> waiter;
    Job get_return_object() { return Job(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(T v) { value.emplace(std::move(v)); }
    void unhandled_exception() { std::terminate(); }
  };

  explicit Job(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  Job(Job&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Job& operator=(Job&&) = delete;
  ~Job() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<>) {
    frame_.resume();
    return !frame_.done();
  }
  T await_resume() { return std::move(*frame_.promise().value); }

  T run() {
    frame_.resume();
    return std::move(*frame_.promise().value);
  }

 private:
  std::coroutine_handle<promise_type> frame_;
};

// Counts how often it is made and destroyed. The tally is passed in: there is no global here either.
struct Tally {
  int made = 0;
  int gone = 0;
};

class Counted {
 public:
  explicit Counted(Tally& tally) : tally_(&tally) { ++tally_->made; }
  Counted(const Counted& other) : tally_(other.tally_) { ++tally_->made; }
  Counted& operator=(const Counted&) = delete;
  ~Counted() { ++tally_->gone; }

 private:
  Tally* tally_;
};

// 0 when every value that was made was destroyed exactly once, else 3 with the counts.
inline int verdict(const Tally& tally) {
  std::printf("made %d, destroyed %d\n", tally.made, tally.gone);
  return tally.made == tally.gone && tally.made > 0 ? 0 : 3;
}

}  // namespace trap
