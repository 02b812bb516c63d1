// Task: awaiting without stack growth, what it returns and throws, and where its frames come from.
#include "sluice/async/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using support::TestLoop;

Task<int> give(int n) { co_return n; }
Task<int> give_after_yield(int n) {
  co_await yield();
  co_return n;
}

// How far the stack reaches down at most, as seen by coroutines that note where their locals stand.
struct Depth {
  explicit Depth(const void* here) : top(reinterpret_cast<std::uintptr_t>(here)) {}
  void note() {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    deepest = std::max(deepest, top - here);
  }
  const std::uintptr_t top;
  std::uintptr_t deepest = 0;
};

TEST(Task, AwaitsTenMillionCompletedChildrenOnAStackThatDoesNotGrow) {
  TestLoop loop;
  constexpr int kAwaits = 10'000'000;
  struct Body {
    static Task<long> run(Depth& depth) {
      long sum = 0;
      for (int i = 0; i < kAwaits; ++i) {
        sum += co_await give(i & 1);
        if ((i & 0xffff) == 0) depth.note();
      }
      depth.note();
      co_return sum;
    }
  };
  Depth depth(__builtin_frame_address(0));
  EXPECT_EQ(loop.run(Body::run(depth)), kAwaits / 2);
  EXPECT_LT(depth.deepest, 256u * 1024);
}

TEST(Task, AwaitsChildrenThatEndLaterOnAStackThatDoesNotGrow) {
  TestLoop loop;
  struct Body {
    static Task<long> run(Depth& depth) {
      long sum = 0;
      for (int i = 0; i < 100'000; ++i) {
        sum += co_await give_after_yield(i & 1);
        depth.note();
      }
      co_return sum;
    }
  };
  Depth depth(__builtin_frame_address(0));
  EXPECT_EQ(loop.run(Body::run(depth)), 50'000);
  EXPECT_LT(depth.deepest, 256u * 1024);
}

Task<int> sum_down(int n, Depth& depth) {
  depth.note();
  if (n == 0) co_return 0;
  const int below = co_await sum_down(n - 1, depth);
  depth.note();
  co_return below + n;
}

TEST(Task, RecursesDeeperThanTheStack) {
  TestLoop loop;
  Depth depth(__builtin_frame_address(0));
  EXPECT_EQ(loop.run(sum_down(30'000, depth)), 450'015'000);
  EXPECT_LT(depth.deepest, 512u * 1024);
}

TEST(Task, CountsItsFramesWhileTheyAreStarted) {
  TestLoop loop;
  struct Body {
    static Task<int> child(Loop& l) {
      co_await yield();
      co_return l.counts().frames;
    }
    static Task<void> run(Loop& l) {
      EXPECT_EQ(l.counts().frames, 1);
      Task<int> unstarted = child(l);
      EXPECT_EQ(l.counts().frames, 1);
      EXPECT_EQ(co_await std::move(unstarted), 2);
      unstarted = Task<int>();
      EXPECT_EQ(l.counts().frames, 1);
      EXPECT_EQ(&co_await this_loop(), &l);
    }
  };
  loop.run(Body::run(*loop));
  EXPECT_EQ(loop->counts().frames, 0);
  { Task<int> dropped = give(1); }
  EXPECT_EQ(loop->counts().frames, 0);
}

Task<int> fail(bool later) {
  if (later) co_await yield();
  throw std::runtime_error("broken");
}

TEST(Task, PassesExceptionsThroughAwaits) {
  struct Body {
    static Task<int> middle(bool later) { co_return co_await fail(later) + 1; }
    static Task<std::string> run(bool later) {
      std::string caught;
      try {
        co_await middle(later);
      } catch (const std::runtime_error& e) {
        caught = e.what();
      }
      co_await yield();
      co_return caught;
    }
  };
  for (const bool later : {false, true}) {
    TestLoop loop;
    EXPECT_EQ(loop.run(Body::run(later)), "broken");
    EXPECT_THROW(loop.run(Body::middle(later)), std::runtime_error);
  }
}

TEST(Task, GivesWhatCanOnlyBeMoved) {
  struct Body {
    static Task<std::unique_ptr<int>> make(int n) {
      auto p = std::make_unique<int>(n);
      co_return p;
    }
    static Task<std::unique_ptr<int>> pass(int n) { co_return co_await make(n); }
  };
  TestLoop loop;
  EXPECT_EQ(*loop.run(Body::pass(5)), 5);
}

TEST(Task, ReturnsAResultInEveryWayThatReads) {
  using R = Result<std::string>;
  struct Body {
    static Task<R> code_and_text() { co_return {StatusCode::kNotFound, "no such name"}; }
    static Task<R> value() { co_return std::string("value"); }
    static Task<R> constant() {
      const std::string text = "constant";
      co_return text;
    }
    static Task<R> reference(const std::string& text) { co_return text; }
    static Task<R> local() {
      std::string text = "a text that is too long for the small string buffer";
      co_return text;
    }
    static Task<R> status() {
      Status s(StatusCode::kAborted, "gone");
      co_return s;
    }
    static Task<R> result() {
      R r("result");
      co_return r;
    }
    static Task<Result<std::unique_ptr<int>>> moved() {
      auto p = std::make_unique<int>(3);
      co_return p;
    }
    static Task<Status> plain_status() { co_return {StatusCode::kInternal, "text"}; }
    static Task<Status> ok_status() { co_return Status(); }
  };
  TestLoop loop;
  EXPECT_EQ(loop.run(Body::code_and_text()).status(), Status(StatusCode::kNotFound, "no such name"));
  EXPECT_EQ(*loop.run(Body::value()), "value");
  EXPECT_EQ(*loop.run(Body::constant()), "constant");
  const std::string text = "reference";
  EXPECT_EQ(*loop.run(Body::reference(text)), "reference");
  EXPECT_EQ(*loop.run(Body::local()), "a text that is too long for the small string buffer");
  EXPECT_EQ(loop.run(Body::status()).status(), Status(StatusCode::kAborted, "gone"));
  EXPECT_EQ(*loop.run(Body::result()), "result");
  EXPECT_EQ(**loop.run(Body::moved()), 3);
  EXPECT_EQ(loop.run(Body::plain_status()), Status(StatusCode::kInternal, "text"));
  EXPECT_EQ(loop.run(Body::ok_status()), Status());
}

// Gives frames of exactly the size that was asked for, and gets each back.
struct CountingAllocator : detail::FrameAllocator {
  void* allocate_frame(std::size_t size) override {
    ++given;
    bytes += size;
    return ::operator new(size);
  }
  void free_frame(void* frame, std::size_t size) override {
    ++taken;
    bytes -= size;
    ::operator delete(frame);
  }
  int given = 0, taken = 0;
  std::size_t bytes = 0;
};
struct CallContext : CountingAllocator {
  int number = 7;
};

Task<int> free_function(CallContext& context, const std::string& text) {
  co_await yield();
  co_return context.number + static_cast<int>(text.size());
}
struct Handler {
  virtual ~Handler() = default;
  virtual Task<int> handle(CallContext& context, const std::string& text) {
    co_await yield();
    co_return context.number + static_cast<int>(text.size()) + base;
  }
  Task<int> const_handle(CallContext& context) const { co_return context.number + base; }
  Task<int> without(const std::string& text) { co_return static_cast<int>(text.size()) + base; }
  int base = 100;
};

TEST(Task, TakesItsFrameFromTheContextOfItsCall) {
  TestLoop loop;
  CallContext context;
  const std::string text = "abc";
  EXPECT_EQ(loop.run(free_function(context, text)), 10);
  EXPECT_EQ(context.given, 1);
  Handler handler;
  EXPECT_EQ(loop.run(handler.handle(context, text)), 110);
  EXPECT_EQ(context.given, 2);
  EXPECT_EQ(loop.run(handler.const_handle(context)), 107);
  EXPECT_EQ(context.given, 3);
  const auto lambda = [](CallContext& c, std::string s) -> Task<int> {
    co_return c.number + static_cast<int>(s.size());
  };
  EXPECT_EQ(loop.run(lambda(context, text)), 10);
  EXPECT_EQ(context.given, 4);
  EXPECT_EQ(context.taken, 4);
  EXPECT_EQ(context.bytes, 0u);
  EXPECT_EQ(loop.run(handler.without(text)), 103);
  EXPECT_EQ(context.given, 4);
  { Task<int> unstarted = handler.handle(context, text); }
  EXPECT_EQ(context.taken, context.given);  // clang may do without the frame
}

TEST(Task, YieldLetsWhatIsReadyGoFirst) {
  struct Body {
    static Task<void> say(std::vector<std::string>& said, std::string who) {
      for (int i = 0; i < 3; ++i) {
        said.push_back(who + std::to_string(i));
        co_await yield();
      }
    }
  };
  TestLoop loop;
  std::vector<std::string> said;
  std::vector<Task<void>> tasks;
  tasks.push_back(Body::say(said, "a"));
  tasks.push_back(Body::say(said, "b"));
  loop.run_all(std::move(tasks));
  EXPECT_EQ(said, (std::vector<std::string>{"a0", "b0", "a1", "b1", "a2", "b2"}));
}

TEST(Task, MayBeHeldMovedAndAwaitedLater) {
  struct Body {
    static Task<int> run() {
      std::vector<Task<int>> tasks;
      for (int i = 0; i < 10; ++i) tasks.push_back(i % 2 ? give(i) : give_after_yield(i));
      int sum = 0;
      for (Task<int>& task : tasks) sum += co_await std::move(task);
      co_return sum;
    }
  };
  TestLoop loop;
  EXPECT_EQ(loop.run(Body::run()), 45);
}

Task<void> wait_a_turn() { co_await yield(); }

TEST(TaskDeathTest, DestroyedWhileItWaitsEndsTheProcess) {
  TestLoop loop(1);
  struct Ended : Runnable {
    Ended() : Runnable([](Runnable&) noexcept {}) {}
  } ended;
  EXPECT_DEATH(loop.lead_and([&] { EXPECT_FALSE(wait_a_turn().start(*loop, ended)); }),
               "^sluice: a Task was destroyed while it waits");
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wreturn-type"
Task<Result<int>> forget_result() { co_await yield(); }
Task<Status> forget_status() { co_await yield(); }
[[maybe_unused]] Task<int> forget_int() { co_await yield(); }
#pragma GCC diagnostic pop

// Not run with clang, which makes code of these that may do anything (tests/excluded.txt).
TEST(Task, ThatForgetsToReturnFails) {
  TestLoop loop(1);
  const Status wanted(StatusCode::kInternal, "a coroutine reached its end without a co_return");
  EXPECT_EQ(loop.run(forget_result()).status(), wanted);
  EXPECT_EQ(loop.run(forget_status()), wanted);
}

TEST(TaskDeathTest, MistakesEndTheProcessWithTheirName) {
  TestLoop loop;
#if !defined(__clang__)
  EXPECT_DEATH(loop.run(forget_int()), "^sluice: a coroutine reached its end without a co_return");
#endif
  EXPECT_DEATH(loop.run(Task<int>()), "^sluice: an empty Task was awaited or started: it was made by Task()");
  struct Body {
    static Task<void> await_empty() {
      Task<int> none;
      (void)co_await std::move(none);
    }
    static Task<void> await_twice() {
      Task<int> task = give(1);
      (void)co_await std::move(task);
      (void)co_await std::move(task);
    }
  };
  EXPECT_DEATH(loop.run(Body::await_empty()), "^sluice: an empty Task was awaited or started");
  EXPECT_DEATH(loop.run(Body::await_twice()), "^sluice: a Task was awaited or started twice");
}

// So that generic code sees who can be awaited where.
struct ForeignPromise {};
template <class Awaiter, class P>
concept CanSuspend = requires(Awaiter a, std::coroutine_handle<P> h) {
  a.await_suspend(h);
};
static_assert(CanSuspend<Task<int>::Awaiter, Promise<void>>);
static_assert(!CanSuspend<Task<int>::Awaiter, ForeignPromise>);
static_assert(CanSuspend<Yield, Promise<int>> && !CanSuspend<Yield, ForeignPromise>);

}  // namespace
}  // namespace sluice::inline v0
