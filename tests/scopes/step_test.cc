// One exchange of each kind, cancelled at every step of its loop, and with its deadline passing at every
// step.
#include <gtest/gtest.h>

#include <cstdio>

#include "scopes/scope_kit.h"

namespace sluice::scopes {
namespace {

constexpr std::uint64_t kSeeds = 20;  // each an order of its own

class Step : public SmallScope {
 protected:
  void interrupt_at_every_step(Interruption what, StatusCode code) {
    std::uint64_t tried = 0, visited = 0, shorter = 0, steps = 0, ok = 0;
    for (std::uint64_t seed = 1; seed <= (simulated() ? kSeeds : 1); ++seed) {
      Scenario interrupted = scenario();
      interrupted.seed = seed;
      const Seen whole = measure_whole(interrupted);
      ASSERT_GT(whole.steps, 10u);
      steps += whole.steps;
      interrupted.interruption = what;
      for (interrupted.at_step = 0; interrupted.at_step < whole.steps; interrupted.at_step += kEvery) {
        ++tried;
        const Seen seen = run(interrupted, {StatusCode::kOk, code});
        expect_well(seen, "loop", interrupted.at_step);
        // In real time a deadline may come by itself, before its step.
        const bool early = !simulated() && what == Interruption::kDeadline && !seen.status.ok();
        visited += seen.interrupted || early;
        // There a tick also ends by the clock, and an exchange may be over in fewer steps than the one
        // measured.
        shorter += !simulated() && !seen.interrupted && seen.status.ok() && seen.steps <= interrupted.at_step;
        ok += seen.status.ok();
      }
    }
    std::printf("interrupted at %llu of %llu steps: %llu calls OK\n", ull(visited), ull(steps), ull(ok));
    EXPECT_EQ(visited + shorter, tried);
    EXPECT_GE(visited, tried / 2) << "the exchange that was measured is one of many";
    EXPECT_LT(ok, tried) << "an interruption in the middle ends a call";
  }
};
INSTANTIATE_TEST_SUITE_P(Every, Step, ::testing::ValuesIn(every_kind_and_mode()), name_of_param);

TEST_P(Step, CancelledAtEachEndsTheCallOnceAndLeavesNothing) {
  interrupt_at_every_step(Interruption::kCancel, StatusCode::kCancelled);
}

TEST_P(Step, DeadlineAtEachEndsTheCallOnceAndLeavesNothing) {
  interrupt_at_every_step(Interruption::kDeadline, StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace sluice::scopes
