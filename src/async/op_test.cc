// Op and Call on a small kind of operation: got, awaited, started, cancelled and dropped, from their loop,
// another one, and threads.
#include "sluice/async/op.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "async/fake_op.h"
#include "sluice/async/scope.h"
#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using support::TestLoop;
using support::TwoLoops;
using Echo = Result<std::string>;

const How kEach[] = {How::kInline, How::kLater, How::kByTimer};

// A thread that leads `loop` until it is told to stop, running nothing before go() or the end.
class Leader {
 public:
  explicit Leader(Loop& loop, bool runs = true) : loop_(loop), stop_(*this) {
    thread_ = std::thread([this, runs] {
      ASSERT_TRUE(loop_.try_enter());
      led_ = true;
      while (!runs && !let_go_) std::this_thread::yield();
      if (runs) loop_.run_until(done_);
      loop_.leave();
    });
    while (!led_) std::this_thread::yield();
    running_ = runs;
  }
  ~Leader() { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    let_go_ = true;
    if (running_) loop_.post(stop_);
    thread_.join();
  }

 private:
  struct Stop final : Runnable {
    explicit Stop(Leader& l)
        : Runnable([](Runnable& self) noexcept { static_cast<Stop&>(self).leader.done_ = true; }),
          leader(l) {}
    Leader& leader;
  };
  Loop& loop_;
  Stop stop_;
  std::atomic<bool> led_{false}, let_go_{false};
  bool running_ = false;
  bool done_ = false;  // loop-only
  std::thread thread_;
};

TEST(Op, IsGotByAThreadThatThenLeads) {
  TestLoop loop;
  FakeService service(*loop);
  for (const How how : kEach) EXPECT_EQ(*service.echo("hello", how).get(), "hello");
  EXPECT_EQ(service.echo("hello", How::kRefused).get().status(),
            Status(StatusCode::kResourceExhausted, "no more echoes"));
  EXPECT_EQ(service.started, 3);
  EXPECT_EQ(service.released, 3);
}

TEST(Op, IsGotInVirtualTime) {
  TestLoop loop(3);
  FakeService service(*loop);
  service.time = std::chrono::hours(5);
  const TimePoint begin = loop.simulation().now();
  EXPECT_EQ(*service.echo("hello", How::kByTimer).get(), "hello");
  EXPECT_EQ(loop.simulation().now() - begin, std::chrono::hours(5));
}

TEST(Op, IsGotByManyThreads) {
  TestLoop loop;
  FakeService service(*loop);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 250; ++i) {
        const std::string text = std::to_string(t) + "." + std::to_string(i);
        ASSERT_EQ(*service.echo(text, kEach[(i + t) % 3]).get(), text);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  loop.drain();
  EXPECT_EQ(service.started, 1000);
  EXPECT_EQ(service.released, 1000);
}

TEST(Op, IsGotFromALoopWithItsOwnThread) {
  LoopGroup group;
  Loop loop(group, nullptr);
  FakeService service(loop);
  loop.start_thread();
  for (int i = 0; i < 200; ++i) ASSERT_EQ(*service.echo("hello", kEach[i % 3]).get(), "hello");
  loop.stop_thread();
  while (loop.poll() > 0) {
  }
  EXPECT_EQ(service.released, 200);
  EXPECT_TRUE(loop.live().all_zero()) << loop.live().to_string();
}

Task<Echo> await_echo(FakeService& service, How how) { co_return co_await service.echo("hello", how); }

TEST(Op, IsAwaitedOnItsOwnLoop) {
  for (const bool simulated : {false, true}) {
    std::optional<TestLoop> loop;
    simulated ? loop.emplace(5) : loop.emplace();
    FakeService service(loop->loop());
    for (const How how : kEach) EXPECT_EQ(*loop->run(await_echo(service, how)), "hello");
    EXPECT_EQ(loop->run(await_echo(service, How::kRefused)).status().code(), StatusCode::kResourceExhausted);
    EXPECT_EQ(service.released, 3);
  }
}

TEST(Op, IsAwaitedFromAnotherLoop) {
  TwoLoops loops;
  FakeService service(loops.b());
  struct Body {
    static Task<void> ask(FakeService& service, Loop& home) {
      for (int i = 0; i < 100; ++i) {
        const Echo echo = co_await service.echo("hello", kEach[i % 3]);
        EXPECT_EQ(*echo, "hello");
        EXPECT_TRUE(home.leads());
      }
      EXPECT_FALSE((co_await service.echo("hello", How::kRefused)).ok());
      Call<std::string> call = service.echo("call", How::kByTimer).start();
      co_await yield();
      EXPECT_EQ(*(co_await call), "call");
    }
    static Task<void> nothing() { co_return; }
  };
  loops.run(Body::ask(service, loops.a()), Body::nothing());
  loops.expect_idle();
  EXPECT_EQ(service.released, 101);
}

TEST(Op, IsRefusedToAThreadThatLeadsALoopOfItsGroupBeforeAnythingStarts) {
  LoopGroup group;
  Loop a(group, nullptr), b(group, nullptr);
  FakeService on_a(a), on_b(b);
  ASSERT_TRUE(a.try_enter());
  for (FakeService* service : {&on_a, &on_b}) {
    const Echo got = service->echo("hello", How::kInline).get();
    EXPECT_EQ(got.status().code(), StatusCode::kFailedPrecondition);
    EXPECT_EQ(service->started, 0);
  }
  Call<std::string> call = on_b.echo("hello", How::kInline).start();
  EXPECT_EQ(call.get().status().code(), StatusCode::kFailedPrecondition);
  TestLoop other;  // of another group: its loop is nobody's
  FakeService elsewhere(*other);
  EXPECT_EQ(*elsewhere.echo("hello", How::kLater).get(), "hello");
  a.leave();
}

TEST(Op, SaysWhoWaitsWhenASimulationIsStuckAndLeaksNothing) {
  TestLoop loop(1);
  FakeService service(*loop);
  const Echo got = service.echo("silence", How::kNever).get();
  EXPECT_EQ(got.status(), Status(StatusCode::kInternal, "nothing can make progress: echo of silence"));
  EXPECT_EQ(service.released_early, 1);
  Call<std::string> call = service.echo("a", How::kNever).start();
  EXPECT_EQ(call.get().status().message(), "nothing can make progress: echo of a");
}

TEST(Call, IsStartedAndThenGotOrAwaited) {
  TestLoop loop;
  FakeService service(*loop);
  for (const How how : kEach) {
    Call<std::string> call = service.echo("hello", how).start();
    EXPECT_EQ(service.started, 1 + 2 * static_cast<int>(how));
    EXPECT_EQ(*call.get(), "hello");
    struct Body {
      static Task<Echo> run(FakeService& service, How how) {
        Call<std::string> call = service.echo("hello", how).start();
        co_return co_await call;
      }
    };
    EXPECT_EQ(*loop.run(Body::run(service, how)), "hello");
  }
  Call<std::string> refused = service.echo("hello", How::kRefused).start();
  refused.cancel();
  EXPECT_EQ(refused.get().status().code(), StatusCode::kResourceExhausted);
}

TEST(Call, TellsItsDetailsOnceItIsDone) {
  TestLoop loop;
  FakeService service(*loop);
  Call<std::string> call = service.echo("hello", How::kLater).start();
  ASSERT_TRUE(call.get().ok());
  EXPECT_EQ(call.header().get("echo"), "hello");
}

TEST(Call, CapturesItsArgumentsWhileAnotherThreadLeads) {
  TestLoop loop;
  FakeService service(*loop);
  {
    Leader leader(*loop, false);
    std::optional<Call<std::string>> call;
    {
      const std::string text = "a text that is gone when the loop gets to it";
      call.emplace(service.echo(text, How::kLater).start());
    }
    EXPECT_EQ(service.started, 0);
    leader.stop();
    EXPECT_EQ(*call->get(), "a text that is gone when the loop gets to it");
    EXPECT_EQ(call->header().get("echo"), "a text that is gone when the loop gets to it");
  }
  loop.drain();
  EXPECT_EQ(service.released, 1);
}

TEST(Call, IsStartedAndGotFromThreadsWhileOneLeads) {
  TestLoop loop;
  FakeService service(*loop);
  {
    Leader leader(*loop);
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 200; ++i) {
          const std::string text = std::to_string(i);
          Call<std::string> call = service.echo(text, kEach[i % 3]).start();
          if ((i + t) % 4 == 1) call.cancel();
          if ((i + t) % 4 == 2) continue;
          const Echo got = call.get();
          if (got.ok()) {
            ASSERT_EQ(*got, text);
          } else {
            ASSERT_EQ(got.status().code(), StatusCode::kCancelled);
          }
        }
      });
    }
    for (std::thread& t : threads) t.join();
  }
  loop.drain();
  EXPECT_EQ(service.started, service.released);
}

TEST(Call, MovesBetweenThreads) {
  TestLoop loop;
  FakeService service(*loop);
  Leader leader(*loop);
  Call<std::string> call = service.echo("hello", How::kByTimer).start();
  std::thread([call = std::move(call)]() mutable { EXPECT_EQ(*call.get(), "hello"); }).join();
}

TEST(Call, IsCancelled) {
  TestLoop loop(1);
  FakeService service(*loop);
  Call<std::string> call = service.echo("hello", How::kNever).start();
  call.cancel();
  call.cancel();
  EXPECT_EQ(service.cancelled, 1);
  EXPECT_EQ(call.get().status(), Status(StatusCode::kCancelled, "echo cancelled"));
  call.cancel();
  EXPECT_EQ(service.cancelled, 1);
  struct Body {
    static Task<Echo> run(FakeService& service) {
      Call<std::string> call = service.echo("hello", How::kNever).start();
      call.cancel();
      co_return co_await call;
    }
  };
  EXPECT_EQ(loop.run(Body::run(service)).status().code(), StatusCode::kCancelled);
}

TEST(Call, CancelsWhatItsDestructorFindsUndone) {
  for (const bool simulated : {false, true}) {
    std::optional<TestLoop> loop;
    simulated ? loop.emplace(5) : loop.emplace();
    FakeService service(loop->loop());
    { auto call = service.echo("hello", How::kNever).start(); }
    { auto call = service.echo("hello", How::kByTimer).start(); }
    { auto call = service.echo("hello", How::kLater).start(); }
    { auto call = service.echo("hello", How::kInline).start(); }
    EXPECT_EQ(service.released, 4);
    // What was ready has run when start() returns, but in a simulation, which leaves it to the seed.
    EXPECT_EQ(service.released_early, simulated ? 3 : 2);
  }
}

TEST(Call, NeverBlocksInItsDestructorWhileAnotherThreadLeads) {
  TestLoop loop;
  FakeService service(*loop);
  {
    Leader leader(*loop, false);
    for (const How how : {How::kInline, How::kLater, How::kByTimer, How::kNever}) {
      auto dropped = service.echo("dropped", how).start();
    }
    for (const How how : {How::kInline, How::kLater, How::kByTimer, How::kNever}) {
      auto cancelled = service.echo("cancelled", how).start();
      cancelled.cancel();
    }
  }
  loop.drain();
  EXPECT_EQ(service.started, service.released);
}

// What was posted while another thread led is still in the queue when the lead becomes free: what is then
// done at once must not overtake it. In a simulation only; the leader of another loop runs it before it goes.
TEST(Call, IsCancelledAndReleasedWhileItsStartIsStillPosted) {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    std::optional<TestLoop> loop(seed);
    FakeService service(loop->loop());
    std::vector<Call<std::string>> calls;
    {
      Leader leader(loop->loop(), false);
      for (int i = 0; i < 3; ++i) calls.push_back(service.echo("hello", How::kNever).start());
    }
    ASSERT_EQ(service.started, 0);
    calls[0].cancel();  // on this thread, before the start
    calls[1].cancel();
    calls.erase(calls.begin() + 1, calls.end());  // with and without a cancel
    EXPECT_EQ(calls[0].get().status().code(), StatusCode::kCancelled);
    loop->drain();
    EXPECT_EQ(service.started, 1) << "what was let go of before it started never starts";
  }
}

TEST(Call, IsReleasedWhileItsCancelIsStillPosted) {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    std::optional<TestLoop> loop(seed);
    FakeService service(loop->loop());
    {
      Call<std::string> call = service.echo("hello", How::kNever).start();
      Leader leader(loop->loop(), false);
      call.cancel();
      call.cancel();
      leader.stop();
    }  // released on this thread, at once
    EXPECT_EQ(service.released, 1);
    loop->drain();
    EXPECT_EQ(service.cancelled, 0);
  }
}

// A method that a program has made for one call: what is still to be done on the loop needs it no more.
TEST(Call, MayOutliveNothingOfItsKind) {
  TestLoop loop;
  FakeService service(*loop);
  const std::string text = "hello";
  for (const How how : {How::kInline, How::kNever}) {
    FakeKind kind;
    std::optional<Call<std::string>> call(Op<std::string>(kind, &service, &text, &how).start());
    Leader leader(*loop, false);
    call->cancel();
    call.reset();
    kind.release = nullptr, kind.cancel = nullptr;
    leader.stop();
  }
  loop.drain();
  EXPECT_EQ(service.released, 2);
}

TEST(Call, IsReleasedWhileTheNewsThatItIsDoneIsOnItsWay) {
  for (int seed = 0; seed < 10; ++seed) {
    std::optional<TestLoop> loop;
    seed ? loop.emplace(static_cast<std::uint64_t>(seed)) : loop.emplace();
    FakeService service(loop->loop());
    std::vector<Call<std::string>> calls;
    {
      Leader leader(loop->loop(), false);
      for (int i = 0; i < 4; ++i) calls.push_back(service.echo("hello", How::kLater).start());
    }
    // Let go of by the loop itself, between whatever else is in its queue.
    struct Body {
      static Task<void> run(std::vector<Call<std::string>>& calls) {
        while (!calls.empty()) {
          co_await yield();
          calls.pop_back();
        }
      }
    };
    loop->run(Body::run(calls));
    loop->drain();
    EXPECT_EQ(service.started, service.released);
  }
}

TEST(Op, MixesWithTemporariesInOneExpression) {
  struct Body {
    static Task<std::string> text(int i) {
      co_await yield();
      co_return "a text that is too long for a small string " + std::to_string(i);
    }
    static Task<Echo> run(FakeService& service) {
      std::string all;
      for (int i = 0; i < 3; ++i) {
        all += *(co_await service.echo("one more text, longer than a small string: " + std::to_string(i),
                                       kEach[i]));
        all += (co_await service.echo(co_await text(i), How::kLater)).value();
        if (Echo echo = co_await service.echo(std::string("temporary of the condition, also long"), kEach[i]);
            echo.ok())
          all += "!";
      }
      Result<std::string> last = co_await service.echo(std::string(100, 'x'), How::kRefused);
      if (!last.ok()) co_return all;
      co_return last;
    }
  };
  for (int seed = 0; seed < 3; ++seed) {
    std::optional<TestLoop> loop;
    seed ? loop.emplace(static_cast<std::uint64_t>(seed)) : loop.emplace();
    FakeService service(loop->loop());
    std::string want;
    for (int i = 0; i < 3; ++i) {
      const std::string n = std::to_string(i);
      want += "one more text, longer than a small string: " + n +
              "a text that is too long for a small string " + n + "!";
    }
    EXPECT_EQ(*loop->run(Body::run(service)), want);
  }
}

TEST(Op, AwaitedInlineManyTimesDoesNotGrowTheStack) {
  TestLoop loop;
  FakeService service(*loop);
  struct Body {
    static Task<int> run(FakeService& service) {
      const std::string text = "x";
      const How how = How::kInline;
      int n = 0;
      for (int i = 0; i < 200'000; ++i) n += (co_await service.echo(text, how)).ok();
      co_return n;
    }
  };
  EXPECT_EQ(loop.run(Body::run(service)), 200'000);
}

#ifndef NDEBUG
// --- What throws as it starts.

// A start that throws what the text says.
struct ThrowingKind final : FakeKind {
  ThrowingKind() {
    start = [](const detail::OpArgs& args) -> detail::OpRecord* {
      if (*static_cast<const std::string*>(args.argument) == "memory") throw std::bad_alloc();
      throw std::runtime_error("broken");
    };
  }
};

class OpThatThrows : public ::testing::Test {
 protected:
  Op<std::string> broken() { return {kind_, &service_, &text_, &how_}; }
  Op<std::string> out_of_memory() { return {kind_, &service_, &memory_, &how_}; }
  void expect_free() {
    EXPECT_FALSE(loop_->leads());
    ASSERT_TRUE(loop_->try_enter()) << "it is led for ever";
    loop_->leave();
  }
  static Task<Echo> await(OpThatThrows& test) { co_return co_await test.broken(); }

  const Status broken_{StatusCode::kInternal, "the operation threw as it started: broken"};
  TestLoop loop_;
  FakeService service_{*loop_};
  const ThrowingKind kind_;
  const std::string text_ = "any", memory_ = "memory";
  const How how_ = How::kLater;
};

TEST_F(OpThatThrows, FailsAndLeavesTheLoopFree) {
  EXPECT_EQ(broken().get().status(), broken_);
  expect_free();
  EXPECT_EQ(out_of_memory().get().status(),
            Status(StatusCode::kInternal, "the operation threw as it started: std::bad_alloc"));
  expect_free();
  EXPECT_EQ(broken().start().get().status(), broken_);
  expect_free();
  EXPECT_EQ(loop_.run(await(*this)).status(), broken_);
}

TEST_F(OpThatThrows, FailsWhileAnotherThreadLeads) {
  {
    Leader leader(*loop_);
    EXPECT_EQ(broken().get().status(), broken_);
    EXPECT_EQ(broken().start().get().status(), broken_);
  }
  expect_free();
}

TEST_F(OpThatThrows, FailsWhenItIsAwaitedFromAnotherLoop) {
  Leader leader(*loop_);
  TestLoop other;
  EXPECT_EQ(other.run(await(*this)).status(), broken_);
}

TEST_F(OpThatThrows, FailsWhenItsArgumentsCannotBeCopied) {
  struct Uncopied final : FakeKind {
    Uncopied() {
      capture = [](detail::OpArgs&) { throw std::runtime_error("broken"); };
    }
  };
  const Uncopied kind;
  Leader leader(*loop_, false);
  Call<std::string> call = Op<std::string>(kind, &service_, &text_, &how_).start();
  leader.stop();
  EXPECT_EQ(call.get().status(), broken_);
  EXPECT_EQ(service_.started, 0);
}

using OpDeathTest = ::testing::Test;
TEST(OpDeathTest, AssertsThatItIsNotDropped) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  TestLoop loop;
  FakeService service(*loop);
  EXPECT_DEATH({ [[maybe_unused]] const auto& op = service.echo("dropped", How::kInline); },
               "an Op was dropped");
}
#endif

}  // namespace
}  // namespace sluice::inline v0
