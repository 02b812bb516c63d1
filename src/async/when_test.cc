// when_any() and when_all(): who is first, what becomes of the others, on one loop and across two.
#include "sluice/async/when.h"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "async/fake_op.h"
#include "sluice/async/event.h"
#include "sluice/async/queue.h"
#include "sluice/async/scope.h"
#include "sluice/async/sleep.h"
#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using std::chrono::seconds;
using support::TestLoop;
using support::TwoLoops;

Task<void> nothing() { co_return; }
Task<void> set_after(Duration time, Event& event) {
  EXPECT_EQ(co_await sleep(time), Status());
  event.set();
}

TEST(WhenAny, TellsWhichWasFirst) {
  TestLoop loop(1);
  struct Body {
    static Task<std::size_t> run(Duration event_time, Duration time, Status& status) {
      Event event;
      Scope scope(co_await this_loop());
      EXPECT_TRUE(scope.spawn(set_after(event_time, event)));
      auto first = co_await when_any(event.wait(), sleep(time));
      status = first.index() == 0 ? std::get<0>(first) : std::get<1>(first);
      co_await scope.join();
      co_return first.index();
    }
  };
  Status status;
  EXPECT_EQ(loop.run(Body::run(seconds(1), seconds(2), status)), 0u);
  EXPECT_EQ(status, Status());
  EXPECT_EQ(loop.run(Body::run(seconds(2), seconds(1), status)), 1u);
  EXPECT_EQ(status, Status());
}

TEST(WhenAny, TakesTheLeftmostOfWhatIsDoneAlready) {
  TestLoop loop(1);
  struct Body {
    static Task<std::vector<std::size_t>> run() {
      Event set, unset;
      set.set();
      std::vector<std::size_t> first;
      first.push_back((co_await when_any(set.wait(), set.wait())).index());
      first.push_back((co_await when_any(unset.wait(), set.wait(), sleep(seconds(1)))).index());
      co_return first;
    }
  };
  EXPECT_EQ(loop.run(Body::run()), (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(loop->live().timers, 0);
}

TEST(WhenAny, ACallThatLosesGoesOn) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    TestLoop loop(seed);
    FakeService service(*loop);
    service.time = seconds(2);
    struct Body {
      static Task<void> run(FakeService& service) {
        Call<std::string> call = service.echo("hello", How::kByTimer).start();
        auto first = co_await when_any(call, sleep(seconds(1)));
        EXPECT_EQ(first.index(), 1u);
        EXPECT_FALSE(call.done());
        auto second = co_await when_any(call, sleep(seconds(3)));
        EXPECT_EQ(second.index(), 0u);
        EXPECT_EQ(std::get<0>(second).value(), "hello");
      }
    };
    loop.run(Body::run(service));
    EXPECT_EQ(service.cancelled, 0);
  }
}

TEST(WhenAny, OfCallsGivesTheOutcomeOfOneAndLeavesTheOthers) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    TestLoop loop(seed);
    FakeService service(*loop);
    struct Body {
      static Task<void> run(FakeService& service) {
        Call<std::string> a = service.echo("a", How::kLater).start(),
                          b = service.echo("b", How::kLater).start();
        auto first = co_await when_any(a, b);
        const bool a_won = first.index() == 0;
        EXPECT_EQ(a_won ? std::get<0>(first).value() : std::get<1>(first).value(), a_won ? "a" : "b");
        Result<std::string> other =
            a_won ? Result<std::string>(std::string()) : Result<std::string>(std::string());
        if (a_won) other = co_await b;
        if (!a_won) other = co_await a;
        EXPECT_EQ(*other, a_won ? "b" : "a");
      }
    };
    loop.run(Body::run(service));
  }
}

TEST(WhenAny, WaitsForCallsOfAnotherLoop) {
  for (int i = 0; i < 100; ++i) {
    TwoLoops loops;
    FakeService service(loops.b());
    service.time = std::chrono::microseconds(i * 3);
    struct Body {
      static Task<void> run(FakeService& service, int i) {
        Call<std::string> call = service.echo("hello", How::kByTimer).start();
        auto first = co_await when_any(call, sleep(std::chrono::microseconds(150)));
        if (first.index() == 1) first = co_await when_any(call, sleep(seconds(60)));
        EXPECT_EQ(std::get<0>(first).value(), "hello") << i;
      }
    };
    loops.run(Body::run(service, i), nothing());
  }
}

TEST(WhenAny, GivesUpACallOfALoopThatNobodyRuns) {
  TestLoop mine, theirs;
  FakeService service(*theirs);
  struct Body {
    static Task<std::size_t> run(FakeService& service) {
      Call<std::string> call = service.echo("hello", How::kNever).start();
      co_return (co_await when_any(call, sleep(std::chrono::microseconds(1)))).index();
    }
  };
  EXPECT_EQ(mine.run(Body::run(service)), 1u);
  EXPECT_EQ(service.released_early, 1);
}

// The record of an operation that could not start is no read's, and is not kept.
TEST(WhenAny, ReleasesWhatFailedOnAnotherLoopAndLost) {
  struct Kind final : FakeKind {
    Kind() {
      keep = [](detail::OpRecord*) { FAIL() << "there is nothing to keep"; };
    }
  } kind;
  struct Done final : Runnable {
    Done() : Runnable([](Runnable& self) noexcept { static_cast<Done&>(self).ran = true; }) {}
    bool ran = false;
  } done;
  TestLoop mine, theirs;
  FakeService service(*theirs);
  const std::string text = "refused";
  const How how = How::kRefused;
  std::optional<detail::RecordPart> part;
  mine.lead_and([&] {
    part.emplace(detail::OpArgs{&kind, &service, &text, &how});
    EXPECT_FALSE(part->begin(*mine, done));
    EXPECT_FALSE(part->stop());
  });
  mine.drain();
  EXPECT_TRUE(done.ran);
  mine.lead_and([&] { part->give_back(); });
  part.reset();
}

Task<int> number(int value, Duration time) {
  EXPECT_EQ(co_await sleep(time), Status());
  co_return value;
}
Task<void> fail(Duration time) {
  EXPECT_EQ(co_await sleep(time), Status());
  throw std::runtime_error("broken");
}

TEST(WhenAll, RunsAllAtTheSameTimeAndGivesWhatEachGave) {
  TestLoop loop(1);
  FakeService service(*loop);
  const TimePoint begin = loop.simulation().now();
  struct Body {
    static Task<void> run(FakeService& service) {
      Call<std::string> call = service.echo("call", How::kLater).start();
      auto [n, slept, echo, refused, called, nothing] =
          co_await when_all(number(7, seconds(3)), sleep(seconds(2)), service.echo("op", How::kLater),
                            service.echo("refused", How::kRefused), call, number_to_void());
      EXPECT_EQ(n, 7);
      EXPECT_EQ(slept, Status());
      EXPECT_EQ(echo.value(), "op");
      EXPECT_EQ(refused.status().code(), StatusCode::kResourceExhausted);
      EXPECT_EQ(called.value(), "call");
      (void)nothing;
    }
    static Task<void> number_to_void() { (void)co_await number(1, seconds(1)); }
  };
  loop.run(Body::run(service));
  EXPECT_EQ(loop.simulation().now() - begin, seconds(3));
}

TEST(WhenAll, ThrowsWhenAllHaveEnded) {
  TestLoop loop(1);
  const TimePoint begin = loop.simulation().now();
  struct Body {
    static Task<void> run() { (void)co_await when_all(number(1, seconds(5)), fail(seconds(1))); }
  };
  EXPECT_THROW(loop.run(Body::run()), std::runtime_error);
  EXPECT_EQ(loop.simulation().now() - begin, seconds(5));
}

TEST(WhenAll, StartsOperationsOfALoopThatNobodyRuns) {
  TestLoop mine, theirs;
  FakeService service(*theirs);
  struct Body {
    static Task<void> run(FakeService& service) {
      auto [a, b] = co_await when_all(service.echo("a", How::kInline), service.echo("b", How::kLater));
      EXPECT_EQ(a.value() + b.value(), "ab");
    }
  };
  mine.run(Body::run(service));
}

TEST(WhenAll, StartsOperationsOfAnotherLoop) {
  TwoLoops loops;
  FakeService service(loops.b());
  struct Body {
    static Task<void> run(FakeService& service) {
      for (int i = 0; i < 100; ++i) {
        auto [a, b] = co_await when_all(service.echo("a", How::kInline), service.echo("b", How::kByTimer));
        EXPECT_EQ(a.value() + b.value(), "ab");
      }
    }
  };
  loops.run(Body::run(service), nothing());
}

TEST(Call, SaysWhetherItIsDoneOnALoopThatNobodyRuns) {
  TestLoop loop;
  FakeService service(*loop);
  Call<std::string> call = service.echo("hello", How::kLater).start();
  int looks = 0;
  while (!call.done()) ++looks;
  EXPECT_LE(looks, 3);
  EXPECT_EQ(*call.get(), "hello");
}

// What does not compile: nobody would know whether it has happened, or its things have gone.
template <class W>
concept MayLose = !requires {
  std::remove_cvref_t<W>::kCannotLose;
};
static_assert(!MayLose<Queue<int>::Push&&> && MayLose<Queue<int>::Pop&&> && MayLose<Sleep&&>);
template <class W>
concept AwaitableByName = requires(W& when) {
  when.operator co_await();
};
static_assert(!AwaitableByName<WhenAny<Sleep>> && !AwaitableByName<WhenAll<Sleep>>);

TEST(CallDeathTest, AwaitedTwiceAtOnceEndsTheProcess) {
  EXPECT_DEATH(
      {
        TestLoop loop(1);
        FakeService service(*loop);
        struct Body {
          static Task<void> wait(Call<std::string>& call) {
            (void)co_await when_any(call, sleep(seconds(1)));
          }
        };
        Call<std::string> call = service.echo("hello", How::kNever).start();
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 2; ++i) tasks.push_back(Body::wait(call));
        loop.run_all(std::move(tasks));
      },
      "^sluice: a Call is waited for twice at once");
}

}  // namespace
}  // namespace sluice::inline v0
