// Schedule alone, without a loop: what a tick runs, what catches up, and what a simulation does instead.
#include "sluice/async/detail/schedule.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "async/poller.h"
#include "sluice/async/simulation.h"

namespace sluice::inline v0 {
namespace {

using Written = std::vector<std::string>;

// Writes its name down when it runs.
struct Writer final : Runnable {
  Writer(Written& n, std::string s) : Runnable(&go), names(n), name(std::move(s)) {}
  static void go(Runnable& self) noexcept {
    auto& item = static_cast<Writer&>(self);
    item.names.push_back(item.name);
  }
  Written& names;
  const std::string name;
};
struct TimedWriter final : Timer {
  TimedWriter(Written& n, std::string s) : Timer(&go), names(n), name(std::move(s)) {}
  static void go(Runnable& self) noexcept {
    auto& item = static_cast<TimedWriter&>(static_cast<Timer&>(self));
    item.names.push_back(item.name);
  }
  Written& names;
  const std::string name;
};

TEST(Schedule, RunsWhatIsReadyThenWhatWasPostedThenTheEndOfTheTick) {
  const Written expected = {"ready", "posted", "end"};
  Written ran;
  // Once more where the machine stalled for a millisecond, which ends a tick early.
  for (int i = 0; i < 10 && ran != expected; ++i) {
    ran.clear();
    detail::Schedule schedule(nullptr);
    Writer ready(ran, "ready"), posted(ran, "posted"), end(ran, "end");
    schedule.push_tick_end(end);
    schedule.post(posted);
    EXPECT_TRUE(schedule.has_posted());
    EXPECT_TRUE(schedule.is_behind());
    schedule.push(ready);
    std::size_t done = 0;
    while (schedule.has_ready() || schedule.is_behind()) done += schedule.turn();
    EXPECT_EQ(done, 3u);
    EXPECT_EQ(schedule.turn(), 0u);
  }
  EXPECT_EQ(ran, expected);
}

TEST(Schedule, IsBehindWhileATickLeavesSomethingReady) {
  detail::Schedule schedule(nullptr);
  Written ran;
  std::vector<std::unique_ptr<Writer>> items;
  for (int i = 0; i < 300; ++i) {
    schedule.post(*items.emplace_back(std::make_unique<Writer>(ran, "item")));
  }
  std::size_t done = schedule.turn();
  EXPECT_LE(done, 256u) << "fewer where that takes longer than a millisecond";
  EXPECT_FALSE(schedule.has_posted());
  EXPECT_TRUE(schedule.is_behind());
  while (schedule.is_behind()) done += schedule.turn();
  EXPECT_EQ(done, 300u);
}

TEST(Schedule, CatchesUpWithDescriptorsBeforeTimersThatAreDue) {
  struct Readable final : FdWatch {
    explicit Readable(Written& n) : FdWatch(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), EPOLLIN), names(n) {}
    ~Readable() { ::close(fd()); }
    void on_ready(std::uint32_t) override { names.push_back("descriptor"); }
    Written& names;
  };
  detail::Schedule schedule(nullptr);
  Written ran;
  Writer posted(ran, "posted");
  TimedWriter due(ran, "timer");
  Readable readable(ran);
  EXPECT_FALSE(schedule.may_be_late());
  ASSERT_EQ(schedule.watch(readable), Status());
  EXPECT_TRUE(schedule.may_be_late());
  schedule.arm(due, TimePoint::min());
  schedule.post(posted);
  schedule.begin();
  schedule.catch_up(1);
  EXPECT_EQ(ran, (Written{"descriptor", "posted", "timer"}));
  schedule.unwatch(readable);
  EXPECT_FALSE(schedule.may_be_late());
}

TEST(Schedule, SleepsNoLongerThanUntilItsNextTimerAndThenFiresIt) {
  detail::Schedule schedule(nullptr);
  Written ran;
  EXPECT_LT(schedule.before_sleep(), Duration::zero()) << "no limit";
  TimedWriter due(ran, "timer");
  schedule.arm(due, schedule.read_clock() + std::chrono::hours(1));
  EXPECT_GT(schedule.before_sleep(), std::chrono::minutes(59));
  EXPECT_LE(schedule.before_sleep(), std::chrono::hours(1));
  schedule.arm(due, TimePoint::min());
  EXPECT_EQ(schedule.before_sleep(), Duration::zero());
  schedule.sleep(Duration::zero());
  schedule.after_sleep();
  EXPECT_EQ(ran, Written{"timer"});
  EXPECT_EQ(schedule.armed(), 0u);
}

TEST(Schedule, PassesTheTimeOfASimulationFromTimerToTimer) {
  Simulation simulation(7);
  detail::Schedule schedule(&simulation);
  Written ran;
  TimedWriter first(ran, "first"), second(ran, "second");
  const TimePoint begin = schedule.now();
  schedule.arm(second, begin + std::chrono::hours(2));
  schedule.arm(first, begin + std::chrono::hours(1));
  EXPECT_TRUE(schedule.pass_time());
  EXPECT_EQ(ran, Written{"first"});
  EXPECT_EQ(schedule.now(), begin + std::chrono::hours(1));
  EXPECT_EQ(schedule.recently(), schedule.now());
  EXPECT_TRUE(schedule.pass_time());
  EXPECT_EQ(ran, (Written{"first", "second"}));
  EXPECT_FALSE(schedule.pass_time()) << "nothing can ever come";
  Writer posted(ran, "posted");
  schedule.post(posted);
  EXPECT_TRUE(schedule.pass_time());
  EXPECT_EQ(schedule.turn(), 1u);
}

TEST(Schedule, RunsNothingEarlyInASimulation) {
  Simulation simulation(7);
  detail::Schedule simulated(&simulation), real(nullptr);
  simulated.begin(), real.begin();
  EXPECT_FALSE(simulated.may_run_early());
  EXPECT_FALSE(simulated.may_sleep());
  EXPECT_FALSE(simulated.try_inline());
  EXPECT_EQ(simulated.native_fd(), -1);
  EXPECT_EQ(simulated.poll_descriptors(), 0u);
  EXPECT_TRUE(real.may_run_early());
  EXPECT_TRUE(real.may_sleep());
  EXPECT_TRUE(real.try_inline());
}

TEST(Schedule, DrawsItsNumbersFromTheSeedOfASimulation) {
  Simulation a(7), b(7), c(8);
  detail::Schedule of_a(&a), of_b(&b), of_c(&c);
  const std::uint64_t number = of_a.random();
  EXPECT_EQ(of_b.random(), number);
  EXPECT_NE(of_c.random(), number);
  EXPECT_NE(of_a.random(), number);
}

}  // namespace
}  // namespace sluice::inline v0
