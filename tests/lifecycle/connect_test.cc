// A channel's connections: when they are made, how often it tries, what its calls see of that.
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "http2/session_test_util.h"
#include "lifecycle/lifecycle.h"

namespace sluice::lifecycle {
namespace {

class Connecting : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, Connecting, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

// These look at the clock, or answer dials on the one loop there is.
class ConnectingInVirtualTime : public support::RuntimeTest {
 protected:
  void pass(Duration time) {
    struct Local {
      static Task<void> pass(Duration time) { (void)co_await sleep(time); }
    };
    runtime().run(Local::pass(time));
  }
};
INSTANTIATE_TEST_SUITE_P(Simulated, ConnectingInVirtualTime, ::testing::ValuesIn(support::kSimulatedRuntimes),
                         support::name_of);

TEST_P(Connecting, IsLazy) {
  Channel channel = dial(runtime(), "pipe:later").value();
  EXPECT_EQ(channel.state(), ConnectivityState::kIdle);
  RawService service;
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  ASSERT_EQ(server.serve(runtime().listen("pipe:later").value()), Status());
  const Chain request = bytes("m");
  EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "m");
  EXPECT_EQ(channel.state(), ConnectivityState::kReady);
}

TEST_P(Connecting, ListenerThatIsServedLaterAnswersTheCallsThatWait) {
  std::unique_ptr<net::Listener> listener = runtime().listen("pipe:slow").value();
  Channel channel = dial(runtime(), "pipe:slow").value();
  const Chain request = bytes("m");
  Call<Chain> first = channel.invoke(kUnary, request).start();
  auto stream = bidi(channel);
  Call<Status> written = stream.write(request).start();
  RawService service;
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  ASSERT_EQ(server.serve(std::move(listener)), Status());
  EXPECT_EQ(text_of(first.get()), "m");
  EXPECT_EQ(written.get(), Status());
  const Read<Chain> echo = stream.read().get();
  EXPECT_EQ(echo ? echo->to_string() : "none", "m");
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(Connecting, ReconnectsToAServerThatWasRestarted) {
  RawService service;
  const Chain request = bytes("m");
  Channel channel = dial(runtime(), "pipe:again").value();
  for (int i = 0; i < 5; ++i) {
    Server server(runtime());
    ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
    ASSERT_EQ(server.serve(runtime().listen("pipe:again").value()), Status());
    // The end of the old connection may be on its way still.
    Result<Chain> reply = channel.invoke(kUnary, request).get();
    if (i > 0 && !reply.ok()) {
      EXPECT_EQ(reply.status().code(), StatusCode::kUnavailable);
      reply = channel.invoke(kUnary, request).get();
    }
    EXPECT_EQ(text_of(reply), "m") << "server " << i;
  }
}

TEST_P(Connecting, ListenerThatClosesFailsTheCallsThatWait) {
  std::unique_ptr<net::Listener> listener = runtime().listen("pipe:closes").value();
  Channel channel = dial(runtime(), "pipe:closes").value();
  const Chain request = bytes("m");
  Call<Chain> call = channel.invoke(kUnary, request).start();
  auto stream = bidi(channel);
  Call<Read<Chain>> read = stream.read().start();
  EXPECT_EQ(listener->close(), Status());
  expect_names(call.get().status(), StatusCode::kUnavailable, "pipe:closes");
  EXPECT_FALSE(read.get());
  expect_names(stream.finish().get(), StatusCode::kUnavailable, "pipe:closes");
}

TEST_P(Connecting, ChannelClosedMeanwhileCancelsItsDialAndItsCalls) {
  std::unique_ptr<net::Listener> listener = runtime().listen("pipe:mute").value();
  Channel channel = dial(runtime(), "pipe:mute").value();
  const Chain request = bytes("m");
  Call<Chain> call = channel.invoke(kUnary, request).start();
  auto stream = bidi(channel);
  Call<Status> header = stream.wait_header().start();
  channel.close();
  channel.close();
  expect_names(call.get().status(), StatusCode::kCancelled, "channel is closed");
  expect_names(header.get(), StatusCode::kCancelled, "channel is closed");
  expect_names(stream.finish().get(), StatusCode::kCancelled, "channel is closed");
  EXPECT_EQ(channel.state(), ConnectivityState::kShutdown);
}

TEST_P(ConnectingInVirtualTime, CallsFailFastBetweenAttempts) {
  Channel channel = dial(runtime(), "pipe:nobody").value();
  const Chain request = bytes("m");
  const TimePoint begin = runtime().now();
  const Status first = channel.invoke(kUnary, request).get().status();
  expect_names(first, StatusCode::kUnavailable, "nobody listens on pipe:nobody");
  EXPECT_EQ(channel.state(), ConnectivityState::kTransientFailure);
  RawService service;
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  ASSERT_EQ(server.serve(runtime().listen("pipe:nobody").value()), Status());
  // The same cause, and no new attempt.
  const std::string told = std::string(first.message()) + "; the next attempt is in ";
  expect_names(channel.invoke(kUnary, request).get().status(), StatusCode::kUnavailable, told);
  EXPECT_EQ(runtime().now(), begin) << "at once";
  pass(799ms);
  expect_names(channel.invoke(kUnary, request).get().status(), StatusCode::kUnavailable, told);
  pass(401ms);
  EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "m");
}

// Rule 53 of connecting: who failed slowly has waited already.
TEST_P(ConnectingInVirtualTime, BackOffCountsFromTheStartOfTheAttempt) {
  std::unique_ptr<net::Listener> listener = runtime().listen("pipe:slow").value();
  Channel channel = dial(runtime(), "pipe:slow").value();
  const Chain request = bytes("m");
  Call<Chain> call = channel.invoke(kUnary, request).start();
  pass(1201ms);
  EXPECT_EQ(listener->close(), Status());
  expect_names(call.get().status(), StatusCode::kUnavailable, "pipe:slow");
  EXPECT_EQ(channel.state(), ConnectivityState::kIdle);
  const TimePoint failed = runtime().now();
  RawService service;
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  ASSERT_EQ(server.serve(runtime().listen("pipe:slow").value()), Status());
  EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "m");
  EXPECT_EQ(runtime().now(), failed);
}

// 1 s · 1.6^n, at most 120 s, ± 20 % (gRPC's connection-backoff.md).
TEST_P(ConnectingInVirtualTime, WaitsLongerAfterEachFailureWithinTheJitter) {
  auto network = std::make_shared<ScriptedNetwork>([](net::DialOp& op, Loop&) {
    op.status = Status(StatusCode::kUnavailable, "refused");
    return true;
  });
  runtime().add_network("scripted", network);
  Channel channel = dial(runtime(), "scripted:x").value();
  const Chain request = bytes("m");
  constexpr std::size_t kAttempts = 15;
  bool jittered = false;
  double want = 1;
  while (network->dials.size() < kAttempts) {
    const std::size_t before = network->dials.size();
    const Status status = channel.invoke(kUnary, request).get().status();
    expect_names(status, StatusCode::kUnavailable, "refused");
    if (network->dials.size() == before) {
      pass(std::chrono::milliseconds(static_cast<int>(want * 2)));  // a five-hundredth
      continue;
    }
    if (before == 0) continue;
    const double waited =
        std::chrono::duration<double>(network->dials[before].at - network->dials[before - 1].at).count();
    EXPECT_GE(waited, want * 0.8) << "attempt " << before;
    EXPECT_LE(waited, want * 1.205) << "attempt " << before;
    jittered = jittered || std::abs(waited - want) > want * 0.02;
    want = std::min(want * 1.6, 120.0);
  }
  EXPECT_TRUE(jittered);
  EXPECT_EQ(want, 120.0) << "the cap was reached";
}

TEST_P(ConnectingInVirtualTime, BackOffIsOptions) {
  auto network = std::make_shared<ScriptedNetwork>([](net::DialOp& op, Loop&) {
    op.status = Status(StatusCode::kUnavailable, "refused");
    return true;
  });
  runtime().add_network("scripted", network);
  const BackoffOptions backoff{.initial = 10ms, .multiplier = 3, .jitter = 0, .max = 50ms};
  Channel channel = dial(runtime(), "scripted:x", {.backoff = backoff}).value();
  const Chain request = bytes("m");
  while (network->dials.size() < 5) {
    EXPECT_FALSE(channel.invoke(kUnary, request).get().ok());
    pass(100us);
  }
  std::vector<std::chrono::milliseconds> waits;
  for (std::size_t i = 1; i < network->dials.size(); ++i) {
    waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(network->dials[i].at -
                                                                          network->dials[i - 1].at));
  }
  EXPECT_EQ(waits, (std::vector<std::chrono::milliseconds>{10ms, 30ms, 50ms, 50ms}));
}

TEST_P(ConnectingInVirtualTime, BackOffBeginsAnewAfterAConnection) {
  Channel channel = dial(runtime(), "pipe:comes").value();
  const Chain request = bytes("m");
  for (int i = 0; i < 4; ++i) {  // the next wait would be 4 s or more
    EXPECT_FALSE(channel.invoke(kUnary, request).get().ok());
    pass(10s);
  }
  {
    RawService service;
    Server server(runtime());
    ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
    ASSERT_EQ(server.serve(runtime().listen("pipe:comes").value()), Status());
    EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "m");
  }
  while (channel.state() == ConnectivityState::kReady) ASSERT_GT(runtime().poll(), 0u);
  expect_names(channel.invoke(kUnary, request).get().status(), StatusCode::kUnavailable, "nobody listens");
  const TimePoint failed = runtime().now();
  while (channel.state() == ConnectivityState::kTransientFailure) pass(1ms);
  EXPECT_GE(runtime().now() - failed, 800ms);
  EXPECT_LE(runtime().now() - failed, 1201ms);
}

// A server whose connections begin with `greeting`, and have no other end than the one in it.
class Greets {
 public:
  // The first `times` connections; those behind lead to "pipe:served".
  Greets(Runtime& runtime, std::string scheme, std::string greeting, bool closes,
         std::size_t times = SIZE_MAX) {
    const auto answer = [this, &runtime, greeting, closes, times](net::DialOp& op, Loop& loop) {
      if (said_.size() == times) {
        op.addr = Addr("pipe", "served");
        return runtime.network("pipe")->start_dial(op, loop);
      }
      net::PipePair pipe = net::make_pipe(loop, loop);
      op.conn = std::move(pipe.a);
      Said& said = *said_.emplace_back(std::make_unique<Said>());
      said.conn = std::move(pipe.b);
      said.data = Chain::copy(greeting);
      (void)said.conn->start_write(said);
      if (closes) said.conn->close_write();
      return true;
    };
    runtime.add_network(std::move(scheme), network_ = std::make_shared<ScriptedNetwork>(answer));
  }
  ~Greets() {
    for (const auto& said : said_) said->conn->close();
  }
  std::size_t dials() const { return network_->dials.size(); }

 private:
  struct Said : net::WriteOp {
    Said() : WriteOp([](Runnable&) noexcept {}) {}
    std::unique_ptr<net::Conn> conn;
  };
  std::vector<std::unique_ptr<Said>> said_;
  std::shared_ptr<ScriptedNetwork> network_;
};

// Rule 57 of connecting: a peer that accepts, and then serves nothing, is asked again less and less often.
TEST_P(ConnectingInVirtualTime, PeersThatServeNothingAreNotDialledWithoutAPause) {
  using http2::testing::Wire;
  const std::string settings = Wire().settings().settings_ack().str();
  const std::string no_streams = Wire().settings({{http2::SettingId::kMaxConcurrentStreams, 0}}).str();
  const std::string goaway = Wire().goaway(0, http2::ErrorCode::kNoError).str();
  const struct {
    std::string scheme;
    std::string greeting;
    bool closes;
    const char* why;
  } peers[] = {{"closes", settings, true, "connection closed by"},
               {"allows-none", no_streams + goaway, false, "the server said GOAWAY"},
               {"goes-away", settings + goaway, true, "the server said GOAWAY"}};
  for (const auto& peer : peers) {
    Greets server(runtime(), peer.scheme, peer.greeting, peer.closes);
    const Channel channel = dial(runtime(), peer.scheme + ":x").value();
    const Chain request = bytes("m");
    const TimePoint begin = runtime().now();
    std::size_t refused_at_once = 0;
    while (runtime().now() - begin < 60s) {
      const TimePoint before = runtime().now();
      const Status status = channel.invoke(kUnary, request, {.timeout = 30s}).get().status();
      EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
      EXPECT_NE(status.message().find(peer.why), std::string::npos) << status;
      refused_at_once += runtime().now() == before;
      pass(100ms);
    }
    EXPECT_GE(server.dials(), 5u);
    EXPECT_LE(server.dials(), 12u) << "1 s, 1.6 s, 2.56 s, …, 20 s";
    EXPECT_GE(refused_at_once, 100u) << "calls between the attempts do not wait";
  }
}

// One that was just stopping is followed by another one, and no call fails by it.
TEST_P(ConnectingInVirtualTime, CallWaitsForTheAttemptBehindAConnectionThatOnlyGreeted) {
  using http2::testing::Wire;
  RawService service;
  ServedRaw served(runtime(), service);
  for (const bool closes : {false, true}) {
    const std::string scheme = closes ? "closes" : "stays";
    Greets server(runtime(), scheme, Wire().settings().goaway(0, http2::ErrorCode::kNoError).str(), closes,
                  1);
    const Channel channel = dial(runtime(), scheme + ":x").value();
    const Chain request = bytes("m");
    const TimePoint begin = runtime().now();
    EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "m");
    EXPECT_EQ(server.dials(), 2u);
    EXPECT_GE(runtime().now() - begin, 800ms);
    EXPECT_LE(runtime().now() - begin, 1201ms);
    EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "m");
  }
}

TEST_P(ConnectingInVirtualTime, CallsWaitWhileConnectingUpToTheConnectTimeout) {
  auto network = std::make_shared<ScriptedNetwork>([](net::DialOp&, Loop&) { return false; });
  runtime().add_network("scripted", network);
  Channel channel = dial(runtime(), "scripted:x").value();
  const Chain request = bytes("m");
  Call<Chain> waits = channel.invoke(kUnary, request).start();
  Call<Chain> expires = channel.invoke(kUnary, request, {.timeout = 5s}).start();
  pass(4s);
  EXPECT_EQ(channel.state(), ConnectivityState::kConnecting);
  ASSERT_EQ(network->dials.size(), 1u) << "one attempt for all";
  EXPECT_EQ(network->dials[0].deadline - network->dials[0].at, 20s);
  expect_names(expires.get().status(), StatusCode::kDeadlineExceeded, "deadline exceeded");
  network->waiting->status = Status(StatusCode::kUnavailable, "refused in the end");
  network->answer_waiting();
  expect_names(waits.get().status(), StatusCode::kUnavailable,
               "no connection to scripted:x: refused in the end");
  EXPECT_EQ(channel.state(), ConnectivityState::kIdle) << "the attempt took longer than the back-off";
}

TEST_P(ConnectingInVirtualTime, DialIsCancelledWhenTheChannelGoes) {
  auto network = std::make_shared<ScriptedNetwork>([](net::DialOp&, Loop&) { return false; });
  runtime().add_network("scripted", network);
  const Chain request = bytes("m");
  std::optional<Channel> channel = dial(runtime(), "scripted:x").value();
  Call<Chain> call = channel->invoke(kUnary, request).start();
  channel.reset();
  expect_names(call.get().status(), StatusCode::kCancelled, "channel is closed");
  EXPECT_EQ(network->cancelled, 1);
}

TEST_P(ConnectingInVirtualTime, PeerThatSaysNothingIsGivenUpAfterTwentySeconds) {
  std::unique_ptr<net::Conn> silent;
  auto network = std::make_shared<ScriptedNetwork>([&](net::DialOp& op, Loop& loop) {
    net::PipePair pipe = net::make_pipe(loop, loop);
    op.conn = std::move(pipe.a);
    silent = std::move(pipe.b);
    return true;
  });
  runtime().add_network("scripted", network);
  Channel channel = dial(runtime(), "scripted:x").value();
  const Chain request = bytes("m");
  const TimePoint begin = runtime().now();
  expect_names(channel.invoke(kUnary, request).get().status(), StatusCode::kUnavailable,
               "no HTTP/2 SETTINGS");
  EXPECT_EQ(runtime().now() - begin, 20s);
  EXPECT_EQ(channel.state(), ConnectivityState::kIdle) << "the attempt took longer than the back-off";
  silent->close();
  silent.reset();
}

TEST_P(ConnectingInVirtualTime, ServerGivesUpAClientThatSaysNothing) {
  RawService service;
  ServedRaw served(runtime(), service, {.server = {.limits = {.handshake_timeout = 3s}}});
  struct Local {
    static Task<std::string> wait_for_eof(Runtime& runtime) {
      Result<std::unique_ptr<net::Conn>> conn =
          co_await runtime.network("pipe")->dial(Addr("pipe", "served"));
      if (!conn.ok()) co_return conn.status().to_string();
      std::string end;
      for (;;) {
        Result<net::ReadResult> read = co_await (*conn)->read();
        if (!read.ok()) end = read.status().to_string();
        if (read.ok() && read->eof) end = "eof";
        if (!end.empty()) break;
      }
      (*conn)->close();
      co_return end;
    }
  };
  const TimePoint begin = runtime().now();
  EXPECT_EQ(runtime().run(Local::wait_for_eof(runtime())), "eof");
  EXPECT_EQ(runtime().now() - begin, 3s);
}

}  // namespace
}  // namespace sluice::lifecycle
