// Peers that are slow on purpose: that take data in crumbs or not at all, or never say who they are.
#include "attacks/attack.h"

namespace sluice::attacks {
namespace {

class StallAttacks : public Attack {};
INSTANTIATE_TEST_SUITE_P(Simulated, StallAttacks, ::testing::ValuesIn(kSeeds), support::name_of);

// CVE-2019-9511: a mebibyte, a byte a frame.
TEST_P(StallAttacks, DataDribble) {
  for (const bool guarded : {true, false}) {
    Target target(runtime(), guarded ? Limits() : Limits{.mean_window_update = 0});
    ScriptedClient attacker(runtime(), "pipe:target");
    attacker.greet({{SettingId::kInitialWindowSize, 0}});
    attacker.send(request(1, 350'000));
    const int sent = send(attacker, 5'000, [](int) { return Wire().window_update(1, 1).str(); });
    if (guarded) {
      EXPECT_EQ(sent, 1'000);
      EXPECT_LE(attacker.frames("DATA 1").size(), 1'000u);
      expect_ended(target, attacker, Limit::kMeanWindowUpdate);
    } else {
      EXPECT_EQ(sent, 5'000);
      EXPECT_EQ(attacker.frames("DATA 1").size(), 5'000u);
      expect_unharmed(target, attacker);
    }
  }
}

// The handler is cancellable, and sees its deadline.
TEST_P(StallAttacks, ZeroWindowWhileAHandlerWrites) {
  Target target(runtime());
  ScriptedClient attacker(runtime(), "pipe:target");
  attacker.greet({{SettingId::kInitialWindowSize, 0}});
  attacker.send(request(1, 350'000, {{"grpc-timeout", "1S"}}) + request(3, 350'000));
  EXPECT_EQ(target.victim.replying, 2);
  pass(999ms);
  EXPECT_EQ(target.victim.replying, 2);
  pass(1ms);
  EXPECT_EQ(target.victim.replying, 1) << "the deadline";
  attacker.send(Wire().rst(3, ErrorCode::kCancel));
  EXPECT_EQ(target.victim.replying, 0) << "the cancellation";
  EXPECT_EQ(target.victim.cancelled, 2);
  EXPECT_TRUE(target.serves());
  expect_unharmed(target, attacker);
}

// CVE-2019-9517: HTTP/2's windows are open, the connection's is not.
TEST_P(StallAttacks, InternalBuffering) {
  const net::MemoryNetworkOptions narrow = {.pipe_capacity = 64 << 10};
  runtime().add_network(
      "tap", std::make_shared<TapNetwork>(TapNetwork::Windows::kOfSockets, TapNetwork::Record::kNo, narrow));
  for (const bool guarded : {true, false}) {
    Target target(runtime(), guarded ? Limits() : Limits{.write_stall_timeout = Limits::kForever},
                  "tap:target");
    ScriptedClient attacker(runtime(), "tap:target");
    attacker.greet({{SettingId::kInitialWindowSize, 1 << 30}});
    attacker.send(Wire().window_update(0, 1 << 30));
    attacker.stop_reading();
    const std::int64_t before = support::live_heap().bytes;
    const TimePoint begin = runtime().now();
    for (int i = 0; i < 100; ++i) attacker.send(request(id_of(i), 60'000));
    pass(50s);
    const std::int64_t grown = support::live_heap().bytes - before;
    RecordProperty("bytes_held", std::to_string(grown));
    // Of each stream its message and what it may write ahead; a mebibyte of frames, and one being written.
    EXPECT_LE(grown, 100 * (60'000 + (128 << 10)) + (4 << 20));
    EXPECT_EQ(target.counts().total(), 0u);
    pass(15s);
    if (guarded) {
      EXPECT_EQ(target.counts()[Limit::kWriteStall], 1u);
      EXPECT_EQ(target.victim.replying, 0);
      EXPECT_LE(support::live_heap().bytes - before, 8 << 20) << "what the attacker has not sent yet";
    } else {
      pass(1h);
      EXPECT_GT(target.victim.replying, 0) << "since " << (runtime().now() - begin).count() << " ns";
      EXPECT_EQ(target.counts().total(), 0u);
    }
    EXPECT_TRUE(target.serves());
  }
}

// Whoever takes a little now and then is not stalled.
Task<std::size_t> read_slowly(Runtime& runtime, std::string request, std::size_t wanted) {
  Result<std::unique_ptr<net::Conn>> dialled =
      co_await runtime.network("tap")->dial(Addr::parse("tap:target").value());
  const std::unique_ptr<net::Conn> conn = std::move(dialled).value();
  EXPECT_EQ(co_await conn->write(Chain::copy(request)), Status());
  std::size_t got = 0;
  while (got < wanted) {
    (void)co_await sleep(50s);
    Result<net::ReadResult> read = co_await conn->read();
    if (!read.ok() || read->eof) break;
    got += read->data.size();
  }
  conn->close();
  co_return got;
}

TEST_P(StallAttacks, SlowReaderIsServedToTheEnd) {
  const net::MemoryNetworkOptions narrow = {.pipe_capacity = 4 << 10};
  runtime().add_network(
      "tap", std::make_shared<TapNetwork>(TapNetwork::Windows::kOfSockets, TapNetwork::Record::kNo, narrow));
  Target target(runtime(), {}, "tap:target");
  const std::string hello =
      Wire().preface().settings({{SettingId::kInitialWindowSize, 1 << 20}}).settings_ack().str();
  const TimePoint begin = runtime().now();
  EXPECT_GE(runtime().run(read_slowly(runtime(), hello + request(1, 20'000), 60'000)), 60'000u);
  EXPECT_GE(runtime().now() - begin, 10min) << "or it was not slow";
  EXPECT_EQ(target.counts().total(), 0u);
}

// The last frames have a second to leave, and then go with the connection.
TEST_P(StallAttacks, AGoodbyeThatNobodyReads) {
  const net::MemoryNetworkOptions narrow = {.pipe_capacity = 4 << 10};
  runtime().add_network(
      "tap", std::make_shared<TapNetwork>(TapNetwork::Windows::kOfSockets, TapNetwork::Record::kNo, narrow));
  for (const bool guarded : {true, false}) {
    Target target(runtime(), guarded ? Limits() : Limits{.goodbye_timeout = Limits::kForever}, "tap:target");
    ScriptedClient attacker(runtime(), "tap:target");
    attacker.greet();
    attacker.stop_reading();
    attacker.send(request(1, 10'000));
    attacker.send(Wire().ping("short"));
    const std::size_t before = log().at(LogLevel::kWarning).size();
    pass(999ms);
    EXPECT_EQ(log().at(LogLevel::kWarning).size(), before);
    pass(guarded ? 1ms : 1h);
    EXPECT_EQ(log().at(LogLevel::kWarning).size(), before + (guarded ? 1 : 0));
    EXPECT_TRUE(target.serves());
  }
}

TEST_P(StallAttacks, AServerThatGoesCutsGoodbyesShort) {
  const net::MemoryNetworkOptions narrow = {.pipe_capacity = 4 << 10};
  runtime().add_network(
      "tap", std::make_shared<TapNetwork>(TapNetwork::Windows::kOfSockets, TapNetwork::Record::kNo, narrow));
  std::optional<Target> target(std::in_place, runtime(), Limits{.goodbye_timeout = Limits::kForever},
                               "tap:target");
  ScriptedClient attacker(runtime(), "tap:target");
  attacker.greet();
  attacker.stop_reading();
  attacker.send(request(1, 10'000));
  attacker.send(Wire().ping("short"));
  pass(1h);
  EXPECT_EQ(runtime().live().sessions, 1);
  target.reset();
  pass(0ms);
  EXPECT_EQ(runtime().live().sessions, 0);
}

// Five bytes of a preface, and no more.
TEST_P(StallAttacks, ThousandsOfSlowPrefaces) {
  constexpr int kAttackers = 4'000, kShare = 3'072;
  for (const bool guarded : {true, false}) {
    Target target(runtime(), guarded
                                 ? Limits()
                                 : Limits{.handshake_timeout = Limits::kForever, .handshakes = Limits::kOff});
    const std::int64_t before = support::live_heap().bytes;
    std::vector<std::unique_ptr<ScriptedClient>> attackers;
    for (int i = 0; i < kAttackers; ++i) {
      attackers.push_back(std::make_unique<ScriptedClient>(runtime(), "pipe:target"));
      attackers.back()->send("PRI *");
    }
    RecordProperty(guarded ? "bytes_held" : "bytes_held_unguarded",
                   std::to_string(support::live_heap().bytes - before));
    const auto open = [&] {
      return std::count_if(attackers.begin(), attackers.end(), [](const auto& a) { return !a->closed(); });
    };
    if (guarded) {
      EXPECT_EQ(open(), kShare);
      EXPECT_EQ(target.counts()[Limit::kHandshakes], unsigned{kAttackers - kShare});
      EXPECT_EQ(attackers.back()->frames("GOAWAY"),
                std::vector<std::string>{"GOAWAY 0 ENHANCE_YOUR_CALM too many connections in handshake"});
      pass(1s);
      EXPECT_TRUE(target.serves()) << "in the place of the oldest";
      EXPECT_TRUE(attackers.front()->closed());
      EXPECT_EQ(attackers.front()->frames("GOAWAY"),
                std::vector<std::string>{"GOAWAY 0 ENHANCE_YOUR_CALM too many connections in handshake"});
      pass(19s);
      EXPECT_EQ(open(), 0);
    } else {
      pass(1h);
      EXPECT_EQ(open(), kAttackers);
    }
    EXPECT_TRUE(target.serves());
  }
}

TEST_P(StallAttacks, SettingsThatAreNeverAcknowledged) {
  for (const bool guarded : {true, false}) {
    Target target(runtime(), guarded ? Limits() : Limits{.settings_ack_timeout = Limits::kForever});
    ScriptedClient attacker(runtime(), "pipe:target");
    attacker.send(Wire().preface().settings());
    pass(9s);
    EXPECT_FALSE(attacker.closed());
    pass(1s);
    if (guarded) {
      expect_ended(target, attacker, Limit::kSettingsAckTimeout, "SETTINGS_TIMEOUT");
    } else {
      pass(1h);
      expect_unharmed(target, attacker);
    }
  }
}

TEST_P(StallAttacks, TooManyConnections) {
  Target target(runtime(), {.connections = 10});
  EXPECT_TRUE(target.serves()) << "the first";
  std::vector<std::unique_ptr<ScriptedClient>> attackers;
  for (int i = 0; i < 100; ++i) {
    attackers.push_back(std::make_unique<ScriptedClient>(runtime(), "pipe:target"));
    attackers.back()->greet();
  }
  EXPECT_EQ(std::count_if(attackers.begin(), attackers.end(), [](const auto& a) { return !a->closed(); }), 9);
  EXPECT_EQ(target.counts()[Limit::kConnections], 91u);
  EXPECT_EQ(attackers.back()->frames("GOAWAY"),
            std::vector<std::string>{"GOAWAY 0 ENHANCE_YOUR_CALM too many connections"});
  EXPECT_TRUE(target.serves()) << "who is in";
  attackers.clear();
  ScriptedClient late(runtime(), "pipe:target");
  late.greet().send(support::unary_request(1));
  EXPECT_EQ(late.outcome(1), "0") << "there is room again";
}

}  // namespace
}  // namespace sluice::attacks
