// Patience: several deadlines, one timer.
#include "transport/patience.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "sluice/async/sleep.h"
#include "support/loop_fixture.h"

namespace sluice::inline v0::transport {
namespace {

using namespace std::chrono_literals;
using Events = std::vector<std::pair<Awaited, long>>;

struct Waiting final : Patience::Owner {
  explicit Waiting(Loop& l) : loop(l), begin(l.now()), patience(l, *this) {}
  void on_impatient(Awaited what) override {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(loop.now() - begin).count();
    events.emplace_back(what, seconds);
    EXPECT_FALSE(patience.awaits(what));
  }
  void await(Awaited what, Duration in) { patience.await(what, after(loop.now(), in)); }

  Loop& loop;
  const TimePoint begin;
  Patience patience;
  Events events;
};

Task<void> wait_long() { (void)co_await sleep(1h); }

TEST(Patience, EndsForEachInItsTime) {
  support::TestLoop loop(1);
  auto waiting = loop.lead_and([&] {
    auto w = std::make_unique<Waiting>(*loop);
    w->await(Awaited::kWrite, 60s);
    w->await(Awaited::kHandshake, 20s);
    w->await(Awaited::kHeaderBlock, 10s);
    w->await(Awaited::kGoodbye, 1s);
    w->patience.stop(Awaited::kHeaderBlock);
    w->await(Awaited::kWrite, 30s);  // anew
    EXPECT_EQ(loop->live().timers, 1);
    return w;
  });
  loop.run(wait_long());
  EXPECT_EQ(waiting->events,
            (Events{{Awaited::kGoodbye, 1}, {Awaited::kHandshake, 20}, {Awaited::kWrite, 30}}));
}

// Each is the first of several at some time, and then stopped or put off.
TEST(Patience, GoesOnWithTheNextWhenTheFirstIsStopped) {
  support::TestLoop loop(1);
  auto waiting = loop.lead_and([&] {
    auto w = std::make_unique<Waiting>(*loop);
    w->await(Awaited::kHandshake, 1s);
    w->await(Awaited::kWrite, 2s);
    w->await(Awaited::kOutput, 3s);
    w->patience.stop(Awaited::kHandshake);
    w->await(Awaited::kWrite, 4s);
    return w;
  });
  loop.run(wait_long());
  EXPECT_EQ(waiting->events, (Events{{Awaited::kOutput, 3}, {Awaited::kWrite, 4}}));
}

TEST(Patience, OfNothingHoldsNoTimer) {
  support::TestLoop loop(1);
  loop.lead_and([&] {
    Waiting waiting(*loop);
    EXPECT_EQ(loop->live().timers, 0);
    waiting.await(Awaited::kOutput, 1s);
    waiting.patience.stop(Awaited::kOutput);
    EXPECT_EQ(loop->live().timers, 0);
    waiting.await(Awaited::kOutput, Duration::max());
    EXPECT_EQ(loop->live().timers, 0) << "for ever";
    waiting.await(Awaited::kOutput, 1s);
    waiting.await(Awaited::kWrite, 1s);
    waiting.patience.stop_all();
    EXPECT_EQ(loop->live().timers, 0);
  });
}

TEST(Patience, ThatEndsForTwoAtOnceTellsOfBoth) {
  support::TestLoop loop(1);
  auto waiting = loop.lead_and([&] {
    auto w = std::make_unique<Waiting>(*loop);
    w->await(Awaited::kWrite, 2s);
    w->await(Awaited::kOutput, 2s);
    return w;
  });
  loop.run(wait_long());
  EXPECT_EQ(waiting->events, (Events{{Awaited::kWrite, 2}, {Awaited::kOutput, 2}}));
}

}  // namespace
}  // namespace sluice::inline v0::transport
