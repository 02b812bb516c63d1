// Scope: everything spawned ends before it does.
#include "sluice/async/scope.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "sluice/async/sleep.h"
#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using support::TestLoop;

Task<void> sleep_and_count(Duration time, int& count) {
  if (time.count() > 0) {
    const Status slept = co_await sleep(time);
    EXPECT_TRUE(slept.ok());
  }
  ++count;
}

TEST(Scope, JoinsWhenAllHaveEnded) {
  TestLoop loop(1);
  struct Body {
    static Task<void> run(Loop& loop) {
      Scope scope(loop);
      int count = 0;
      for (int i = 0; i < 5; ++i) EXPECT_TRUE(scope.spawn(sleep_and_count(std::chrono::seconds(i), count)));
      EXPECT_EQ(scope.running(), 4u) << "one ended at once";
      co_await scope.join();
      EXPECT_EQ(count, 5);
      EXPECT_TRUE(scope.empty());
    }
  };
  loop.run(Body::run(*loop));
}

TEST(Scope, JoinsAtOnceWhenNothingRuns) {
  TestLoop loop(1);
  struct Body {
    static Task<void> run(Loop& loop) {
      Scope scope(loop);
      co_await scope.join();
      co_await scope.join();
    }
  };
  loop.run(Body::run(*loop));
}

TEST(Scope, DropsUnstartedWhatComesAfterItsClose) {
  TestLoop loop(1);
  Scope scope(*loop);
  int count = 0;
  scope.close();
  EXPECT_FALSE(scope.spawn(sleep_and_count({}, count)));
  EXPECT_EQ(count, 0);
}

TEST(Scope, TellsAnOwnerThatIsNoCoroutine) {
  TestLoop loop;
  Scope scope(*loop);
  struct Tell : Runnable {
    Tell() : Runnable([](Runnable& self) noexcept { static_cast<Tell&>(self).told = true; }) {}
    bool told = false;
  } tell, again;
  int count = 0;
  loop.lead_and([&] {
    (void)scope.spawn(sleep_and_count(std::chrono::microseconds(30), count));
    scope.on_joined(tell);
    loop->run_until(tell.told);
    EXPECT_EQ(count, 1);
    scope.on_joined(again);
  });
  loop.drain();
  EXPECT_TRUE(tell.told);
  EXPECT_TRUE(again.told);
}

TEST(Scope, LogsWhatATaskThrows) {
  std::vector<std::string> logged;
  LoopGroup group([&](LogLevel level, std::string_view text) {
    EXPECT_EQ(level, LogLevel::kError);
    logged.emplace_back(text);
  });
  Loop loop(group, nullptr);
  struct Body {
    static Task<void> error() {
      co_await yield();
      throw std::runtime_error("broken");
    }
    static Task<void> number() {
      throw 5;
      co_return;
    }
  };
  Scope scope(loop);
  ASSERT_TRUE(loop.try_enter());
  (void)scope.spawn(Body::error());
  (void)scope.spawn(Body::number());
  loop.leave();
  while (loop.poll() > 0) {
  }
  EXPECT_EQ(logged, (std::vector<std::string>{"a spawned task threw something that is no std::exception",
                                              "a spawned task threw: broken"}));
  EXPECT_TRUE(scope.empty());
  EXPECT_TRUE(loop.live().all_zero());
}

Task<void> spawn_down(Scope& scope, int n, int& count) {
  co_await yield();
  ++count;
  if (n > 0) (void)scope.spawn(spawn_down(scope, n - 1, count));
}

TEST(Scope, WaitsForWhatItsTasksSpawn) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    TestLoop loop(seed);
    struct Body {
      static Task<void> run(Loop& loop, int& count) {
        Scope scope(loop);
        (void)scope.spawn(spawn_down(scope, 3, count));
        while (!scope.empty()) co_await yield();
        co_await scope.join();
      }
    };
    int count = 0;
    loop.run(Body::run(*loop, count));
    EXPECT_EQ(count, 4);
  }
}

// Leaves its scope while a task waits in it: by a return, or by what it throws.
Task<void> leave(Loop& loop, bool by_exception) {
  Scope scope(loop);
  int count = 0;
  (void)scope.spawn(sleep_and_count(std::chrono::seconds(1), count));
  (void)scope.spawn(sleep_and_count(std::chrono::seconds(2), count));
  co_await yield();
  if (by_exception) throw std::runtime_error("on the way");
}

TEST(ScopeDeathTest, LeftWhileTasksRunEndsTheProcess) {
  for (const bool by_exception : {false, true}) {
    EXPECT_DEATH(
        {
          TestLoop loop(1);
          loop.run(leave(*loop, by_exception));
        },
        "^sluice: a Scope was left while 2 of its tasks run.*: co_await join\\(\\) before it goes\n");
  }
}

}  // namespace
}  // namespace sluice::inline v0
