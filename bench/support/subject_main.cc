// See subject.h.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "support/alloc_count.h"
#include "support/rows.h"
#include "support/subject.h"

namespace bench {
namespace {

// Returns and reuses memory inside the process: otherwise each message of 1 MiB costs 256 page faults in
// whichever program happens to free it at the top of the heap.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

template <class Measure>
void unless_unsupported(const Options& options, std::string_view what, Measure measure) {
  try {
    measure();
  } catch (const Unsupported&) {
    std::fprintf(stderr, "%s: no %.*s\n", options.subject.c_str(), static_cast<int>(what.size()),
                 what.data());
  }
}

void measure_row(int row, const MakeSubject& make, const Options& options, const Report& report) {
  auto with_new_subject = [&](std::string_view what, auto measure) {
    unless_unsupported(options, what, [&] { measure(*make(options)); });
  };
  switch (row) {
    case 1:
      return with_new_subject("unary", [&](Subject& s) { measure_unary(s, options, report); });
    case 2:
      with_new_subject("unary", [&](Subject& s) { measure_wakeups(s, options, report); });
      if (options.pinning != "one core") {
        with_new_subject("two loops", [&](Subject& s) { measure_loops(s, options, report); });
        with_new_subject("across", [&](Subject& s) { measure_across(s, options, report); });
      }
      if (options.pinning == "free")
        with_new_subject("callers", [&](Subject& s) { measure_callers(s, options, report); });
      return;
    case 3:
      return with_new_subject("throughput", [&](Subject& s) { measure_throughput(s, options, report); });
    case 4:
      return with_new_subject("ping-pong", [&](Subject& s) { measure_ping_pong(s, options, report); });
    case 5:
      return with_new_subject("stream", [&](Subject& s) { measure_stream(s, options, report); });
    case 6:
      return with_new_subject("1 MiB unary", [&](Subject& s) { measure_large(s, options, report); });
    case 11:
      with_new_subject("unary", [&](Subject& s) { measure_allocations(s, report); });
      with_new_subject("idle connections", [&](Subject& s) { measure_idle_connection(s, report); });
      with_new_subject("idle streams", [&](Subject& s) { measure_idle_stream(s, report); });
      with_new_subject("a crowd", [&](Subject& s) { measure_crowd(s, report); });
      return measure_first_reply(options, report);
    default:
      std::fprintf(stderr, "%s: no row %d\n", options.subject.c_str(), row);
  }
}

bool run_calls(Subject& subject, const std::string& scenario, std::uint64_t calls) {
  if (scenario == "stream_message") return subject.stream(calls);
  using One = bool (Subject::*)(std::uint64_t);
  const One one = scenario == "unary"            ? &Subject::unary
                  : scenario == "unary_deadline" ? &Subject::unary_deadline
                  : scenario == "unary_1m"       ? &Subject::large
                  : scenario == "ping_pong"      ? &Subject::ping_pong
                                                 : nullptr;
  if (one == nullptr) return subject.gate_calls(scenario, calls);
  for (std::uint64_t i = 0; i < calls; ++i) {
    if (!(subject.*one)(i)) return false;
  }
  return true;
}

// Counting tools run a scenario with N and with 2N calls and subtract, so that start-up, warm-up and end
// fall out.
int run_scenario(Subject& subject, const Options& options) {
  constexpr std::uint64_t kWarmupCalls = 256;  // fewer where few calls of much work are asked for
  if (!run_calls(subject, options.scenario, std::min(kWarmupCalls, options.calls)))
    throw WrongAnswer("wrong answer in the warm-up");
  if (options.count_allocations) start_counting();
  if (!run_calls(subject, options.scenario, options.calls)) throw WrongAnswer("wrong answer");
  const AllocCount count = stop_counting();
#if defined(__clang__)
  constexpr const char* kCompiler = "clang " __clang_version__;
#else
  constexpr const char* kCompiler = "g++ " __VERSION__;
#endif
  std::printf("{\"scenario\": \"%s\", \"calls\": %llu, \"allocations\": %lld, \"compiler\": \"%s\"}\n",
              options.scenario.c_str(), static_cast<unsigned long long>(options.calls),
              static_cast<long long>(count.allocations), kCompiler);
  return 0;
}

int reply_once(Subject& subject) {
  const char byte = subject.unary(0) ? '.' : '!';
  return write(STDOUT_FILENO, &byte, 1) == 1 && byte == '.' ? 0 : 1;
}

}  // namespace

int subject_main(int argc, char** argv, const MakeSubject& make) {
  const Options options = parse_options(argc, argv);
  const Report report(options);
  keep_freed_memory();
  try {
    if (options.first_reply) return reply_once(*make(options));
    if (!options.scenario.empty()) return run_scenario(*make(options), options);
    for (int row : options.rows) measure_row(row, make, options, report);
    return 0;
  } catch (const Unsupported&) {
    std::fprintf(stderr, "%s: no scenario %s\n", options.subject.c_str(), options.scenario.c_str());
    return 3;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", options.subject.c_str(), error.what());
    return 1;
  }
}

}  // namespace bench
