// Simulation: the same seed gives the same run, other seeds other runs.
#include "sluice/async/simulation.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "async/fake_op.h"
#include "sluice/async/scope.h"
#include "sluice/async/sleep.h"
#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using support::TestLoop;

struct Outcome {
  std::uint64_t trace;
  std::vector<std::string> events;
  bool operator==(const Outcome&) const = default;
};

Task<void> worker(FakeService& service, Context context, std::vector<std::string>& events, int id) {
  Loop& loop = service.loop;
  for (int i = 0; i < 4; ++i) {
    const auto pause = std::chrono::milliseconds(loop.random() % 3);
    const Status slept = co_await sleep(pause, context);
    events.push_back(std::to_string(id) + (slept.ok() ? " slept" : " was cancelled"));
    if (!slept.ok()) co_return;
    const std::string text = std::to_string(i);
    const auto echo = co_await service.echo(text, i % 2 ? How::kLater : How::kByTimer);
    events.push_back(std::to_string(id) + " heard " + *echo);
    if (id == 0 && i == 3) context.cancel();
  }
}
Task<void> mix(FakeService& service, std::vector<std::string>& events) {
  Scope scope(service.loop);
  const Context context = Context().with_cancel();
  for (int id = 0; id < 3; ++id) (void)scope.spawn(worker(service, context, events, id));
  Call<std::string> dropped = service.echo("dropped", How::kNever).start();
  co_await scope.join();
}

Outcome run(std::uint64_t seed) {
  TestLoop loop(seed);
  FakeService service(*loop);
  std::vector<std::string> events;
  loop.run(mix(service, events));
  return {loop.simulation().trace(), events};
}

TEST(Simulation, TheSameSeedGivesTheSameRun) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) EXPECT_EQ(run(seed), run(seed));
}

TEST(Simulation, AThousandSeedsGiveNineHundredTraces) {
  std::set<std::uint64_t> traces;
  std::set<std::vector<std::string>> orders;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Outcome r = run(seed);
    traces.insert(r.trace);
    orders.insert(std::move(r.events));
  }
  EXPECT_GE(traces.size(), 900u);
  EXPECT_GE(orders.size(), 900u) << "different runs, not only different numbers";
}

// Says that it ran, and lets time pass.
struct Interruption : Runnable {
  Interruption(std::vector<std::string>& e, Simulation& s, Duration p)
      : Runnable(&interrupt), events(e), simulation(s), pass(p) {}
  static void interrupt(Runnable& self) noexcept {
    auto& i = static_cast<Interruption&>(self);
    i.events.push_back("interrupted");
    i.simulation.advance_to(i.simulation.now() + i.pass);
  }
  std::vector<std::string>& events;
  Simulation& simulation;
  const Duration pass;
};
struct SayingTimer : Timer {
  explicit SayingTimer(std::vector<std::string>& e)
      : Timer([](Runnable& self) noexcept { static_cast<SayingTimer&>(self).events.push_back("fired"); }),
        events(e) {}
  std::vector<std::string>& events;
};
Task<void> count_beside_a_timer(int n, std::vector<std::string>& events) {
  Loop& loop = co_await this_loop();
  SayingTimer timer(events);
  loop.arm(timer, loop.now() + std::chrono::seconds(1));
  for (int i = 0; i < n; ++i) {
    events.push_back(std::to_string(i));
    co_await yield();
  }
  (void)co_await sleep(std::chrono::seconds(2));
}

TEST(Simulation, IsInterruptedAtEveryPointAndLetsTimePassThere) {
  for (const bool passes : {false, true}) {
    for (int at = 0; at < 10; ++at) {
      TestLoop loop(3);
      std::vector<std::string> events, want;
      Interruption interruption(events, loop.simulation(), std::chrono::seconds(passes));
      loop.simulation().interrupt_at(static_cast<std::uint64_t>(at), interruption);
      loop.run(count_beside_a_timer(10, events));
      for (int i = 0; i < 10; ++i) {
        want.push_back(std::to_string(i));
        if (i == at) want.push_back("interrupted");
        if (i == at && passes) want.push_back("fired");
      }
      if (!passes) want.push_back("fired");
      EXPECT_EQ(events, want) << at;
    }
  }
}

TEST(Simulation, TimeMovesOnlyWhenNothingIsReadyAndNeverBack) {
  Simulation simulation(1);
  const TimePoint begin = simulation.now();
  simulation.advance_to(begin - std::chrono::seconds(1));
  EXPECT_EQ(simulation.now(), begin);
  simulation.advance_to(begin + std::chrono::seconds(1));
  EXPECT_EQ(simulation.now(), begin + std::chrono::seconds(1));
  EXPECT_EQ(simulation.choose(1), 0u);
  for (int i = 0; i < 100; ++i) EXPECT_LT(simulation.choose(3), 3u);
}

}  // namespace
}  // namespace sluice::inline v0
