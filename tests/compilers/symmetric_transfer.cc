// An await_suspend that returns the next handle: in g++'s unoptimised and instrumented code the jump from
// frame to frame is a call, so each await that ends inline leaves something on the stack. The standard asks
// for no better.
//
// expect g++-12: overflows
// expect clang-14: runs    it makes this form a tail call
//
// Why no await_suspend of ours returns a handle (tools/vet: no-symmetric-transfer).
#include "coroutine.h"

struct Step {
  struct promise_type {
    std::coroutine_handle<> waiter;
    Step get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        if (self.promise().waiter) return self.promise().waiter;
        return std::noop_coroutine();
      }
      void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };

  std::coroutine_handle<promise_type> frame;
};

struct Await {
  std::coroutine_handle<Step::promise_type> frame;
  bool await_ready() { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) {
    frame.promise().waiter = waiter;
    return frame;
  }
  void await_resume() { frame.destroy(); }
};

Step child() { co_return; }

Step parent(int awaits) {
  for (int i = 0; i < awaits; ++i) co_await Await{child().frame};
}

int main() {
  Step step = parent(3'000'000);
  step.frame.resume();
  bool done = step.frame.done();
  step.frame.destroy();
  return done ? 0 : 3;
}
