// Calls that wait for a connection, and listeners that come and go under a running server.
#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lifecycle/lifecycle.h"

namespace sluice::lifecycle {
namespace {

class Waiting : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, Waiting, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

// Nobody accepts: the calls of this channel wait.
struct Queue {
  explicit Queue(Runtime& r)
      : runtime(r), listener(r.listen("pipe:slow").value()), channel(dial(r, "pipe:slow").value()) {}
  void add(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) calls.push_back(channel.invoke(kUnary, request).start());
  }
  void drop_newest(std::size_t n) { calls.erase(calls.end() - static_cast<std::ptrdiff_t>(n), calls.end()); }
  // The shortest of several tries: others use this machine too.
  Duration time_to_drop_newest(std::size_t n) {
    Duration shortest = 24h;
    for (int i = 0; i < 20; ++i) {
      const TimePoint begin = runtime.now();
      drop_newest(n);
      shortest = std::min(shortest, runtime.now() - begin);
      add(n);
    }
    return shortest;
  }
  Runtime& runtime;
  const Chain request = bytes("m");
  std::unique_ptr<net::Listener> listener;
  Channel channel;
  std::deque<Call<Chain>> calls;
};

TEST_P(Waiting, CallsAreDroppedFromEitherEndAndTheMiddle) {
  Queue queue(runtime());
  queue.add(300);
  queue.drop_newest(50);
  for (int i = 0; i < 50; ++i) queue.calls.pop_front();
  for (std::size_t i = 50; i < 150; ++i) queue.calls[i].cancel();
  for (std::size_t i = 50; i < 150; ++i) {
    EXPECT_EQ(queue.calls[i].get().status().code(), StatusCode::kCancelled);
  }
}

// To be dropped costs a call the same, however many wait beside it.
class WaitingInRealTime : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, WaitingInRealTime, ::testing::Values(support::kRealRuntimes[0]),
                         support::name_of);

TEST_P(WaitingInRealTime, NobodySearchesAmongAHundredThousandCalls) {
  Queue queue(runtime());
  queue.add(1'000);
  const Duration among_few = queue.time_to_drop_newest(500);
  queue.add(99'000);
  EXPECT_LT(queue.time_to_drop_newest(500), 8 * among_few + 1ms);
}

TEST_P(Waiting, CallsThatWaitAreServedInTheirOrder) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
      order += request.to_string();
      co_return Chain(request);
    }
    std::string order;
  } service;
  auto listener = runtime().listen("pipe:late").value();
  const Channel channel = dial(runtime(), "pipe:late").value();
  const Chain a = bytes("a"), b = bytes("b"), c = bytes("c"), d = bytes("d");
  Call<Chain> calls[] = {channel.invoke(kUnary, a).start(), channel.invoke(kUnary, b).start(),
                         channel.invoke(kUnary, c).start(), channel.invoke(kUnary, d).start()};
  calls[1].cancel();
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  ASSERT_EQ(server.serve(std::move(listener)), Status());
  EXPECT_EQ(text_of(calls[3].get()), "d");
  EXPECT_EQ(calls[1].get().status().code(), StatusCode::kCancelled);
  EXPECT_EQ(text_of(calls[0].get()), "a");
  EXPECT_EQ(text_of(calls[2].get()), "c");
  if (simulated()) {
    std::sort(service.order.begin(), service.order.end());  // handlers start in an order that the seed chose
  }
  EXPECT_EQ(service.order, "acd");
}

// These let time pass.
class WaitingInVirtualTime : public support::RuntimeTest {
 protected:
  void pass(Duration time) {
    struct Local {
      static Task<void> pass(Duration time) { (void)co_await sleep(time); }
    };
    runtime().run(Local::pass(time));
  }
};
INSTANTIATE_TEST_SUITE_P(Simulated, WaitingInVirtualTime, ::testing::ValuesIn(support::kSimulatedRuntimes),
                         support::name_of);

TEST_P(WaitingInVirtualTime, DeadlineSaysWhatTheCallWaitedFor) {
  Queue queue(runtime());
  EXPECT_EQ(
      queue.channel.invoke(kUnary, queue.request, {.timeout = 2s}).get().status(),
      Status(StatusCode::kDeadlineExceeded, "deadline exceeded while waiting for a connection to pipe:slow"));
  int dials = 0;
  auto network = std::make_shared<ScriptedNetwork>([&](net::DialOp& op, Loop&) {
    op.status = Status(StatusCode::kUnavailable, "refused");
    return ++dials == 1;
  });
  runtime().add_network("scripted", network);
  const Channel channel = dial(runtime(), "scripted:x").value();
  EXPECT_FALSE(channel.invoke(kUnary, queue.request).get().ok());
  pass(2s);
  EXPECT_EQ(channel.invoke(kUnary, queue.request, {.timeout = 2s}).get().status(),
            Status(StatusCode::kDeadlineExceeded,
                   "deadline exceeded while waiting for a connection to scripted:x; last error: refused"));
}

TEST_P(WaitingInVirtualTime, CallThatWaitsForAStreamIsCountedAndTheFirstIsLogged) {
  HeldService service(3);
  ServedRaw served(runtime(), service, {.server = {.max_concurrent_streams = 3}});
  const Channel& channel = served.channel();
  const Chain request = bytes("m");
  std::vector<Call<Chain>> running;
  for (int i = 0; i < 3; ++i) running.push_back(served.unary(request).start());
  runtime().run(service.running.wait());
  Call<Chain> first = served.unary(request, {.timeout = 3s}).start();
  pass(500ms);
  Call<Chain> second = served.unary(request, {.timeout = 3s}).start();
  Call<Chain> brief = served.unary(request, {.timeout = 900ms}).start();
  pass(499ms);
  EXPECT_EQ(channel.long_waits(), 0u);
  pass(2ms);
  EXPECT_EQ(channel.long_waits(), 1u);
  const std::string streams = "one of 3 streams of the connection to pipe:served";
  EXPECT_EQ(log().at(LogLevel::kWarning),
            std::vector<std::string>{"call /test.Raw/Unary has waited for 1 s for " + streams});
  pass(1s);
  EXPECT_EQ(channel.long_waits(), 2u) << "not the one whose deadline came before";
  EXPECT_EQ(log().at(LogLevel::kWarning).size(), 1u);
  for (Call<Chain>* call : {&first, &second, &brief}) {
    EXPECT_EQ(call->get().status(),
              Status(StatusCode::kDeadlineExceeded, "deadline exceeded while waiting for " + streams));
  }
  service.let_go.count_down();
  for (Call<Chain>& call : running) EXPECT_EQ(text_of(call.get()), "m");
  EXPECT_EQ(text_of(served.unary(request).get()), "m");
  EXPECT_EQ(channel.long_waits(), 2u);
}

// A wait for a connection is none for a stream, and begins to be one when a connection comes.
TEST_P(WaitingInVirtualTime, WaitForAStreamBeginsWithTheConnection) {
  HeldService service(1);
  auto listener = runtime().listen("pipe:late").value();
  const Channel channel = dial(runtime(), "pipe:late").value();
  const Chain request = bytes("m");
  Call<Chain> running = channel.invoke(kUnary, request).start();
  Call<Chain> waits = channel.invoke(kUnary, request).start();
  pass(5s);
  Server server(runtime(), {.max_concurrent_streams = 1});
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  ASSERT_EQ(server.serve(std::move(listener)), Status());
  pass(999ms);
  EXPECT_EQ(channel.long_waits(), 0u);
  pass(2ms);
  EXPECT_EQ(channel.long_waits(), 1u);
  service.let_go.count_down();
  EXPECT_EQ(text_of(running.get()), "m");
  EXPECT_EQ(text_of(waits.get()), "m");
}

class Listeners : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, Listeners, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

std::vector<std::string> names_of(const Server& server) {
  std::vector<std::string> names;
  for (const Addr& addr : server.addrs()) names.push_back(addr.to_string());
  return names;
}

TEST_P(Listeners, AreNamedInTheOrderOfServing) {
  RawService service;
  ServedRaw served(runtime(), service, {.address = "pipe:a"});
  EXPECT_EQ(names_of(served.server()), std::vector<std::string>{"pipe:a"});
  ASSERT_EQ(served.server().serve(runtime().listen("pipe:c").value()), Status());
  ASSERT_EQ(served.server().serve(runtime().listen("pipe:b").value()), Status());
  EXPECT_EQ(names_of(served.server()), (std::vector<std::string>{"pipe:a", "pipe:c", "pipe:b"}));
  served.server().close();
  EXPECT_EQ(names_of(served.server()), std::vector<std::string>());
}

TEST_P(Listeners, OneIsTakenFromARunningServer) {
  HeldService service(1);
  ServedRaw served(runtime(), service, {.address = "pipe:a"});
  Server& server = served.server();
  ASSERT_EQ(server.serve(runtime().listen("pipe:b").value()), Status());
  const Channel through_b = dial(runtime(), "pipe:b").value();
  const Chain request = bytes("m");
  Call<Chain> running = through_b.invoke(kUnary, request).start();
  runtime().run(service.running.wait());

  EXPECT_EQ(server.stop_listening(Addr("pipe", "b")), Status());
  EXPECT_EQ(names_of(server), std::vector<std::string>{"pipe:a"});
  const Channel late = dial(runtime(), "pipe:b").value();
  expect_names(late.invoke(kUnary, request).get().status(), StatusCode::kUnavailable,
               "nobody listens on pipe:b");
  expect_names(server.stop_listening(Addr("pipe", "b")), StatusCode::kNotFound,
               "the server does not listen on pipe:b");

  service.let_go.count_down();
  EXPECT_EQ(text_of(running.get()), "m") << "the connection lives on";
  EXPECT_EQ(text_of(through_b.invoke(kUnary, request).get()), "m");
  EXPECT_EQ(text_of(served.unary(request).get()), "m") << "the other listener too";
  ASSERT_EQ(server.serve(runtime().listen("pipe:b").value()), Status()) << "the name is free again";
}

TEST_P(Listeners, OneThatWasClosedElsewhereIsForgotten) {
  RawService service;
  ServedRaw served(runtime(), service, {.address = "pipe:a"});
  EXPECT_EQ(served.server().stop_listening(Addr("pipe", "nothing")).code(), StatusCode::kNotFound);
  EXPECT_EQ(served.server().stop_listening(Addr("pipe", "a")), Status());
  EXPECT_EQ(names_of(served.server()), std::vector<std::string>());
  ASSERT_EQ(served.server().serve(runtime().listen("pipe:a").value()), Status());
  const Chain request = bytes("m");
  EXPECT_EQ(text_of(served.unary(request).get()), "m");
}

}  // namespace
}  // namespace sluice::lifecycle
