// Ten thousand seeds of mixed calls over connections with faults. A seed that fails is the whole bug report:
// ./dev replay SEED repeats it with a log.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "faults/seed_run.h"

namespace sluice::faults {
namespace {

constexpr std::uint64_t kParts = 20;
constexpr std::uint64_t kSeedsOfAPart = SLUICE_FAULT_SEEDS / kParts;
// So many have faults of every kind among them.
constexpr std::uint64_t kEnough = 500;

class Seeds : public ::testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Part, Seeds, ::testing::Range(std::uint64_t{0}, kParts));

TEST_P(Seeds, EndEveryCallOnceAndLeaveNothing) {
  int calls = 0, connections = 0, most_kinds = 0;
  std::map<StatusCode, int> ended;
  int faults[2][testing::kNumFaultKinds] = {};
  for (std::uint64_t i = 0; i < kSeedsOfAPart; ++i) {
    const std::uint64_t seed = GetParam() * kSeedsOfAPart + i;
    // Before it runs, for one that ends the process or never ends: then it is the last that was printed.
    std::printf("%llu ", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    const SeedReport report = run_seed(seed);
    for (const std::string& wrong : report.wrong) {
      ADD_FAILURE() << "seed " << seed << ": " << wrong << "\n  ./dev replay " << seed << " repeats it";
    }
    ASSERT_GE(report.calls, 20) << "seed " << seed;
    calls += report.calls, connections += report.connections;
    for (const auto& [code, n] : report.ended) ended[code] += n;
    for (int way = 0; way < 2; ++way) {
      for (int kind = 0; kind < testing::kNumFaultKinds; ++kind) {
        faults[way][kind] += report.faults[static_cast<std::size_t>(way)][static_cast<std::size_t>(kind)];
      }
    }
    most_kinds = std::max(most_kinds, report.fault_kinds());
  }
  std::printf("\n%d seeds, %d calls, %d connections;", static_cast<int>(kSeedsOfAPart), calls, connections);
  for (const auto& [code, n] : ended) std::printf(" %s %d", std::string(to_string(code)).c_str(), n);
  std::printf("; faults of reads and writes:");
  for (int kind = 0; kind < testing::kNumFaultKinds; ++kind) {
    std::printf(" %d+%d", faults[0][kind], faults[1][kind]);
    EXPECT_TRUE(faults[0][kind] + faults[1][kind] > 0 || kSeedsOfAPart < kEnough)
        << "no fault of kind " << kind;
  }
  std::printf("\n");
  EXPECT_GT(ended[StatusCode::kOk], 0);
  EXPECT_GT(ended[StatusCode::kUnavailable], 0);
  EXPECT_GT(ended[StatusCode::kDeadlineExceeded], 0);
  EXPECT_GT(most_kinds, 6);
}

TEST(Seed, GivesTheSameRunAgain) {
  std::set<std::uint64_t> traces;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<std::string> first, second;
    const SeedReport a = run_seed(seed, [&](std::string_view line) { first.emplace_back(line); });
    const SeedReport b = run_seed(seed, [&](std::string_view line) { second.emplace_back(line); });
    EXPECT_EQ(a.trace, b.trace) << seed;
    EXPECT_EQ(first, second) << seed;
    EXPECT_GT(first.size(), 40u);
    EXPECT_EQ(run_seed(seed).trace, a.trace) << "the log changes nothing";
    traces.insert(a.trace);
  }
  EXPECT_EQ(traces.size(), 20u);
}

}  // namespace
}  // namespace sluice::faults
