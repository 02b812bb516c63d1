// What crosses from one Runtime to another while either goes: made and destroyed over and over, for
// sanitizers.
#include <thread>

#include "lifecycle/lifecycle.h"

namespace sluice::lifecycle {
namespace {

// Enough for sanitizers to see it; a fraction of a second, and not for ever on a machine that is busy.
constexpr int kRounds = 40;

// Two Runtimes with threads that share their pipes. `near` is the one that goes first.
struct TwoRuntimes {
  std::shared_ptr<net::MemoryNetwork> pipes = std::make_shared<net::MemoryNetwork>();
  std::unique_ptr<Runtime> far = make();
  std::unique_ptr<Runtime> near = make();
  std::unique_ptr<Runtime> make() const {
    return std::make_unique<Runtime>(RuntimeOptions{.threads = 1, .memory_network = pipes});
  }
};

// Calls through a pipe that leads from one Runtime to the other.
TEST(Crossing, PipesWhoseEndsGo) {
  for (int i = 0; i < kRounds; ++i) {
    TwoRuntimes two;
    RawService service;
    Server server(*two.far);
    ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
    ASSERT_EQ(server.serve(two.far->listen("pipe:far").value()), Status());
    const Chain request = bytes("m");
    {
      const Channel channel = dial(*two.near, "pipe:far").value();
      EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "m");
      if (i % 2 == 0) auto dropped = channel.invoke(kUnary, request).start();
    }
    two.near.reset();
    if (i % 3 == 0) server.close();
  }
}

// A server's Runtime that goes while clients of another one write to it.
TEST(Crossing, PipesWhoseServerGoes) {
  for (int i = 0; i < kRounds; ++i) {
    TwoRuntimes two;
    RawService service;
    auto server = std::make_unique<Server>(*two.near);
    ASSERT_EQ(server->register_service(RawService::desc(), &service), Status());
    ASSERT_EQ(server->serve(two.near->listen("pipe:near").value()), Status());
    const Channel channel = dial(*two.far, "pipe:near").value();
    const Chain request = bytes("m");
    EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "m");
    std::vector<Call<Chain>> calls;
    for (int n = 0; n < 4; ++n) calls.push_back(channel.invoke(kUnary, request).start());
    server.reset();
    two.near.reset();
    for (Call<Chain>& call : calls) (void)call.get();
  }
}

// A coroutine of the Runtime that goes awaits what another one does: operations, calls in flight, blocking
// work.
Task<void> await_all(Runtime& far, const Channel& channel, const Chain& request) {
  const Result<Chain> reply = co_await channel.invoke(kUnary, request);
  EXPECT_EQ(text_of(reply), "m");
  Call<Chain> call = channel.invoke(kUnary, request).start();
  const Result<Chain> second = co_await call;
  EXPECT_EQ(text_of(second), "m");
  const int three = co_await far.run_blocking([] { return 3; });
  EXPECT_EQ(three, 3);
}

enum class Last { kOperation, kCall, kBlocking };

// Ends with one of them, and with it the Runtime that it runs on.
Task<void> await_last(Runtime& far, const Channel& channel, const Chain& request, Last last) {
  co_await await_all(far, channel, request);
  if (last == Last::kOperation) (void)co_await channel.invoke(kUnary, request);
  if (last == Last::kCall) {
    Call<Chain> call = channel.invoke(kUnary, request).start();
    (void)co_await call;
  }
  if (last == Last::kBlocking) co_await far.run_blocking([] {});
}

TEST(Crossing, CoroutinesThatAwaitAnotherRuntime) {
  RawService service;
  const Chain request = bytes("m");
  Runtime far({.threads = 1});
  ServedRaw served(far, service);
  for (int i = 0; i < kRounds; ++i) {
    for (const Last last : {Last::kOperation, Last::kCall, Last::kBlocking}) {
      Runtime near;  // without a thread: it goes as soon as run() returns
      near.run(await_last(far, served.channel(), request, last));
    }
  }
}

}  // namespace
}  // namespace sluice::lifecycle
