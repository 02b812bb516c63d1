// Context: what children inherit, and whom a cancellation reaches.
#include "sluice/async/context.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using support::TestLoop;

TimePoint seconds_in(int s) { return TimePoint(std::chrono::seconds(s)); }

TEST(Context, TheBackgroundHasNothingAndCannotBeCancelled) {
  const Context background;
  EXPECT_FALSE(background);
  background.cancel();
  EXPECT_FALSE(background.cancelled());
  EXPECT_EQ(background.status(), Status());
  EXPECT_EQ(background.deadline(), kNever);
  EXPECT_EQ(background.value<int>(), nullptr);
  EXPECT_EQ(background.trace(), "");
}

TEST(Context, ACopyIsTheSameContextAndTheFirstReasonCounts) {
  const Context a = Context().with_cancel();
  const Context b = a;
  b.cancel("first");
  a.cancel("second");
  EXPECT_TRUE(a.cancelled());
  EXPECT_EQ(a.status(), Status(StatusCode::kCancelled, "first"));
}

TEST(Context, CancellationReachesChildrenAndNotParents) {
  const Context root = Context().with_cancel();
  const Context child = root.with_value(1);
  const Context grandchild = child.with_deadline(seconds_in(5)).with_trace("t");
  const Context sibling = root.with_cancel();
  child.cancel("why");
  EXPECT_FALSE(root.cancelled());
  EXPECT_FALSE(sibling.cancelled());
  EXPECT_EQ(grandchild.status(), Status(StatusCode::kCancelled, "why"));
  EXPECT_EQ(child.with_cancel().status(), Status(StatusCode::kCancelled, "why")) << "made afterwards";
  root.cancel("later");
  EXPECT_EQ(sibling.status(), Status(StatusCode::kCancelled, "later"));
  EXPECT_EQ(child.status(), Status(StatusCode::kCancelled, "why"));
}

TEST(Context, TheEarlierDeadlineWins) {
  const Context a = Context().with_deadline(seconds_in(5));
  EXPECT_EQ(a.deadline(), seconds_in(5));
  EXPECT_EQ(a.with_deadline(seconds_in(9)).deadline(), seconds_in(5));
  EXPECT_EQ(a.with_deadline(seconds_in(2)).with_value(1).deadline(), seconds_in(2));
  EXPECT_EQ(a.deadline(), seconds_in(5));
}

TEST(Context, FindsTheNearestValueOfAType) {
  struct User {
    std::string name;
  };
  const Context a = Context().with_value(User{"ann"}).with_value(7);
  const Context b = a.with_value(User{"bob"}).with_trace("trace");
  EXPECT_EQ(a.value<User>()->name, "ann");
  EXPECT_EQ(b.value<User>()->name, "bob");
  EXPECT_EQ(*b.value<int>(), 7);
  EXPECT_EQ(b.value<std::string>(), nullptr);
  EXPECT_EQ(b.with_cancel().trace(), "trace");
  EXPECT_EQ(b.with_trace("").trace(), "");
  EXPECT_EQ(a.trace(), "");
}

TEST(Context, ForgetsChildrenThatAreGone) {
  const Context root = Context().with_cancel();
  for (int i = 0; i < 10'000; ++i) root.with_cancel();
  std::vector<Context> kept;
  for (int i = 0; i < 10'000; ++i) kept.push_back(root.with_cancel());
  root.cancel();
  for (const Context& c : kept) ASSERT_TRUE(c.cancelled());
}

struct CountingWatch : Context::Watch {
  explicit CountingWatch(Loop& loop)
      : Watch(
            [](Runnable& self) noexcept {
              auto& w = static_cast<CountingWatch&>(static_cast<Context::Watch&>(self));
              w.ran();
              ++w.told;
            },
            loop) {}
  int told = 0;
};

TEST(Context, TellsItsWatchesOnce) {
  TestLoop loop(1);
  const Context context = Context().with_cancel();
  const Context child = context.with_cancel();
  CountingWatch a(*loop), b(*loop), c(*loop), on_background(*loop);
  a.arm(context);
  b.arm(child);
  c.arm(child);
  on_background.arm(Context());
  EXPECT_TRUE(a.armed());
  EXPECT_FALSE(on_background.armed());
  EXPECT_TRUE(on_background.disarm());
  EXPECT_TRUE(c.disarm());
  EXPECT_FALSE(c.armed());
  context.cancel();
  context.cancel();
  EXPECT_FALSE(a.disarm()) << "it is on its way";
  loop.drain();
  EXPECT_EQ(a.told, 1);
  EXPECT_EQ(b.told, 1);
  EXPECT_EQ(c.told, 0);
  EXPECT_TRUE(a.disarm());
  a.arm(child);  // cancelled already: told at once, and may be used again
  loop.drain();
  EXPECT_EQ(a.told, 2);
}

TEST(Context, DisarmsInAnyOrder) {
  TestLoop loop(1);
  for (int order = 0; order < 6; ++order) {
    const Context context = Context().with_cancel();
    CountingWatch w[] = {CountingWatch(*loop), CountingWatch(*loop), CountingWatch(*loop)};
    for (CountingWatch& watch : w) watch.arm(context);
    const int first = order / 2, second = (first + 1 + order % 2) % 3;
    EXPECT_TRUE(w[first].disarm());
    EXPECT_TRUE(w[second].disarm());
    context.cancel();
    loop.drain();
    EXPECT_EQ(w[first].told + w[second].told, 0);
    EXPECT_EQ(w[3 - first - second].told, 1);
  }
}

TEST(Context, IsCancelledWatchedAndInheritedFromManyThreads) {
  for (int round = 0; round < 30; ++round) {
    TestLoop loop;
    const Context root = Context().with_cancel();
    std::vector<std::thread> threads;
    std::atomic<int> cancelled{0};
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 50; ++i) {
          const Context child = root.with_value(i).with_deadline(seconds_in(i + 1));
          if (t == 0 && i == 25) root.cancel("all");
          child.cancel(std::to_string(t));
          cancelled += child.cancelled() && !child.status().ok();
        }
      });
    }
    CountingWatch watch(*loop);
    // A canceller may lead the loop, to run the watch there.
    while (!loop->try_enter()) std::this_thread::yield();
    watch.arm(root);
    if (watch.disarm()) watch.arm(root);
    loop->leave();
    for (std::thread& t : threads) t.join();
    loop.drain();
    EXPECT_EQ(watch.told, 1);
    EXPECT_EQ(cancelled, 150);
    EXPECT_EQ(root.status().message(), "all");
  }
}

// The canceller must have let go of the loop before the watch's owner may end it.
TEST(Context, TheLoopMayGoAsSoonAsTheWatchRan) {
  for (int i = 0; i < 50; ++i) {
    const Context context = Context().with_cancel();
    std::thread other([&] { context.cancel(); });
    {
      LoopGroup group;
      Loop loop(group, nullptr);
      CountingWatch watch(loop);
      watch.arm(context);
      // The other thread may lead the loop, to run the watch there.
      for (bool told = false; !told; std::this_thread::yield()) {
        loop.poll();
        if (!loop.try_enter()) continue;
        told = watch.told > 0;
        loop.leave();
      }
    }
    other.join();
  }
}

}  // namespace
}  // namespace sluice::inline v0
