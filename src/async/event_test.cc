// Event: set before, while and after somebody waits, from any thread, and against time and contexts.
#include "sluice/async/event.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "sluice/async/sleep.h"
#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using std::chrono::seconds;
using support::TestLoop;

Task<Status> wait_for(Event& event, Duration timeout = kNoTimeout, Context context = {}) {
  co_return co_await event.wait(timeout, context);
}
Task<void> set_after(Duration time, Event& event) {
  EXPECT_EQ(co_await sleep(time), Status());
  event.set();
}
Task<void> expect_woken(Event& event, int& woken) {
  EXPECT_EQ(co_await event.wait(), Status());
  ++woken;
}

TEST(Event, LetsThoseGoOnWhoWaitAndThoseWhoComeLater) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    TestLoop loop(seed);
    Event event;
    int woken = 0;
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(expect_woken(event, woken));
    tasks.push_back(set_after(seconds(1), event));
    loop.run_all(std::move(tasks));
    EXPECT_EQ(woken, 3);
    EXPECT_TRUE(event.is_set());
    EXPECT_EQ(loop.run(wait_for(event)), Status());
  }
}

TEST(Event, CanBeReset) {
  TestLoop loop(1);
  Event event;
  event.set();
  event.set();
  event.reset();
  EXPECT_FALSE(event.is_set());
  EXPECT_EQ(loop.run(wait_for(event, seconds(2))),
            Status(StatusCode::kDeadlineExceeded, "timeout after 2000 ms of waiting for an event"));
}

TEST(Event, IsWaitedForUntilATimeoutADeadlineOrACancellation) {
  TestLoop loop(1);
  Event event;
  const TimePoint begin = loop.simulation().now();
  EXPECT_EQ(loop.run(wait_for(event, Duration::zero())).code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(loop.run(wait_for(event, seconds(-1))).code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(loop.simulation().now(), begin);
  const Context context = Context().with_deadline(begin + seconds(3));
  EXPECT_EQ(loop.run(wait_for(event, seconds(5), context)),
            Status(StatusCode::kDeadlineExceeded, "context deadline exceeded"));
  EXPECT_EQ(loop.simulation().now() - begin, seconds(3));
  const Context cancelled = Context().with_cancel();
  cancelled.cancel("enough");
  EXPECT_EQ(loop.run(wait_for(event, kNoTimeout, cancelled)), Status(StatusCode::kCancelled, "enough"));
  event.set();
  EXPECT_EQ(loop.run(wait_for(event, kNoTimeout, cancelled)), Status()) << "it is there";
}

Task<void> cancel_after(Duration time, Context context) {
  EXPECT_EQ(co_await sleep(time), Status());
  context.cancel("enough");
}
Task<void> note(Event& event, Duration timeout, Context context, Status& out) {
  out = co_await event.wait(timeout, context);
}

TEST(Event, IsOneOfThreeThatComeAtOnce) {
  int counts[3] = {};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    TestLoop loop(seed);
    Event event;
    const Context context = Context().with_cancel();
    Status status(StatusCode::kUnknown, "not ended");
    std::vector<Task<void>> tasks;
    const Duration before = seconds(1) - std::chrono::nanoseconds(seed % 2);
    tasks.push_back(note(event, seconds(1), context, status));
    tasks.push_back(set_after(before, event));
    tasks.push_back(cancel_after(before, context));
    loop.run_all(std::move(tasks));
    const StatusCode code = status.code();
    ASSERT_TRUE(code == StatusCode::kOk || code == StatusCode::kDeadlineExceeded ||
                code == StatusCode::kCancelled)
        << status;
    ++counts[code == StatusCode::kOk ? 0 : code == StatusCode::kDeadlineExceeded ? 1 : 2];
  }
  for (const int count : counts) EXPECT_GT(count, 0) << "each comes first under some seed";
}

TEST(Event, MayGoAsSoonAsItsWaiterGoesOnAndIsSetByAThread) {
  TestLoop loop;
  struct Body {
    static Task<void> run() {
      for (int i = 0; i < 200; ++i) {
        auto event = std::make_unique<Event>();
        std::thread setter([&set = *event] { set.set(); });
        EXPECT_EQ(co_await event->wait(), Status());
        event.reset();
        setter.join();
      }
    }
  };
  loop.run(Body::run());
}

// What was handed over counts, although the time passed while it was on its way.
TEST(Wait, ThatIsWokenAsItsTimePassesHasWhatItWaitedFor) {
  struct Handed final : detail::Wait {
    Handed() : detail::Wait("a hand-over", seconds(1), {}) {}
    bool take_or_list(detail::Waiter& w) override { return waiter = &w, false; }
    bool unlist(detail::Waiter&) override { return false; }  // another thread has taken it off its list
    Status await_resume() { return arrived() ? status() : Status(StatusCode::kUnknown, "it has not come"); }
    detail::Waiter* waiter = nullptr;
  };
  struct Body {
    static Task<Status> wait(Handed& handed) { co_return co_await handed; }
    static Task<void> hand_over(Handed& handed) {
      EXPECT_EQ(co_await sleep(seconds(2)), Status());
      (co_await this_loop()).post(*handed.waiter);
    }
    static Task<void> note(Handed& handed, Status& out) { out = co_await wait(handed); }
  };
  TestLoop loop(1);
  Handed handed;
  Status status(StatusCode::kUnknown, "not ended");
  std::vector<Task<void>> tasks;
  tasks.push_back(Body::note(handed, status));
  tasks.push_back(Body::hand_over(handed));
  loop.run_all(std::move(tasks));
  EXPECT_EQ(status, Status());
}

TEST(Event, SetByAThreadRunsALoopThatNobodyRuns) {
  TestLoop loop;
  Event event;
  int woken = 0;
  Task<void> task = expect_woken(event, woken);
  struct Ended : Runnable {
    Ended() : Runnable([](Runnable&) noexcept {}) {}
  } ended;
  loop.lead_and([&] { EXPECT_FALSE(task.start(*loop, ended)); });
  std::thread([&] { event.set(); }).join();
  EXPECT_EQ(woken, 1) << "before set() returned";
  loop.drain();
}

TEST(Event, IsNamedWhereASimulationIsStuck) {
  TestLoop loop(1);
  Event event;
  Task<Status> task = wait_for(event);
  struct Ended : Runnable {
    Ended() : Runnable([](Runnable&) noexcept {}) {}
  } ended;
  bool never = false;
  loop.lead_and([&] {
    EXPECT_FALSE(task.start(*loop, ended));
    EXPECT_FALSE(loop->run_until(never));
    EXPECT_EQ(loop->stuck().message(), "nothing can make progress: a wait for an event");
    event.set();
    while (!task.done()) (void)loop->run_until(never);
  });
}

TEST(EventDeathTest, GoingWhileSomebodyWaitsEndsTheProcess) {
  EXPECT_DEATH(
      {
        TestLoop loop(1);
        auto event = std::make_unique<Event>();
        struct Body {
          static Task<void> destroy(std::unique_ptr<Event>& event) {
            EXPECT_EQ(co_await sleep(seconds(1)), Status());
            event.reset();
          }
        };
        int woken = 0;
        std::vector<Task<void>> tasks;
        tasks.push_back(expect_woken(*event, woken));
        tasks.push_back(Body::destroy(event));
        loop.run_all(std::move(tasks));
      },
      "^sluice: an Event was destroyed while a coroutine waits for it\n");
}

TEST(Context, IsDoneWhenItIsCancelledOrItsDeadlinePasses) {
  struct Body {
    static Task<Status> wait(Context context) { co_return co_await context.done(); }
  };
  TestLoop loop(1);
  const TimePoint begin = loop.simulation().now();
  EXPECT_EQ(loop.run(Body::wait(Context().with_deadline(begin + seconds(2)))),
            Status(StatusCode::kDeadlineExceeded, "context deadline exceeded"));
  const Context context = Context().with_cancel();
  context.cancel("enough");
  EXPECT_EQ(loop.run(Body::wait(context)), Status(StatusCode::kCancelled, "enough"));
}

TEST(Context, CanBeMadeOfTwo) {
  struct Name {
    const char* text;
  };
  struct Number {
    int value;
  };
  const TimePoint deadline = TimePoint() + seconds(5);
  const Context a = Context().with_value(Name{"a"}).with_cancel();
  const Context b =
      Context().with_value(Name{"b"}).with_value(Number{7}).with_trace("t").with_deadline(deadline);
  for (const bool first : {true, false}) {
    const Context joined = first ? a.joined_with(b) : b.joined_with(a);
    EXPECT_STREQ(joined.value<Name>()->text, first ? "a" : "b");
    EXPECT_EQ(joined.value<Number>()->value, 7);
    EXPECT_EQ(joined.trace(), "t");
    EXPECT_EQ(joined.deadline(), deadline);
    const Context below = joined.with_cancel();
    joined.cancel("only it");
    EXPECT_TRUE(below.cancelled());
    EXPECT_FALSE(a.cancelled() || b.cancelled());
  }
  const Context by_a = a.joined_with(b), by_b = b.joined_with(a).with_cancel();
  a.cancel("a is over");
  EXPECT_EQ(by_a.status(), Status(StatusCode::kCancelled, "a is over"));
  EXPECT_EQ(by_b.status(), Status(StatusCode::kCancelled, "a is over"));
  EXPECT_TRUE(b.joined_with(a).cancelled()) << "made later";
  EXPECT_FALSE(Context().joined_with(b).cancelled());
  EXPECT_EQ(Context().joined_with(b).value<Number>()->value, 7);
  EXPECT_FALSE(b.joined_with(Context()).cancelled());
}

}  // namespace
}  // namespace sluice::inline v0
