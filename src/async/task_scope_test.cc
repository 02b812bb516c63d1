// with_scope(): all tasks end before it does, the first failure counts, and the others are told.
#include "sluice/async/task_scope.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "sluice/async/sleep.h"
#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using std::chrono::seconds;
using support::TestLoop;

struct Seen {
  int ended = 0;
  int cancelled = 0;
};

Task<Status> work(TaskScope& scope, Duration time, Status outcome, Seen& seen) {
  const Status slept = co_await sleep(time, scope.context());
  ++seen.ended;
  if (slept.ok()) co_return outcome;
  ++seen.cancelled;
  co_return slept;
}
Task<void> throw_after(Duration time) {
  EXPECT_EQ(co_await sleep(time), Status());
  throw std::runtime_error("broken");
}

TEST(TaskScope, EndsWhenAllTasksHave) {
  TestLoop loop(1);
  const TimePoint begin = loop.simulation().now();
  Seen seen;
  struct Body {
    static Task<Status> run(TaskScope& scope, Seen& seen) {
      for (int i = 1; i <= 3; ++i) EXPECT_TRUE(scope.spawn(work(scope, seconds(i), {}, seen)));
      EXPECT_EQ(scope.running(), 3u);
      co_return Status();
    }
  };
  EXPECT_EQ(loop.run(with_scope({}, &Body::run, seen)), Status());
  EXPECT_EQ(seen.ended, 3);
  EXPECT_EQ(seen.cancelled, 0);
  EXPECT_EQ(loop.simulation().now() - begin, seconds(3));
}

TEST(TaskScope, GivesTheFirstFailureAndCancelsTheRest) {
  for (const bool body_fails : {false, true}) {
    TestLoop loop(1);
    const TimePoint begin = loop.simulation().now();
    Seen seen;
    struct Body {
      static Task<Status> run(TaskScope& scope, Seen& seen, const bool& fails) {
        const Status bad(StatusCode::kAborted, "bad");
        EXPECT_TRUE(scope.spawn(work(scope, seconds(60), {}, seen)));
        EXPECT_TRUE(scope.spawn(work(scope, seconds(2), bad, seen)));
        EXPECT_TRUE(scope.spawn(work(scope, seconds(3), bad, seen)));
        if (fails) co_return Status(StatusCode::kInternal, "the body's own");
        (void)co_await sleep(seconds(10), scope.context());
        EXPECT_FALSE(scope.spawn(work(scope, seconds(0), {}, seen))) << "it has failed already";
        co_return Status();
      }
    };
    EXPECT_EQ(
        loop.run(with_scope({}, &Body::run, seen, body_fails)),
        body_fails ? Status(StatusCode::kInternal, "the body's own") : Status(StatusCode::kAborted, "bad"));
    EXPECT_EQ(seen.ended, 3);
    EXPECT_EQ(loop.simulation().now() - begin, body_fails ? seconds(0) : seconds(2));
  }
}

TEST(TaskScope, TakesAnExceptionForAFailure) {
  TestLoop loop(1);
  Seen seen;
  struct Body {
    static Task<Status> run(TaskScope& scope, Seen& seen) {
      EXPECT_TRUE(scope.spawn(work(scope, seconds(60), {}, seen)));
      EXPECT_TRUE(scope.spawn(throw_after(seconds(1))));
      co_return co_await work(scope, seconds(60), {}, seen);
    }
    static Task<Status> thrown(TaskScope& scope, Seen& seen) {
      EXPECT_TRUE(scope.spawn(work(scope, seconds(60), {}, seen)));
      throw StatusError(Status(StatusCode::kNotFound, "nothing there"));
    }
  };
  EXPECT_EQ(loop.run(with_scope({}, &Body::run, seen)),
            Status(StatusCode::kUnknown, "a task of a scope threw: broken"));
  EXPECT_EQ(seen.cancelled, 2);
  EXPECT_EQ(loop.run(with_scope({}, &Body::thrown, seen)), Status(StatusCode::kNotFound, "nothing there"));
}

TEST(TaskScope, IsCancelledFromInsideWithoutAFailureAndFromOutsideWithOne) {
  TestLoop loop(1);
  Seen seen;
  struct Body {
    static Task<Status> enough(TaskScope& scope, Seen& seen) {
      EXPECT_TRUE(scope.spawn(work(scope, seconds(60), {}, seen)));
      scope.cancel();
      co_return Status();
    }
    static Task<Status> wait(TaskScope& scope, Seen& seen) {
      EXPECT_TRUE(scope.spawn(work(scope, seconds(60), {}, seen)));
      co_return Status();
    }
  };
  EXPECT_EQ(loop.run(with_scope({}, &Body::enough, seen)), Status());
  EXPECT_EQ(seen.cancelled, 1);
  const TimePoint deadline = loop.simulation().now() + seconds(5);
  EXPECT_EQ(loop.run(with_scope(Context().with_deadline(deadline), &Body::wait, seen)),
            Status(StatusCode::kDeadlineExceeded, "context deadline exceeded"));
  EXPECT_EQ(loop.simulation().now(), deadline);
}

TEST(TaskScope, LetsItsTasksSpawnOthersWhenTheBodyHasReturned) {
  TestLoop loop(1);
  Seen seen;
  struct Body {
    static Task<Status> run(TaskScope& scope, Seen& seen) {
      EXPECT_TRUE(scope.spawn(more(scope, seen, 3)));
      co_return Status();
    }
    static Task<Status> more(TaskScope& scope, Seen& seen, int left) {
      EXPECT_EQ(co_await sleep(seconds(1)), Status());
      ++seen.ended;
      if (left > 0) {
        EXPECT_TRUE(scope.spawn(more(scope, seen, left - 1)));
      }
      co_return Status();
    }
  };
  EXPECT_EQ(loop.run(with_scope({}, &Body::run, seen)), Status());
  EXPECT_EQ(seen.ended, 4);
}

TEST(TaskScope, MayBeALambdaThatCaptures) {
  TestLoop loop(1);
  struct Body {
    static Task<int> run() {
      int sum = 0;
      const Status status = co_await with_scope({}, [&sum](TaskScope& scope) { return add(scope, sum); });
      EXPECT_EQ(status, Status());
      co_return sum;
    }
    static Task<Status> add(TaskScope& scope, int& sum) {
      for (int i = 1; i <= 3; ++i) EXPECT_TRUE(scope.spawn(add_later(sum, i)));
      co_return Status();
    }
    static Task<void> add_later(int& sum, int value) {
      EXPECT_EQ(co_await sleep(seconds(value)), Status());
      sum += value;
    }
  };
  EXPECT_EQ(loop.run(Body::run()), 6);
}

}  // namespace
}  // namespace sluice::inline v0
