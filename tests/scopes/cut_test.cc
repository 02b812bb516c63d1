// One exchange of each kind, its connection cut at every byte: of each end's reads and of each end's writes.
// And the same with a black hole, which nobody is told of: there only the deadline ends a call.
#include <gtest/gtest.h>

#include <cstdio>

#include "scopes/scope_kit.h"

namespace sluice::scopes {
namespace {

class Cut : public SmallScope {};
INSTANTIATE_TEST_SUITE_P(Every, Cut, ::testing::ValuesIn(every_kind_and_mode()), name_of_param);

TEST_P(Cut, AtEveryByteEndsTheCallOnceAndLeavesNothing) {
  const Seen whole = measure_whole(scenario());
  for (const Way& way : kWays) {
    const std::uint64_t bytes = way.passed(whole);
    ASSERT_GT(bytes, 60u) << way.name;
    std::uint64_t tried = 0, visited = 0, ok = 0;
    for (std::uint64_t at = 0; at < bytes; at += kEvery, ++tried) {
      Scenario cut = scenario();
      way.plan(cut).faults = {{testing::FaultKind::kCut, at}};
      const Seen seen = run(cut, {StatusCode::kOk, StatusCode::kUnavailable});
      expect_well(seen, way.name, at);
      visited += seen.cuts == 1;
      ok += seen.status.ok();
    }
    std::printf("cut at %llu of %llu bytes of the %s: %llu calls OK\n", ull(visited), ull(bytes), way.name,
                ull(ok));
    EXPECT_EQ(visited, tried) << way.name;
    EXPECT_LT(ok, tried) << "a cut in the middle ends a call";
  }
}

class BlackHole : public SmallScope {};
INSTANTIATE_TEST_SUITE_P(Every, BlackHole, ::testing::ValuesIn(every_kind_simulated()), name_of_param);

TEST_P(BlackHole, AtEveryByteLeavesTheCallToItsDeadline) {
  const Seen whole = measure_whole(scenario());
  for (const Way& way : kWays) {
    const std::uint64_t bytes = way.passed(whole);
    std::uint64_t tried = 0, visited = 0, ok = 0;
    for (std::uint64_t at = 0; at < bytes; at += kEvery, ++tried) {
      Scenario hole = scenario();
      way.plan(hole).faults = {{testing::FaultKind::kBlackHole, at}};
      const Seen seen = run(hole, {StatusCode::kOk, StatusCode::kDeadlineExceeded});
      expect_well(seen, way.name, at);
      visited += seen.holes == 1;
      ok += seen.status.ok();
    }
    std::printf("black hole at %llu of %llu bytes of the %s: %llu calls OK\n", ull(visited), ull(bytes),
                way.name, ull(ok));
    EXPECT_EQ(visited, tried) << way.name;
    EXPECT_LT(ok, tried) << way.name;
  }
}

}  // namespace
}  // namespace sluice::scopes
