// A program on libuv: two handles, one for sluice's descriptor and one for its next deadline.
#include <uv.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <stdexcept>

#include "loops/greetings.h"

namespace {

// Runs a sluice Loop on a libuv loop, until stop().
class UvLoop {
 public:
  UvLoop(uv_loop_t* uv, sluice::Loop& loop) : loop_(loop) {
    const int fd = loop.native_fd();
    if (fd < 0 || uv_poll_init(uv, &readable_, fd) != 0)
      throw std::runtime_error("no descriptor to wait for");
    uv_timer_init(uv, &timer_);
    readable_.data = timer_.data = this;
    uv_poll_start(&readable_, UV_READABLE, [](uv_poll_t* handle, int, int) { of(handle).turn(); });
    turn();
  }

  // libuv lets go of the handles in its next turn: run it once more before this object goes.
  void stop() {
    uv_close(reinterpret_cast<uv_handle_t*>(&readable_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
  }

 private:
  template <class Handle>
  static UvLoop& of(Handle* handle) {
    return *static_cast<UvLoop*>(handle->data);
  }
  void turn() {
    loop_.poll();
    if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&timer_))) return;  // by what it ran
    const sluice::TimePoint deadline = loop_.next_deadline();
    if (deadline == sluice::kNever) {
      uv_timer_stop(&timer_);
      return;
    }
    // Both count on the system's monotonic clock.
    using Milliseconds = std::chrono::milliseconds;
    const auto due = std::chrono::ceil<Milliseconds>(deadline.time_since_epoch()).count();
    uv_update_time(timer_.loop);
    const auto now = static_cast<std::int64_t>(uv_now(timer_.loop));
    uv_timer_start(
        &timer_, [](uv_timer_t* handle) { of(handle).turn(); },
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, due - now)), 0);
  }

  sluice::Loop& loop_;
  uv_poll_t readable_{};
  uv_timer_t timer_{};
};

sluice::Task<void> program(sluice::Runtime& runtime, const loops::Served& served, UvLoop& loop,
                           sluice::Status& outcome) {
  outcome = co_await loops::greet(runtime, served.addrs(), "libuv");
  loop.stop();
}

void run() {
  sluice::Runtime runtime;
  const loops::Served served(runtime);
  uv_loop_t uv;
  uv_loop_init(&uv);
  UvLoop loop(&uv, runtime.loop());

  sluice::Status outcome;
  sluice::Scope scope(runtime.loop());
  // A coroutine begins on its loop, and then runs whenever that is polled.
  sluice::run_on(runtime.loop(), [&] { (void)scope.spawn(program(runtime, served, loop, outcome)); });
  uv_run(&uv, UV_RUN_DEFAULT);  // until no handle is open
  uv_loop_close(&uv);
  loops::check(outcome);
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "loop_libuv: %s\n", error.what());
    return 1;
  }
  return 0;
}
