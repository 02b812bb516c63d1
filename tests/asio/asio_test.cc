// sluice/asio.h: a Loop inside an io_context, and operations that Asio's coroutines, callbacks and futures
// wait for. Compiled once with Asio and once with Boost.Asio.
#include "sluice/asio.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice {
namespace {

using support::bytes;
using support::kUnary;
using support::text_of;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// "held" is answered when its call is cancelled, "late" after a while, the rest at once.
class Service final : public support::RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    const std::string text = request.to_string();
    if (text == "refused") co_return Status(StatusCode::kNotFound, "nobody is called so");
    if (text == "held") {
      ++held;
      (void)co_await sleep(1h, context);
    }
    if (text == "late") (void)co_await sleep(20ms, context);
    co_return Chain(request);
  }
  std::atomic<int> held{0};
};

// An io_context, and a client and a server on a loop in it. Everything that sluice made is gone at the end.
class Bridged {
 public:
  explicit Bridged(RuntimeOptions options = {}) : runtime(std::move(options)), loop(io, runtime.loop()) {}
  ~Bridged() {
    loop.stop();
    server.reset();
    channel = {};
    support::expect_idle(runtime);
  }
  // Runs the io_context until the coroutine has ended; rethrows what it threw.
  void run(aio::awaitable<void> coroutine) {
    ASSERT_TRUE(loop.start().ok());
    std::exception_ptr failed;
    aio::co_spawn(io, std::move(coroutine), [&](std::exception_ptr error) {
      failed = error;
      loop.stop();
    });
    io.run();
    io.restart();
    if (failed) std::rethrow_exception(failed);
  }
  Op<Chain> call(const Chain& request, const CallOptions& options = {}) {
    return channel.invoke(kUnary, request, options);
  }

  aio::io_context io;
  Runtime runtime;
  Service service;
  std::optional<support::ServedRaw> server{std::in_place, runtime, service};
  Channel channel = server->channel();
  AsioLoop loop;
};

aio::awaitable<void> call_once(Bridged& b) {
  const Chain request = bytes("hello");
  Result<Chain> reply = co_await async_get(b.call(request), aio::use_awaitable);
  EXPECT_EQ(text_of(reply), "hello");
}

TEST(AsyncGet, GivesTheReplyToACoroutine) {
  Bridged b;
  b.run(call_once(b));
}

aio::awaitable<void> call_in_vain(Bridged& b) {
  const Chain request = bytes("refused");
  Result<Chain> reply = co_await async_get(b.call(request), aio::use_awaitable);
  EXPECT_EQ(reply.status(), Status(StatusCode::kNotFound, "nobody is called so"));
}

TEST(AsyncGet, GivesTheStatusOfACallThatFailed) {
  Bridged b;
  b.run(call_in_vain(b));
}

aio::awaitable<void> stream(Bridged& b) {
  const Chain request = bytes("hello");
  auto stream = b.server->bidi();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(co_await async_get(stream.write(request), aio::use_awaitable), Status());
    Read<Chain> reply = co_await async_get(stream.read(), aio::use_awaitable);
    EXPECT_EQ(reply ? reply->to_string() : "none", "hello");
  }
  EXPECT_EQ(co_await async_get(stream.close_write(), aio::use_awaitable), Status());
  Chain none;
  EXPECT_FALSE(co_await async_get(stream.read_into(none), aio::use_awaitable));
  EXPECT_EQ(co_await async_get(stream.finish(), aio::use_awaitable), Status());
}

TEST(AsyncGet, GivesTheOutcomeOfEveryOperationOfAStream) {
  Bridged b;
  b.run(stream(b));
}

TEST(AsyncGet, PostsTheCompletionToTheExecutorOfItsHandler) {
  Bridged b;
  ASSERT_TRUE(b.loop.start().ok());
  const auto strand = aio::make_strand(b.io);
  const Chain request = bytes("hello");
  std::string got;
  async_get(b.call(request), aio::bind_executor(strand, [&](Result<Chain> reply) {
              EXPECT_TRUE(strand.running_in_this_thread());
              EXPECT_FALSE(b.runtime.loop().leads()) << "the handler would hold up the loop";
              got = text_of(reply);
              b.loop.stop();
            }));
  EXPECT_EQ(got, "") << "it is not called within async_get";
  b.io.run();
  EXPECT_EQ(got, "hello");
}

TEST(AsyncGet, GivesAFuture) {
  Bridged b({.threads = 1});
  const Chain request = bytes("hello");
  std::future<Result<Chain>> reply = async_get(b.call(request), aio::use_future);
  EXPECT_EQ(text_of(reply.get()), "hello");
}

TEST(AsyncGet, TakesACallInFlight) {
  Bridged b;
  ASSERT_TRUE(b.loop.start().ok());
  const Chain request = bytes("hello");
  Call<Chain> call = b.call(request).start();
  std::string got;
  async_get(std::move(call), aio::bind_executor(b.io, [&](Result<Chain> reply) {
              got = text_of(reply);
              b.loop.stop();
            }));
  b.io.run();
  EXPECT_EQ(got, "hello");
}

TEST(AsyncGet, KeepsTheContextAtWorkWhileALoopWithAThreadIsNotDone) {
  Bridged b({.threads = 1});
  const Chain request = bytes("late");
  std::string got;
  async_get(b.call(request), aio::bind_executor(b.io, [&](Result<Chain> reply) { got = text_of(reply); }));
  b.io.run();
  EXPECT_EQ(got, "late");
}

aio::awaitable<void> wait_in_vain(Bridged& b, std::shared_ptr<int> lives) {
  const Chain request = bytes("held");
  (void)co_await async_get(b.call(request), aio::use_awaitable);
  ADD_FAILURE() << "nobody runs the io_context any more";
  *lives = 1;
}

TEST(AsyncGet, MayBeAbandonedInMidCall) {
  auto lives = std::make_shared<int>(0);
  {
    Bridged b;
    ASSERT_TRUE(b.loop.start().ok());
    aio::co_spawn(b.io, wait_in_vain(b, lives), aio::detached);
    while (b.service.held == 0) b.io.run_one();
    EXPECT_EQ(lives.use_count(), 2);
  }
  EXPECT_EQ(lives.use_count(), 1) << "the coroutine's frame is gone";
}

#if SLUICE_ASIO_VERSION >= 101900
TEST(AsyncGet, CancelsTheCallThroughTheSlot) {
  Bridged b;
  ASSERT_TRUE(b.loop.start().ok());
  const Chain request = bytes("held");
  aio::cancellation_signal signal;
  std::optional<Status> got;
  async_get(b.call(request),
            aio::bind_cancellation_slot(signal.slot(), aio::bind_executor(b.io, [&](Result<Chain> reply) {
                                          got = reply.status();
                                          EXPECT_FALSE(signal.slot().has_handler());
                                          b.loop.stop();
                                        })));
  while (b.service.held == 0) b.io.run_one();
  EXPECT_FALSE(got);
  signal.emit(aio::cancellation_type::terminal);
  b.io.run();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->code(), StatusCode::kCancelled);
  signal.emit(aio::cancellation_type::terminal);  // too late for anything
}

TEST(AsyncGet, MayBeCancelledWhileItEndsOnAnotherThread) {
  Bridged b({.threads = 1});
  for (int i = 0; i < 200; ++i) {
    const Chain request = bytes(i % 2 ? "held" : "hello");
    aio::cancellation_signal signal;
    int ended = 0;
    async_get(b.call(request),
              aio::bind_cancellation_slot(signal.slot(), aio::bind_executor(b.io, [&](Result<Chain> reply) {
                                            ++ended;
                                            EXPECT_TRUE(reply.ok() ||
                                                        reply.status().code() == StatusCode::kCancelled);
                                          })));
    aio::post(b.io, [&] { signal.emit(aio::cancellation_type::total); });
    b.io.run();
    b.io.restart();
    EXPECT_EQ(ended, 1);
  }
}
#endif

aio::awaitable<void> call_for_a_while(Bridged& b) {
  const Chain request = bytes("held");
  Result<Chain> reply = co_await async_get(b.call(request, {.timeout = 5ms}), aio::use_awaitable);
  EXPECT_EQ(reply.status().code(), StatusCode::kDeadlineExceeded);
}

TEST(AsioLoop, WakesUpForTheDeadlinesOfItsLoop) {
  Bridged b;
  b.run(call_for_a_while(b));
}

TEST(AsioLoop, StopsAndStartsAgain) {
  Bridged b;
  b.run(call_once(b));
  EXPECT_EQ(b.io.poll(), 0u) << "nothing is left in the io_context";
  b.io.restart();
  b.run(call_once(b));
  b.loop.stop(), b.loop.stop();
  EXPECT_TRUE(b.loop.start().ok());
  EXPECT_TRUE(b.loop.start().ok());
  b.loop.stop();
  b.io.run();
}

TEST(AsioLoop, MayBeStoppedByWhatItsPollRuns) {
  struct Stop : Runnable {
    explicit Stop(AsioLoop& l)
        : Runnable([](Runnable& self) noexcept { static_cast<Stop&>(self).loop.stop(); }), loop(l) {}
    AsioLoop& loop;
  };
  Bridged b;
  ASSERT_TRUE(b.loop.start().ok());
  Stop stop(b.loop);
  b.runtime.loop().post(stop);
  b.io.run();
}

TEST(AsioLoop, EndsWithItsPollWhenItIsStoppedFromElsewhere) {
  Bridged b;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(b.loop.start().ok());
    std::thread runs([&] { b.io.run(); });
    const Chain request = bytes("hello");
    Call<Chain> call = b.call(request).start();
    b.loop.stop();
    EXPECT_EQ(text_of(call.get()), "hello") << "the loop is free for whoever comes";
    runs.join();
    b.io.restart();
  }
}

aio::awaitable<void> call_often(Bridged& b, std::atomic<int>& ended) {
  const Chain request = bytes("hello");
  for (int i = 0; i < 20; ++i) {
    Result<Chain> reply = co_await async_get(b.call(request), aio::use_awaitable);
    EXPECT_EQ(text_of(reply), "hello");
  }
  if (++ended == 16) b.loop.stop();
}

TEST(AsioLoop, WorksWithSeveralThreadsAndWithThreadsThatGet) {
  Bridged b;
  ASSERT_TRUE(b.loop.start().ok());
  std::atomic<int> ended{0};
  for (int i = 0; i < 15; ++i) aio::co_spawn(aio::make_strand(b.io), call_often(b, ended), aio::detached);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { b.io.run(); });
  threads.emplace_back([&] {
    const Chain request = bytes("hello");
    for (int i = 0; i < 100; ++i) EXPECT_EQ(text_of(b.call(request).get()), "hello");
    if (++ended == 16) b.loop.stop();
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ended, 16);
}

TEST(AsioLoop, RefusesASimulation) {
  aio::io_context io;
  Runtime runtime({.simulation_seed = 1});
  AsioLoop loop(io, runtime.loop());
  EXPECT_EQ(loop.start(), Status(StatusCode::kFailedPrecondition, "a simulated loop runs by itself"));
}

}  // namespace
}  // namespace sluice
