// A program with a poll() loop of its own, which sluice runs in beside whatever else it waits for.
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>

#include "loops/greetings.h"

namespace {

// For poll(): in milliseconds, rounded up so that it is not woken too early.
int timeout_until(sluice::TimePoint deadline, sluice::TimePoint now) {
  if (deadline == sluice::kNever) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
  return static_cast<int>(std::clamp<long>(left, 0, 60'000));
}

sluice::Task<void> program(sluice::Runtime& runtime, const loops::Served& served,
                           std::optional<sluice::Status>& outcome) {
  outcome = co_await loops::greet(runtime, served.addrs(), "poll");
}

void run() {
  sluice::Runtime runtime;
  sluice::Loop& loop = runtime.loop();
  const int fd = loop.native_fd();
  if (fd < 0) throw std::runtime_error("no descriptor is left");
  const loops::Served served(runtime);

  std::optional<sluice::Status> outcome;
  sluice::Scope scope(loop);
  // A coroutine begins on its loop, and then runs whenever that is polled.
  sluice::run_on(loop, [&] { (void)scope.spawn(program(runtime, served, outcome)); });
  for (loop.poll(); !outcome; loop.poll()) {
    pollfd fds[] = {{fd, POLLIN, 0}};  // and the program's own
    ::poll(fds, 1, timeout_until(loop.next_deadline(), runtime.now()));
  }
  loops::check(*outcome);
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "loop_poll: %s\n", error.what());
    return 1;
  }
  return 0;
}
