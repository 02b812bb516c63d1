// See rows.h. Medians come from batches, so that reading the clock (20 ns) does not weigh on calls of
// 200 ns; tails come from single calls, timed one by one between the batches.
#include "support/rows.h"

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

double nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

bool passed(Clock::time_point start, double seconds) { return nanoseconds_since(start) >= seconds * 1e9; }

double percentile(std::vector<double>& samples, double p) {
  if (samples.empty()) return 0;
  auto at = samples.begin() + static_cast<std::ptrdiff_t>(p * static_cast<double>(samples.size() - 1));
  std::nth_element(samples.begin(), at, samples.end());
  return *at;
}

// Processor time and context switches of this process between construction and report().
class Usage {
 public:
  Usage() { getrusage(RUSAGE_SELF, &start_); }

  void report(const Report& report, const Measurement& what, std::uint64_t calls) const {
    rusage end{};
    getrusage(RUSAGE_SELF, &end);
    const double n = static_cast<double>(calls);
    report.add(what, "cpu", "us", (microseconds(end) - microseconds(start_)) / n);
    report.add(what, "context_switches", "count", static_cast<double>(switches(end) - switches(start_)) / n);
  }

 private:
  static double microseconds(const rusage& u) {
    return static_cast<double>(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           static_cast<double>(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
  }
  static long switches(const rusage& u) { return u.ru_nvcsw + u.ru_nivcsw; }

  rusage start_{};
};

void require(bool ok, std::string_view what, std::uint64_t i) {
  if (!ok) throw WrongAnswer(std::string(what) + ": wrong answer in call " + std::to_string(i));
}

// `call(i)` makes one call. Reports p50 and p99_of_batches (batches of `batch`), p99 (single calls).
template <class Call>
void measure_latency(const Measurement& what, const Options& options, const Report& report, unsigned batch,
                     double bytes_a_call, Call call) {
  constexpr std::size_t kMaxSamples = 1 << 20;
  std::vector<double> batches, singles;
  batches.reserve(kMaxSamples);
  singles.reserve(kMaxSamples);
  std::uint64_t i = 0;
  for (auto start = Clock::now(); i == 0 || !passed(start, options.warmup_seconds);)
    for (unsigned k = 0; k < batch; ++k, ++i) require(call(i), what.name, i);

  const std::uint64_t first = i;
  Usage usage;
  for (auto start = Clock::now(); !passed(start, options.seconds) && batches.size() < kMaxSamples;) {
    auto batch_start = Clock::now();
    for (unsigned k = 0; k < batch; ++k, ++i) require(call(i), what.name, i);
    batches.push_back(nanoseconds_since(batch_start) / batch);
    auto single_start = Clock::now();
    require(call(i), what.name, i);
    singles.push_back(nanoseconds_since(single_start));
    ++i;
  }
  const double p50 = percentile(batches, 0.5);
  report.add(what, "p50", "ns", p50);
  report.add(what, "p99", "ns", percentile(singles, 0.99));
  report.add(what, "p99_of_batches", "ns", percentile(batches, 0.99));
  if (bytes_a_call > 0) report.add(what, "bytes_per_second", "B/s", bytes_a_call / p50 * 1e9);
  usage.report(report, what, i - first);
}

// `run(n)` makes n calls. Chunks are grown until one lasts `least` nanoseconds; the rate is that of the
// median chunk, so that a neighbour who takes the core for a while weighs no more here than in a median of
// latencies.
template <class Run>
void measure_rate(const Measurement& what, const Options& options, const Report& report, unsigned outstanding,
                  Run run, double least = 5e5) {
  std::uint64_t chunk = std::max(16u, 4 * outstanding), done = 0;
  for (auto start = Clock::now(); !passed(start, options.warmup_seconds);) {
    auto chunk_start = Clock::now();
    require(run(chunk), what.name, chunk);
    if (nanoseconds_since(chunk_start) < least) chunk *= 2;
  }
  std::vector<double> chunks;
  Usage usage;
  for (auto start = Clock::now(); chunks.empty() || !passed(start, options.seconds); done += chunk) {
    auto chunk_start = Clock::now();
    require(run(chunk), what.name, done);
    chunks.push_back(nanoseconds_since(chunk_start) / static_cast<double>(chunk));
  }
  report.add(what, "per_second", "1/s", 1e9 / percentile(chunks, 0.5));
  usage.report(report, what, done);
}

}  // namespace

void measure_unary(Subject& subject, const Options& options, const Report& report) {
  measure_latency({1, "unary", ""}, options, report, 32, 0,
                  [&](std::uint64_t i) { return subject.unary(i); });
}

void measure_wakeups(Subject& subject, const Options& options, const Report& report) {
  measure_latency({2, "unary, server on another thread", ""}, options, report, 16, 0,
                  [&](std::uint64_t i) { return subject.unary(i); });
}

// Chunks long enough that starting and joining the callers, a wake-up for each, weighs little.
constexpr double kLongChunk = 1e7;

void measure_callers(Subject& subject, const Options& options, const Report& report) {
  for (unsigned callers : {2u, 8u, 32u}) {
    const std::string params = "callers=" + std::to_string(callers);
    measure_rate(
        {2, "callers of one stub", params}, options, report, callers,
        [&](std::uint64_t calls) { return subject.unary_from(calls, callers); }, kLongChunk);
  }
}

void measure_across(Subject& subject, const Options& options, const Report& report) {
  measure_rate(
      {2, "two sides that call each other", ""}, options, report, 2,
      [&](std::uint64_t calls) { return subject.unary_across(calls); }, kLongChunk);
}

double processor_time() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// One loop and two by turns, so that the machine is the same for both; the ratio is the median of the turns'.
void measure_loops(Subject& subject, const Options& options, const Report& report) {
  constexpr unsigned kOutstanding = 64;
  const Measurement what{2, "two loops", "outstanding=64"};
  std::uint64_t chunk = 16 * kOutstanding, done = 0;
  double cpu = 0;  // of the last chunk, nanoseconds
  const auto rate = [&](unsigned loops) {
    const double cpu_before = processor_time();
    auto start = Clock::now();
    require(subject.unary_on_loops(chunk, kOutstanding, loops), what.name, done);
    done += chunk;
    const double took = nanoseconds_since(start);
    cpu = processor_time() - cpu_before;
    return static_cast<double>(chunk) / took * 1e9;
  };
  while (static_cast<double>(chunk) / rate(2) < kLongChunk / 1e9) chunk *= 2;
  for (auto start = Clock::now(); !passed(start, options.warmup_seconds);) rate(1), rate(2);
  std::vector<double> ones, twos, ratios, cpu_ratios;
  done = 0;
  Usage usage;
  for (auto start = Clock::now(); ratios.empty() || !passed(start, options.seconds);) {
    ones.push_back(rate(1));
    const double cpu_of_one = cpu;
    twos.push_back(rate(2));
    cpu_ratios.push_back(2 * cpu_of_one / cpu);
    ratios.push_back(twos.back() / ones.back());
  }
  report.add(what, "per_second", "1/s", percentile(twos, 0.5));
  report.add(what, "one_loop_per_second", "1/s", percentile(ones, 0.5));
  report.add(what, "times_one_loop", "count", percentile(ratios, 0.5));
  report.add(what, "times_one_loop_by_cpu", "count", percentile(cpu_ratios, 0.5));
  usage.report(report, what, done);
}

void measure_throughput(Subject& subject, const Options& options, const Report& report) {
  for (unsigned outstanding : {1u, 8u, 64u, 512u}) {
    const std::string params = "outstanding=" + std::to_string(outstanding);
    measure_rate({3, "throughput", params}, options, report, outstanding,
                 [&](std::uint64_t calls) { return subject.unary_many(calls, outstanding); });
  }
}

void measure_ping_pong(Subject& subject, const Options& options, const Report& report) {
  measure_latency({4, "ping-pong 100 B", ""}, options, report, 32, 0,
                  [&](std::uint64_t i) { return subject.ping_pong(i); });
}

void measure_stream(Subject& subject, const Options& options, const Report& report) {
  constexpr unsigned kMessages = 1024;
  const Measurement what{5, "stream message 100 B", "messages=1024"};
  std::vector<double> streams;
  for (auto start = Clock::now(); !passed(start, options.warmup_seconds);)
    require(subject.stream(kMessages), what.name, 0);
  Usage usage;
  auto start = Clock::now();
  while (streams.empty() || !passed(start, options.seconds)) {
    auto stream_start = Clock::now();
    require(subject.stream(kMessages), what.name, streams.size());
    streams.push_back(nanoseconds_since(stream_start) / kMessages);
  }
  const std::uint64_t messages = streams.size() * kMessages;
  report.add(what, "per_second", "1/s", static_cast<double>(messages) / nanoseconds_since(start) * 1e9);
  report.add(what, "p50", "ns", percentile(streams, 0.5));
  report.add(what, "p99_of_batches", "ns", percentile(streams, 0.99));
  usage.report(report, what, messages);
}

void measure_large(Subject& subject, const Options& options, const Report& report) {
  const double both_ways = 2.0 * (1 << 20);
  measure_latency({6, "unary 1 MiB", ""}, options, report, 16, both_ways,
                  [&](std::uint64_t i) { return subject.large(i); });
}

}  // namespace bench
