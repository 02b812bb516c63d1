// Signals in virtual time; what is refused; masks. Real signals are in tests/realtime/signal_test.cc.
#include "sluice/async/signal.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "sluice/async/scope.h"
#include "sluice/async/simulation.h"
#include "sluice/async/sleep.h"
#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using std::chrono::seconds;
using support::TestLoop;

Task<void> raise_after(Duration time, int signal) {
  Loop& loop = co_await this_loop();
  EXPECT_EQ(co_await sleep(time), Status());
  EXPECT_EQ(loop.simulation()->raise_signal(signal), Status());
}
Task<void> end_context_after(Duration time, Context context) {
  EXPECT_EQ(co_await sleep(time), Status());
  context.cancel("enough");
}
Task<void> expect_signal(int want, SignalSet signals, Context context = {}) {
  const Result<int> signal = co_await wait_signal(signals, context);
  if (signal.ok()) {
    EXPECT_EQ(*signal, want);
  } else {
    ADD_FAILURE() << signal.status();
  }
}
Task<void> expect_failure(StatusCode want, SignalSet signals, Context context = {}) {
  const Result<int> signal = co_await wait_signal(signals, context);
  EXPECT_EQ(signal.status().code(), want) << signal.status();
}

TEST(SignalSet, HasTheSignalsThatItWasGivenAndTheFirstNumberThatIsNone) {
  const SignalSet set{SIGINT, SIGTERM, 64};
  EXPECT_TRUE(set.contains(SIGINT) && set.contains(SIGTERM) && set.contains(64));
  EXPECT_FALSE(set.contains(SIGHUP) || set.contains(0) || set.contains(-1) || set.contains(65));
  EXPECT_EQ(set.bits(), 1u << (SIGINT - 1) | 1u << (SIGTERM - 1) | std::uint64_t{1} << 63);
  EXPECT_FALSE(set.misfit());
  EXPECT_EQ(SignalSet({1, 65, 0}).misfit(), 65);
  EXPECT_EQ(SignalSet({}).bits(), 0u);
}

class WaitSignal : public support::LoopTest {
 protected:
  Simulation& simulation() { return loop_.simulation(); }
  void run_all(Task<void> a, Task<void> b) {
    std::vector<Task<void>> tasks;
    tasks.push_back(std::move(a));
    tasks.push_back(std::move(b));
    loop_.run_all(std::move(tasks));
  }
};

TEST_F(WaitSignal, EndsWhenOneOfItsSignalsComes) {
  const TimePoint begin = simulation().now();
  run_all(expect_signal(SIGTERM, {SIGINT, SIGTERM}), raise_after(seconds(3), SIGTERM));
  EXPECT_EQ(simulation().now() - begin, seconds(3));
}

TEST_F(WaitSignal, TakesWhatIsPendingAtOnceTheLowestNumberFirst) {
  const TimePoint begin = simulation().now();
  for (const int signal : {SIGTERM, SIGINT, SIGINT, SIGHUP}) {
    EXPECT_EQ(simulation().raise_signal(signal), Status());
  }
  run(expect_signal(SIGINT, {SIGTERM, SIGINT}));
  run(expect_signal(SIGTERM, {SIGTERM, SIGINT}));
  run(expect_signal(SIGHUP, SIGHUP));
  EXPECT_EQ(simulation().now(), begin);
}

TEST_F(WaitSignal, TakesEachSignalOnce) {
  EXPECT_EQ(simulation().raise_signal(SIGINT), Status());
  EXPECT_EQ(simulation().raise_signal(SIGINT), Status()) << "pending already";
  run(expect_signal(SIGINT, SIGINT));
  run(expect_failure(StatusCode::kDeadlineExceeded, SIGINT,
                     Context().with_deadline(simulation().now() + seconds(1))));
}

TEST_F(WaitSignal, LeavesSignalsThatItDoesNotWaitFor) {
  const Context context = Context().with_deadline(simulation().now() + seconds(2));
  EXPECT_EQ(simulation().raise_signal(SIGUSR1), Status());
  run_all(expect_failure(StatusCode::kDeadlineExceeded, SIGINT, context), raise_after(seconds(1), SIGUSR2));
  run(expect_signal(SIGUSR1, {SIGUSR1, SIGUSR2}));
  run(expect_signal(SIGUSR2, {SIGUSR1, SIGUSR2}));
}

TEST_F(WaitSignal, IsCancelledWithItsContext) {
  const Context context = Context().with_cancel();
  run_all(expect_failure(StatusCode::kCancelled, SIGINT, context), end_context_after(seconds(2), context));
  EXPECT_EQ(run(wait_signal(SIGINT, context)).status(), Status(StatusCode::kCancelled, "enough"));
}

TEST_F(WaitSignal, EndsAtItsContextsDeadline) {
  const TimePoint begin = simulation().now();
  const Context context = Context().with_deadline(begin + seconds(5));
  run(expect_failure(StatusCode::kDeadlineExceeded, SIGINT, context));
  EXPECT_EQ(simulation().now() - begin, seconds(5));
}

TEST_F(WaitSignal, TakesNothingIfItsContextHasEnded) {
  const Context cancelled = Context().with_cancel();
  cancelled.cancel();
  EXPECT_EQ(simulation().raise_signal(SIGINT), Status());
  run(expect_failure(StatusCode::kCancelled, SIGINT, cancelled));
  run(expect_failure(StatusCode::kDeadlineExceeded, SIGINT, Context().with_deadline(simulation().now())));
  run(expect_signal(SIGINT, SIGINT));
}

TEST_F(WaitSignal, IsRefusedWhileAnotherOneWaitsForTheSameSignal) {
  struct Body {
    static Task<void> run() {
      Loop& loop = co_await this_loop();
      Scope scope(loop);
      (void)scope.spawn(expect_signal(SIGINT, {SIGINT, SIGTERM}));
      EXPECT_EQ(co_await sleep(seconds(1)), Status());
      for (int i = 0; i < 2; ++i) {
        const Context context = Context().with_deadline(loop.now() + seconds(1));
        const Result<int> other = co_await wait_signal({SIGHUP, SIGTERM}, context);
        EXPECT_EQ(other.status(), Status(StatusCode::kFailedPrecondition,
                                         "another coroutine of this Runtime waits for SIGTERM already"));
      }
      // What was refused has claimed nothing, and taken no claim away.
      (void)scope.spawn(expect_signal(SIGHUP, {SIGHUP, SIGUSR1}));
      EXPECT_EQ(co_await sleep(seconds(1)), Status());
      for (const int signal : {SIGHUP, SIGINT}) EXPECT_EQ(loop.simulation()->raise_signal(signal), Status());
      co_await scope.join();
      EXPECT_EQ(loop.simulation()->raise_signal(SIGTERM), Status());
      const Result<int> third = co_await wait_signal({SIGINT, SIGTERM, SIGHUP});
      EXPECT_TRUE(third.ok() && *third == SIGTERM) << "the signals are free again: " << third.status();
    }
  };
  run(Body::run());
}

// Either may win; a signal that the wait does not give is still there.
TEST(WaitSignalSeeds, LosesNoSignalThatComesAtTheInstantOfACancellationOrDeadline) {
  std::set<StatusCode> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    TestLoop loop(seed);
    const TimePoint then = loop.simulation().now() + seconds(1);
    const Context context = seed % 3 == 0 ? Context().with_deadline(then) : Context().with_cancel();
    struct Body {
      static Task<void> run(Context context, std::set<StatusCode>& seen) {
        Result<int> signal = co_await wait_signal(SIGINT, context);
        seen.insert(signal.status().code());
        if (signal.ok()) co_return;
        EXPECT_EQ(co_await sleep(seconds(1)), Status());
        signal = co_await wait_signal(SIGINT);
        EXPECT_TRUE(signal.ok()) << signal.status();
      }
    };
    std::vector<Task<void>> tasks;
    tasks.push_back(Body::run(context, seen));
    tasks.push_back(raise_after(seconds(1), SIGINT));
    if (seed % 3 != 0) tasks.push_back(end_context_after(seconds(1), context));
    loop.run_all(std::move(tasks));
  }
  EXPECT_EQ(seen, (std::set{StatusCode::kOk, StatusCode::kCancelled, StatusCode::kDeadlineExceeded}));
}

TEST_F(WaitSignal, SaysThatItWaitsWhenNothingElseIsLeft) {
  struct Nothing : Runnable {
    Nothing() : Runnable([](Runnable&) noexcept {}) {}
  } on_done;
  Task<void> task = expect_signal(SIGTERM, {SIGINT, SIGTERM});
  loop_.lead_and([&] {
    EXPECT_FALSE(task.start(loop(), on_done));
    const bool never = false;
    EXPECT_FALSE(loop().run_until(never));
    EXPECT_EQ(loop().stuck().message(), "nothing can make progress: a wait for SIGINT, SIGTERM");
  });
  EXPECT_EQ(simulation().raise_signal(SIGTERM), Status()) << "also while nobody runs the loop";
  loop_.drain();
  EXPECT_TRUE(task.done());
}

struct Refused {
  SignalSet signals;
  std::string text;
};
std::vector<Refused> refused_sets() {
  return {{{}, "no signal is named"},
          {{SIGINT, 0}, "0 is no signal"},
          {{-3}, "-3 is no signal"},
          {{65, SIGINT}, "65 is no signal"},
          {{SIGINT, SIGKILL}, "SIGKILL cannot be blocked, and so not be waited for"},
          {{SIGSTOP}, "SIGSTOP cannot be blocked, and so not be waited for"},
          {{SIGSEGV}, "SIGSEGV tells of a fault of the thread itself, and cannot be waited for"},
          {{SIGBUS}, "SIGBUS tells of a fault of the thread itself, and cannot be waited for"},
          {{SIGFPE}, "SIGFPE tells of a fault of the thread itself, and cannot be waited for"},
          {{SIGILL}, "SIGILL tells of a fault of the thread itself, and cannot be waited for"},
          {{SIGSYS}, "SIGSYS tells of a fault of the thread itself, and cannot be waited for"},
          {{SIGTRAP}, "SIGTRAP tells of a fault of the thread itself, and cannot be waited for"},
          {{32}, "signal 32 is the C library's own"}};
}

TEST_F(WaitSignal, RefusesWhatCannotBeWaitedForWithItsValue) {
  for (const auto& [signals, text] : refused_sets()) {
    const Status want(StatusCode::kInvalidArgument, text);
    EXPECT_EQ(run(wait_signal(signals)).status(), want);
    EXPECT_EQ(block_signals(signals), want);
    EXPECT_EQ(unblock_signals(signals), want);
  }
  EXPECT_EQ(simulation().raise_signal(0), Status(StatusCode::kInvalidArgument, "0 is no signal"));
  EXPECT_EQ(simulation().raise_signal(SIGKILL).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(simulation().raise_signal(SIGRTMIN), Status());
  run(expect_signal(SIGRTMIN, {SIGINT, SIGRTMIN, SIGRTMAX}));
}

TEST(WaitSignalUnblocked, IsRefusedWithTheSignalAndTheCure) {
  TestLoop loop;
  EXPECT_EQ(
      loop.run(wait_signal({SIGUSR1, SIGRTMIN + 1})).status(),
      Status(StatusCode::kFailedPrecondition,
             "SIGUSR1 is not blocked in the thread that waits for it: call block_signals() at the start "
             "of main, before the Runtime is made"));
  EXPECT_NE(loop.run(wait_signal(SIGRTMIN + 1)).status().message().find("SIGRTMIN+1 is not"),
            std::string::npos);
}

bool is_blocked(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

TEST(BlockSignals, ConcernsTheCallingThreadAndThoseThatItMakes) {
  std::thread([] {
    EXPECT_EQ(block_signals({SIGUSR1, SIGUSR2}), Status());
    EXPECT_TRUE(is_blocked(SIGUSR1) && is_blocked(SIGUSR2));
    EXPECT_FALSE(is_blocked(SIGINT));
    std::thread([] { EXPECT_TRUE(is_blocked(SIGUSR1) && is_blocked(SIGUSR2)); }).join();
    EXPECT_EQ(unblock_signals(SIGUSR1), Status());
    EXPECT_FALSE(is_blocked(SIGUSR1));
    EXPECT_TRUE(is_blocked(SIGUSR2)) << "others stay as they are";
    EXPECT_EQ(block_signals({SIGUSR1, SIGKILL}).code(), StatusCode::kInvalidArgument);
    EXPECT_FALSE(is_blocked(SIGUSR1)) << "what is refused changes nothing";
  }).join();
  EXPECT_FALSE(is_blocked(SIGUSR1) || is_blocked(SIGUSR2));
}

}  // namespace
}  // namespace sluice::inline v0
