// Sleep: timer, context's deadline and cancellation, all racing.
#include "sluice/async/sleep.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using std::chrono::seconds;
using support::TestLoop;

Task<Status> nap(Duration time, Context context = {}) { co_return co_await sleep(time, context); }

TEST(Sleep, EndsWhenItsTimeHasPassed) {
  TestLoop loop(1);
  const TimePoint begin = loop.simulation().now();
  EXPECT_EQ(loop.run(nap(seconds(90))), Status());
  EXPECT_EQ(loop.simulation().now() - begin, seconds(90));
  EXPECT_EQ(loop.run(nap(seconds(0))), Status());
  EXPECT_EQ(loop.run(nap(seconds(-5))), Status());
  EXPECT_EQ(loop.run(nap(Duration::min())), Status());
  EXPECT_EQ(loop.simulation().now() - begin, seconds(90));
}

TEST(Sleep, TakesAtLeastItsTimeInRealTime) {
  TestLoop loop;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(loop.run(nap(std::chrono::microseconds(250))), Status());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::microseconds(250));
  EXPECT_EQ(loop.run(nap(Duration::min())), Status());
}

TEST(Sleep, EndsAtItsContextsDeadline) {
  TestLoop loop(1);
  const TimePoint begin = loop.simulation().now();
  const Context context = Context().with_deadline(begin + seconds(3));
  EXPECT_EQ(loop.run(nap(seconds(2), context)), Status());
  EXPECT_EQ(loop.run(nap(seconds(2), context)).code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(loop.simulation().now() - begin, seconds(3));
  EXPECT_EQ(loop.run(nap(seconds(2), context)).code(), StatusCode::kDeadlineExceeded) << "it is past";
  EXPECT_EQ(loop.simulation().now() - begin, seconds(3));
}

Task<void> cancel_after(Duration time, Context context) {
  EXPECT_TRUE((co_await sleep(time)).ok());
  context.cancel("enough");
}
Task<void> expect_nap(Duration time, Context context, std::vector<StatusCode> any_of) {
  const Status status = co_await sleep(time, context);
  EXPECT_NE(std::find(any_of.begin(), any_of.end(), status.code()), any_of.end()) << status;
  if (status.code() == StatusCode::kCancelled) {
    EXPECT_EQ(status.message(), "enough");
  }
}

TEST(Sleep, EndsWhenItsContextIsCancelled) {
  TestLoop loop(1);
  const Context context = Context().with_cancel();
  std::vector<Task<void>> tasks;
  tasks.push_back(expect_nap(seconds(10), context, {StatusCode::kCancelled}));
  tasks.push_back(expect_nap(Duration::max(), context, {StatusCode::kCancelled}));
  tasks.push_back(expect_nap(seconds(1), context, {StatusCode::kOk}));
  tasks.push_back(cancel_after(seconds(2), context));
  const TimePoint begin = loop.simulation().now();
  loop.run_all(std::move(tasks));
  EXPECT_EQ(loop.simulation().now() - begin, seconds(2));
  EXPECT_EQ(loop.run(nap(seconds(5), context)).code(), StatusCode::kCancelled) << "cancelled before it began";
}

// The cancellation is on its way when the timer fires, or the other way round: one of the two resumes.
TEST(Sleep, EndsOnceWhenItsTimeAndItsCancellationComeAtTheSameInstant) {
  struct CancelAlarm : Timer {
    explicit CancelAlarm(const Context& c)
        : Timer([](Runnable& self) noexcept {
            static_cast<CancelAlarm&>(static_cast<Timer&>(self)).context.cancel("enough");
          }),
          context(c) {}
    const Context& context;
  };
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    TestLoop loop(seed);
    const TimePoint then = loop.simulation().now() + seconds(1);
    const Context context = Context().with_deadline(then + seconds(seed % 2));
    CancelAlarm alarm(context);
    loop.lead_and([&] { loop->arm(alarm, then); });
    const Status status = loop.run(nap(seconds(1), context));
    EXPECT_EQ(status.code(), seed % 2 ? StatusCode::kOk : StatusCode::kDeadlineExceeded);
    EXPECT_TRUE(context.cancelled());
  }
}

TEST(Sleep, RacesWithCancellationFromAnotherThread) {
  for (int i = 0; i < 100; ++i) {
    TestLoop loop;
    const Context context = Context().with_cancel();
    std::thread other([&, i] {
      const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(i % 20);
      while (std::chrono::steady_clock::now() < until) {
      }
      context.cancel("enough");
    });
    loop.run(expect_nap(std::chrono::microseconds(40), context, {StatusCode::kOk, StatusCode::kCancelled}));
    other.join();
  }
}

TEST(Sleep, ForEverIsStuckInASimulationWithoutAnythingElse) {
  TestLoop loop(1);
  struct Body {
    static Task<void> run(Context context, bool& ended) {
      EXPECT_EQ((co_await sleep(Duration::max(), context)).code(), StatusCode::kCancelled);
      ended = true;
    }
  };
  struct Nothing : Runnable {
    Nothing() : Runnable([](Runnable&) noexcept {}) {}
  } on_done;
  const Context context = Context().with_cancel();
  bool ended = false;
  Task<void> task = Body::run(context, ended);
  loop.lead_and([&] {
    EXPECT_FALSE(task.start(*loop, on_done));
    EXPECT_FALSE(loop->run_until(ended));
    context.cancel();
    EXPECT_TRUE(loop->run_until(ended));
  });
  loop.drain();
}

}  // namespace
}  // namespace sluice::inline v0
