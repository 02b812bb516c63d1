// Servers and Runtimes that are destroyed where they cannot wait: on a loop of their own Runtime.
#include "lifecycle/lifecycle.h"
#include "sluice/testing/client_of.h"
#include "support/greeter.h"

namespace sluice::lifecycle {
namespace {

using support::Greeter;

// Sleeps after its caller has given up, and then uses the service.
struct Slow final : RawService {
  Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
    if (request.to_string() != "slow") co_return Chain(request);
    (void)co_await sleep(30ms);
    seen.push_back(text);
    co_return Chain(request);
  }
  const std::string text = "a service that is alive, with a text too long for the small buffer";
  std::vector<std::string> seen;
};

enum class Leaving { kIdle, kBusy, kStopped };

// Service, server and channel in one coroutine, as a program might that runs whole in it.
Task<void> world(Runtime& runtime, Leaving leaving) {
  Slow service;
  Server server(runtime);
  EXPECT_EQ(server.register_service(RawService::desc(), &service), Status());
  EXPECT_EQ(server.serve(runtime.listen("pipe:world").value()), Status());
  const Channel channel = dial(runtime, "pipe:world").value();
  const Chain fast = bytes("fast"), slow = bytes("slow");
  const Result<Chain> reply = co_await channel.invoke(kUnary, fast);
  EXPECT_EQ(text_of(reply), "fast");
  if (leaving == Leaving::kIdle) co_return;
  const Result<Chain> late = co_await channel.invoke(kUnary, slow, {.timeout = 5ms});
  EXPECT_EQ(late.status().code(), StatusCode::kDeadlineExceeded);
  if (leaving == Leaving::kBusy) co_return;
  const Result<StopReport> report = co_await server.stop(runtime.now());
  EXPECT_TRUE(report.ok()) << report.status();
  const Status drained = co_await server.drain();
  EXPECT_EQ(drained, Status());
  EXPECT_EQ(service.seen, std::vector<std::string>{service.text});
}

// The Runtimes of this suite: simulated, without threads, with one and with two.
class OwnLoop : public ::testing::TestWithParam<int> {
 protected:
  static RuntimeOptions options(int threads) {
    RuntimeOptions options;
    if (threads < 0) options.simulation_seed = 3;
    if (threads > 0) options.threads = static_cast<unsigned>(threads);
    return options;
  }
  static std::unique_ptr<Runtime> make(LogSink sink = {}) {
    RuntimeOptions made = options(GetParam());
    made.log = std::move(sink);
    return std::make_unique<Runtime>(std::move(made));
  }
};
INSTANTIATE_TEST_SUITE_P(Threads, OwnLoop, ::testing::Values(-1, 0, 1, 2), [](const auto& info) {
  return info.param < 0 ? std::string("Simulated") : "With" + std::to_string(info.param);
});

TEST_P(OwnLoop, AServerWithoutHandlersGoesQuietly) {
  support::LogCollector log;
  auto runtime = make(log.sink());
  runtime->run(world(*runtime, Leaving::kIdle));
  runtime->run(world(*runtime, Leaving::kIdle));  // its name is free again
  support::expect_idle(*runtime);
  EXPECT_EQ(log.at(LogLevel::kError), std::vector<std::string>());
  EXPECT_EQ(log.at(LogLevel::kWarning), std::vector<std::string>());
}

TEST_P(OwnLoop, AServerThatWasStoppedAndDrainedGoesQuietly) {
  support::LogCollector log;
  auto runtime = make(log.sink());
  runtime->run(world(*runtime, Leaving::kStopped));
  support::expect_idle(*runtime);
  EXPECT_EQ(log.at(LogLevel::kError), std::vector<std::string>());
}

// A service that the server shares lives as long as its handlers, so nobody need wait for them.
TEST_P(OwnLoop, AServerLeavesItsSharedServicesToTheHandlers) {
  struct Impl final : Greeter {
    explicit Impl(std::atomic<int>& c) : count(c) {}
    ~Impl() override { ++count; }
    Task<Result<support::HelloReply>> SayHello(ServerContext& context,
                                               const support::HelloRequest&) override {
      (void)co_await sleep(24h, context.context());
      (void)co_await sleep(1ms);
      co_return support::greeting_of(text);
    }
    std::atomic<int>& count;
    const std::string text = "a service that is alive, with a text too long for the small buffer";
  };
  struct Body {
    static Task<void> run(Runtime& runtime, std::atomic<int>& gone) {
      Server server(runtime);
      EXPECT_EQ(server.register_service(std::make_shared<Impl>(gone)), Status());
      EXPECT_EQ(server.serve(runtime.listen("pipe:shared").value()), Status());
      helloworld::Greeter::Stub stub(dial(runtime, "pipe:shared").value());
      const support::HelloRequest request = support::request_of("x");
      const Result<support::HelloReply> reply = co_await stub.SayHello(request, {.timeout = 2ms});
      EXPECT_FALSE(reply.ok());
    }
  };
  std::atomic<int> gone = 0;
  auto runtime = make();
  runtime->run(Body::run(*runtime, gone));
  const auto pause = []() -> Task<void> { (void)co_await sleep(1ms); };
  for (int i = 0; i < 5000 && gone == 0; ++i) runtime->run(pause());
  EXPECT_EQ(gone, 1);
  support::expect_idle(*runtime);
}

constexpr char kServerText[] =
    "^sluice: a Server was destroyed on a loop of its Runtime, where it cannot wait, while 1 of its handlers "
    "run.*: "
    "co_await stop\\(deadline\\)";

TEST(OwnLoopDeathTest, AServerWithAHandlerEndsTheProcess) {
  for (const unsigned threads : {0u, 1u, 2u}) {
    EXPECT_DEATH(
        {
          Runtime runtime({.threads = threads});
          runtime.run(world(runtime, Leaving::kBusy));
        },
        kServerText);
  }
}

// Its handlers never end by themselves. Not within the coroutine below: g++ 12 fails on that with its thread
// sanitizer.
struct NeverEnds final : RawService {
  explicit NeverEnds(Latch& r) : running(r) {}
  Task<Result<Chain>> unary(ServerContext& context, const Chain&) override {
    running.count_down();
    (void)co_await sleep(24h, context.context());
    (void)co_await sleep(24h);
    co_return Chain();
  }
  Latch& running;
};

Task<void> server_whose_handlers_run_on_two_loops(Runtime& runtime) {
  Latch running(8);
  NeverEnds service(running);
  Server server(runtime);
  EXPECT_EQ(server.register_service(RawService::desc(), &service), Status());
  EXPECT_EQ(server.serve(runtime.listen("tcp:127.0.0.1:0").value()), Status());
  // Both loops accept; of several connections the other one takes some.
  const Chain request = bytes("m");
  std::vector<Channel> channels;
  std::vector<Call<Chain>> calls;
  for (int i = 0; i < 8; ++i) {
    channels.push_back(dial(runtime, server.addrs()[0].to_string()).value());
    calls.push_back(channels.back().invoke(kUnary, request).start());
  }
  co_await running.wait();
}

// The handler runs on another loop than the coroutine that the server is in.
TEST(OwnLoopDeathTest, AServerWithAHandlerOnAnotherLoopEndsTheProcess) {
  EXPECT_DEATH(
      {
        Runtime runtime({.threads = 2});
        runtime.run(server_whose_handlers_run_on_two_loops(runtime));
      },
      "^sluice: a Server was destroyed on a loop of its Runtime");
}

TEST(OwnLoopDeathTest, ARuntimeEndsTheProcess) {
  constexpr char kText[] = "^sluice: a Runtime was destroyed on a thread that runs one of its loops";
  struct Body {
    static Task<void> runtime(std::unique_ptr<Runtime> runtime) {
      co_await yield();
      runtime.reset();
    }
    static Task<void> client(Greeter& greeter) {
      auto client = std::make_unique<testing::ClientOf<helloworld::Greeter>>(greeter);
      run_on(client->runtime().loop(), [&client] { client.reset(); });
      co_return;
    }
  };
  EXPECT_DEATH(
      {
        auto owned = std::make_unique<Runtime>();
        Runtime& runtime = *owned;
        runtime.run(Body::runtime(std::move(owned)));
      },
      kText);
  EXPECT_DEATH(
      {
        Greeter greeter;
        Runtime outer;
        outer.run(Body::client(greeter));
      },
      kText);
}

TEST(OwnLoopDeathTest, ARuntimeOnAWorkerOfItsOwnEndsTheProcess) {
  struct Body {
    static Task<void> run(std::unique_ptr<Runtime>& owned) {
      Runtime& runtime = *owned;
      co_await runtime.run_blocking([&owned] { delete owned.release(); });
    }
  };
  EXPECT_DEATH(
      {
        auto owned = std::make_unique<Runtime>(RuntimeOptions{.threads = 1});
        Runtime other;
        other.run(Body::run(owned));
      },
      "^sluice: a BlockingPool, or its Runtime, was destroyed on one of its own workers");
}

TEST(OwnLoopDeathTest, ARuntimeWithACallOnItEndsTheProcess) {
  EXPECT_DEATH(
      {
        std::optional<Call<Chain>> call;
        const Chain request = bytes("m");
        Runtime runtime({}, detail::Assertions::kOn);
        auto listener = runtime.listen("pipe:deaf").value();
        call.emplace(dial(runtime, "pipe:deaf").value().invoke(kUnary, request).start());
      },
      "^sluice: a loop was destroyed while something lives on it: .*streams 1");
}

// Though they have nothing on it yet.
TEST(OwnLoopDeathTest, ARuntimeThatGoesBeforeAChannelEndsTheProcess) {
  EXPECT_DEATH(
      {
        Channel channel;
        Runtime runtime({}, detail::Assertions::kOn);
        channel = dial(runtime, "pipe:x").value();
      },
      "^sluice: a loop was destroyed while something lives on it: channels and servers 1; ");
}

TEST(OwnLoopDeathTest, ARuntimeThatGoesBeforeAServerEndsTheProcess) {
  EXPECT_DEATH(
      {
        std::optional<Server> server;
        Runtime runtime({}, detail::Assertions::kOn);
        server.emplace(runtime);
      },
      "^sluice: a loop was destroyed while something lives on it: channels and servers 1; ");
}

}  // namespace
}  // namespace sluice::lifecycle
