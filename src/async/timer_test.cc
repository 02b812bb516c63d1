// TimerHeap against a model.
#include "sluice/async/timer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <tuple>
#include <vector>

#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

struct TestTimer : Timer {
  TestTimer() : Timer([](Runnable&) noexcept {}) {}
};

TimePoint at(int ns) { return TimePoint(Duration(ns)); }

TEST(TimerHeap, AgreesWithASortedListThroughRandomArmingAndDisarming) {
  std::mt19937 random(1);
  detail::TimerHeap heap;
  std::vector<std::unique_ptr<TestTimer>> timers(64);
  for (auto& t : timers) t = std::make_unique<TestTimer>();
  // The model: what is armed, in the order in which it is due.
  std::vector<std::tuple<TimePoint, std::uint64_t, Timer*>> model;
  const auto forget = [&](Timer* timer) {
    std::erase_if(model, [&](const auto& entry) { return std::get<2>(entry) == timer; });
  };
  std::uint64_t order = 0;
  for (int i = 0; i < 20'000; ++i) {
    Timer* timer = timers[random() % timers.size()].get();
    switch (random() % 4) {
      case 0:
      case 1: {
        const TimePoint deadline = at(static_cast<int>(random() % 32));
        forget(timer);
        model.emplace_back(deadline, ++order, timer);
        heap.arm(*timer, deadline, order);
        EXPECT_EQ(timer->deadline(), deadline);
        break;
      }
      case 2:
        forget(timer);
        heap.disarm(*timer);
        EXPECT_FALSE(timer->armed());
        break;
      default: {
        const TimePoint now = at(static_cast<int>(random() % 32));
        std::sort(model.begin(), model.end());
        Timer* want = !model.empty() && std::get<0>(model[0]) <= now ? std::get<2>(model[0]) : nullptr;
        if (want) forget(want);
        ASSERT_EQ(heap.pop_due(now), want);
        break;
      }
    }
    ASSERT_EQ(heap.size(), model.size());
    const auto first = std::min_element(model.begin(), model.end());
    ASSERT_EQ(heap.next(), first == model.end() ? kNever : std::get<0>(*first));
    ASSERT_EQ(heap.empty(), model.empty());
  }
  for (auto& t : timers) heap.disarm(*t);
  EXPECT_TRUE(heap.empty());
}

TEST(TimerHeap, GivesTimersOfOneInstantInTheirOrder) {
  detail::TimerHeap heap;
  TestTimer a, b, c;
  heap.arm(a, at(5), 3);
  heap.arm(b, at(5), 1);
  heap.arm(c, at(5), 2);
  EXPECT_EQ(heap.pop_due(at(4)), nullptr);
  EXPECT_EQ(heap.pop_due(at(5)), &b);
  EXPECT_EQ(heap.pop_due(at(5)), &c);
  EXPECT_EQ(heap.pop_due(at(5)), &a);
  EXPECT_EQ(heap.pop_due(at(5)), nullptr);
}

TEST(TimerDeathTest, DestroyedWhileArmedEndsTheProcess) {
  support::TestLoop loop(1);
  EXPECT_DEATH(loop.lead_and([&] {
    Timer timer([](Runnable&) noexcept {});
    loop->arm(timer, loop->now() + std::chrono::seconds(1));
  }),
               "^sluice: a Timer was destroyed while it is armed");
}

}  // namespace
}  // namespace sluice::inline v0
