// Row 11: allocations, bytes held by what is idle, and the first reply of a process. See rows.h.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "support/alloc_count.h"
#include "support/rows.h"

namespace bench {
namespace {

constexpr unsigned kHeld = 64;  // idle connections or streams opened for one figure

void unary_calls(Subject& subject, std::uint64_t calls) {
  for (std::uint64_t i = 0; i < calls; ++i)
    if (!subject.unary(i)) throw WrongAnswer("allocations: wrong answer in call " + std::to_string(i));
}

// Starts this program again with --first-reply and returns the nanoseconds until its byte arrives.
double first_reply_of_new_process(const Options& options) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw WrongAnswer("first reply: no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  std::string program = "/proc/self/exe", first = "--first-reply", flag = "--api", api = options.api;
  std::array<char*, 5> argv{program.data(), first.data(), flag.data(), api.data(), nullptr};
  pid_t child = 0;
  char byte = 0;
  auto start = std::chrono::steady_clock::now();
  int error = posix_spawn(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
  close(ends[1]);
  ssize_t got = error == 0 ? read(ends[0], &byte, 1) : 0;
  double elapsed = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
  close(ends[0]);
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0) waitpid(child, nullptr, 0);
  if (got != 1) throw WrongAnswer("first reply: the new process gave none");
  return elapsed;
}

}  // namespace

void measure_allocations(Subject& subject, const Report& report) {
  constexpr std::uint64_t kCalls = 1000;
  unary_calls(subject, kCalls);
  start_counting();
  unary_calls(subject, kCalls);
  const std::int64_t once = counted_so_far().allocations;
  unary_calls(subject, 2 * kCalls);
  const std::int64_t thrice = stop_counting().allocations;
  report.add({11, "allocations a unary call", ""}, "allocations", "count",
             static_cast<double>(thrice - once) / (2.0 * kCalls));
}

void measure_idle_connection(Subject& subject, const Report& report) {
  unary_calls(subject, 1000);
  start_counting();
  subject.hold_connections(kHeld);
  const AllocCount held = stop_counting();
  report.add({11, "idle connection, one end", ""}, "bytes", "B",
             static_cast<double>(held.live_bytes) / kHeld / 2);
}

void measure_idle_stream(Subject& subject, const Report& report) {
  unary_calls(subject, 1000);
  start_counting();
  subject.hold_streams(kHeld);
  const AllocCount held = stop_counting();
  report.add({11, "idle stream, one end", ""}, "bytes", "B",
             static_cast<double>(held.live_bytes) / kHeld / 2);
}

void measure_crowd(Subject& subject, const Report& report) {
  constexpr unsigned kConnections = 10'000, kStreams = 10;
  unary_calls(subject, 1000);
  start_counting();
  subject.hold_crowd(kConnections, kStreams);
  const AllocCount held = stop_counting();
  report.add({11, "10,000 connections with 100,000 streams, both ends", ""}, "bytes", "B",
             static_cast<double>(held.live_bytes));
}

void measure_first_reply(const Options& options, const Report& report) {
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) times.push_back(first_reply_of_new_process(options));
  std::sort(times.begin(), times.end());
  report.add({11, "first reply after process start", ""}, "p50", "ns", times[times.size() / 2]);
}

}  // namespace bench
