// Queue: order, bound, close, and the crowd on both ends.
#include "sluice/async/queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "sluice/async/sleep.h"
#include "sluice/async/when.h"
#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using std::chrono::seconds;
using support::TestLoop;
using Text = std::unique_ptr<std::string>;  // a type that can only be moved

Text text(std::string s) { return std::make_unique<std::string>(std::move(s)); }

TEST(Queue, TakesAsManyAsItsCapacityAndGivesThemInOrder) {
  Queue<Text> queue(3);
  EXPECT_EQ(queue.capacity(), 3u);
  EXPECT_FALSE(queue.try_pop());
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.try_push(text(std::to_string(i))));
    Text more = text("more");
    EXPECT_FALSE(queue.try_push(std::move(more)));
    EXPECT_EQ(*more, "more") << "it is the caller's still";
    EXPECT_EQ(queue.size(), 3u);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(**queue.try_pop(), std::to_string(i));
  }
  EXPECT_EQ(Queue<int>(0).capacity(), 1u);
}

Task<void> produce(Queue<int>& queue, int from, int n) {
  for (int i = 0; i < n; ++i) EXPECT_EQ(co_await queue.push(from + i), Status());
}
Task<void> consume(Queue<int>& queue, std::vector<int>& out) {
  while (Result<int> value = co_await queue.pop()) out.push_back(*value);
}
Task<void> close_after(Duration time, Queue<int>& queue) {
  EXPECT_EQ(co_await sleep(time), Status());
  queue.close();
}

TEST(Queue, HandsEachValueToOneOfManyConsumersFromManyProducers) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    TestLoop loop(seed);
    Queue<int> queue(1 + seed % 4);
    std::vector<int> out[3];
    std::vector<Task<void>> tasks;
    for (auto& to : out) tasks.push_back(consume(queue, to));
    for (int i = 0; i < 3; ++i) tasks.push_back(produce(queue, 10 * i, 10));
    tasks.push_back(close_after(seconds(1), queue));
    loop.run_all(std::move(tasks));
    std::vector<int> all;
    for (const auto& some : out) {
      for (int i = 0; i < 3; ++i) {
        std::vector<int> of_one;
        std::copy_if(some.begin(), some.end(), std::back_inserter(of_one),
                     [i](int v) { return v / 10 == i; });
        EXPECT_TRUE(std::is_sorted(of_one.begin(), of_one.end())) << "those of one producer are in order";
      }
      all.insert(all.end(), some.begin(), some.end());
    }
    std::sort(all.begin(), all.end());
    std::vector<int> wanted(30);
    std::iota(wanted.begin(), wanted.end(), 0);
    EXPECT_EQ(all, wanted);
  }
}

TEST(Queue, IsForThreadsToo) {
  TestLoop loop;
  Queue<int> queue(8);
  constexpr int kEach = 2'000;
  std::vector<std::thread> producers;
  for (int t = 0; t < 2; ++t) {
    producers.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        while (!queue.try_push(i)) std::this_thread::yield();
      }
    });
  }
  struct Body {
    static Task<long> sum(Queue<int>& queue, int n) {
      long sum = 0;
      for (int i = 0; i < n; ++i) sum += (co_await queue.pop()).value();
      co_return sum;
    }
  };
  EXPECT_EQ(loop.run(Body::sum(queue, 2 * kEach)), 2l * kEach * (kEach - 1) / 2);
  for (std::thread& t : producers) t.join();
}

Task<void> note_push(Queue<int>& queue, int value, Status& out) { out = co_await queue.push(value); }
Task<void> note_pop(Queue<int>& queue, Duration timeout, Context context, Status& out) {
  Result<int> value = co_await queue.pop(timeout, context);
  out = value.status();
}

TEST(Queue, IsClosedForThoseWhoWaitAndThoseWhoCome) {
  TestLoop loop(1);
  Queue<int> full(1), empty(1);
  ASSERT_TRUE(full.try_push(1));
  Status push, pop;
  std::vector<Task<void>> tasks;
  tasks.push_back(note_push(full, 2, push));
  tasks.push_back(note_pop(empty, kNoTimeout, {}, pop));
  tasks.push_back(close_after(seconds(1), full));
  tasks.push_back(close_after(seconds(1), empty));
  loop.run_all(std::move(tasks));
  EXPECT_EQ(push, Status(StatusCode::kFailedPrecondition, "push on a closed queue"));
  EXPECT_EQ(pop, Status(StatusCode::kOutOfRange, "the queue is closed and empty"));
  tasks.clear();
  tasks.push_back(note_push(full, 2, push));
  tasks.push_back(note_pop(full, kNoTimeout, {}, pop));
  loop.run_all(std::move(tasks));
  EXPECT_EQ(push.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(pop, Status()) << "what was there before";
  EXPECT_FALSE(full.try_push(3));
  EXPECT_TRUE(full.closed());
}

TEST(Queue, IsWaitedForUntilATimeoutOrACancellation) {
  TestLoop loop(1);
  Queue<int> queue(1);
  Status status;
  loop.run(note_pop(queue, seconds(1), {}, status));
  EXPECT_EQ(status, Status(StatusCode::kDeadlineExceeded,
                           "timeout after 1000 ms of waiting for a queue's next value"));
  const Context context = Context().with_cancel();
  context.cancel("enough");
  loop.run(note_pop(queue, kNoTimeout, context, status));
  EXPECT_EQ(status, Status(StatusCode::kCancelled, "enough"));
  struct Body {
    static Task<Status> push(Queue<int>& queue) { co_return co_await queue.push(2, seconds(1)); }
  };
  ASSERT_TRUE(queue.try_push(1));
  EXPECT_EQ(loop.run(Body::push(queue)),
            Status(StatusCode::kDeadlineExceeded, "timeout after 1000 ms of waiting for room in a queue"));
  EXPECT_EQ(queue.size(), 1u);
}

// A pop that loses may have been handed a value at the same time.
TEST(Queue, LosesNothingToAPopThatLoses) {
  int raced = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    TestLoop loop(seed);
    Queue<int> queue(2);
    struct Body {
      static Task<void> fill(Queue<int>& queue) {
        EXPECT_EQ(co_await sleep(seconds(1)), Status());
        for (int i = 0; i < 3; ++i) EXPECT_EQ(co_await queue.push(i), Status());
        queue.close();
      }
      static Task<void> run(Queue<int>& queue, std::vector<int>& out, int& raced) {
        auto first = co_await when_any(queue.pop(), sleep(seconds(1)));
        if (first.index() == 0) out.push_back(std::get<0>(first).value());
        if (first.index() == 1) ++raced;
        while (Result<int> value = co_await queue.pop()) out.push_back(*value);
      }
    };
    std::vector<int> out;
    std::vector<Task<void>> tasks;
    tasks.push_back(Body::run(queue, out, raced));
    tasks.push_back(Body::fill(queue));
    loop.run_all(std::move(tasks));
    EXPECT_EQ(out, (std::vector<int>{0, 1, 2})) << "seed " << seed;
  }
  EXPECT_GT(raced, 0);
}

TEST(QueueDeathTest, GoingWhileSomebodyWaitsEndsTheProcess) {
  EXPECT_DEATH(
      {
        TestLoop loop(1);
        auto queue = std::make_unique<Queue<int>>(1);
        struct Body {
          static Task<void> destroy(std::unique_ptr<Queue<int>>& queue) {
            EXPECT_EQ(co_await sleep(seconds(1)), Status());
            queue.reset();
          }
        };
        Status status;
        std::vector<Task<void>> tasks;
        tasks.push_back(note_pop(*queue, kNoTimeout, {}, status));
        tasks.push_back(Body::destroy(queue));
        loop.run_all(std::move(tasks));
      },
      "^sluice: a Queue was destroyed while a coroutine waits for it\n");
}

}  // namespace
}  // namespace sluice::inline v0
