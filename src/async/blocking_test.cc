// BlockingPool and run_blocking.
#include "sluice/async/blocking.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "async/fake_op.h"
#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using support::TestLoop;

TEST(RunBlocking, CallsWhereItMayBlockAndResumesAtHome) {
  TestLoop loop;
  BlockingPool pool(2);
  EXPECT_EQ(pool.threads_started(), 0u);
  struct Body {
    static Task<std::unique_ptr<int>> run(Loop& loop, BlockingPool& pool) {
      const auto home = std::this_thread::get_id();
      auto made = co_await run_blocking(pool, [home] {
        EXPECT_NE(std::this_thread::get_id(), home);
        return std::make_unique<int>(4);
      });
      EXPECT_TRUE(loop.leads());
      int calls = 0;
      co_await run_blocking(pool, [&calls] { ++calls; });
      EXPECT_EQ(calls, 1);
      co_return made;
    }
  };
  EXPECT_EQ(*loop.run(Body::run(*loop, pool)), 4);
  EXPECT_GE(pool.threads_started(), 1u);
  EXPECT_LE(pool.threads_started(), 2u);
}

TEST(RunBlocking, MayCallGetOfTheSameLoop) {
  TestLoop loop;
  BlockingPool pool(1);
  FakeService service(*loop);
  struct Body {
    static Task<std::string> run(BlockingPool& pool, FakeService& service) {
      co_return co_await run_blocking(pool, [&] { return *service.echo("hello", How::kByTimer).get(); });
    }
  };
  EXPECT_EQ(loop.run(Body::run(pool, service)), "hello");
}

TEST(RunBlocking, RethrowsWhatWasThrown) {
  TestLoop loop;
  BlockingPool pool(1);
  struct Body {
    static Task<void> run(BlockingPool& pool) {
      co_await run_blocking(pool, [] { throw std::runtime_error("broken"); });
    }
  };
  EXPECT_THROW(loop.run(Body::run(pool)), std::runtime_error);
}

TEST(RunBlocking, SaysThatAPoolWithoutThreadsCannot) {
  TestLoop loop;
  BlockingPool pool(0);
  struct Body {
    static Task<int> run(BlockingPool& pool) {
      co_return co_await run_blocking(pool, [] { return 1; });
    }
  };
  try {
    loop.run(Body::run(pool));
    FAIL() << "no thread could have run it";
  } catch (const StatusError& e) {
    EXPECT_EQ(e.status(),
              Status(StatusCode::kFailedPrecondition, "run_blocking needs blocking_threads above 0"));
  }
}

TEST(RunBlocking, RunsAsOneMoreReadyItemOfASimulation) {
  struct Body {
    static Task<void> run(BlockingPool& pool, std::vector<int>& order, int i) {
      co_await run_blocking(pool, [&order, i] { order.push_back(i); });
    }
  };
  std::vector<std::vector<int>> orders;
  for (const std::uint64_t seed : {1, 1, 2, 3}) {
    TestLoop loop(seed);
    BlockingPool pool(4);
    std::vector<int> order;
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 8; ++i) tasks.push_back(Body::run(pool, order, i));
    loop.run_all(std::move(tasks));
    EXPECT_EQ(pool.threads_started(), 0u);
    orders.push_back(order);
  }
  EXPECT_EQ(orders[0], orders[1]);
  EXPECT_FALSE(orders[0] == orders[2] && orders[0] == orders[3]);
}

TEST(BlockingPool, RunsEverythingOnAtMostItsThreadsAndFinishesBeforeItEnds) {
  TestLoop loop;
  std::atomic<int> ran{0};
  struct Count final : BlockingPool::Work {
    explicit Count(std::atomic<int>& r)
        : Work([](Runnable& self) noexcept { ++static_cast<Count&>(static_cast<Work&>(self)).ran; }),
          ran(r) {}
    std::atomic<int>& ran;
  };
  std::vector<std::unique_ptr<Count>> works;
  {
    BlockingPool pool(3);
    for (int i = 0; i < 500; ++i) {
      works.push_back(std::make_unique<Count>(ran));
      ASSERT_TRUE(pool.submit(*works.back(), *loop).ok());
    }
    EXPECT_LE(pool.threads_started(), 3u);
  }
  EXPECT_EQ(ran, 500);
}

}  // namespace
}  // namespace sluice::inline v0
