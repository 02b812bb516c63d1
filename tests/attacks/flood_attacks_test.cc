// Frames that say nothing, by the thousand (CVE-2019-9512, 9513, 9515, 9518), from peers that read what they
// are answered and from peers that do not.
#include "attacks/scripts.h"

namespace sluice::attacks {
namespace {

class FloodAttacks : public Attack {};
INSTANTIATE_TEST_SUITE_P(Simulated, FloodAttacks, ::testing::ValuesIn(kSeeds), support::name_of);

TEST_P(FloodAttacks, EndTheConnection) {
  for (const Flood& flood : kFloods) {
    for (const bool reads : {true, false}) {
      SCOPED_TRACE(flood.name + std::string(reads ? "" : ", not read"));
      Target target(runtime());
      ScriptedClient attacker(runtime(), "pipe:target");
      attacker.greet().send(open(1));
      if (!reads) attacker.stop_reading();
      int sent = 0;
      for (; sent < 20'000 && target.counts().total() == 0; ++sent) attacker.send(flood.frame());
      EXPECT_LE(sent, flood.most + 1);
      EXPECT_GE(sent, flood.most - 1);
      if (!reads) attacker.read_again();
      expect_ended(target, attacker, flood.limit);
    }
  }
}

TEST_P(FloodAttacks, SucceedWithoutTheirGuard) {
  for (const Flood& flood : kFloods) {
    for (const bool reads : {true, false}) {
      SCOPED_TRACE(flood.name + std::string(reads ? "" : ", not read"));
      Target target(runtime(), flood.off);
      ScriptedClient attacker(runtime(), "pipe:target");
      attacker.greet().send(open(1));
      if (!reads) attacker.stop_reading();
      std::string hundred;
      for (int i = 0; i < 100; ++i) hundred += flood.frame();
      for (int i = 0; i < 200; ++i) attacker.send(hundred);
      if (!reads) attacker.read_again();
      expect_unharmed(target, attacker);
    }
  }
}

// Frames at a rate that nobody minds, of which the answers are never read: a hundred of them wait, nothing
// more is read, and in the end the connection is closed. CVE-2019-9514 is the one with resets.
struct Unread {
  const char* name;
  std::string (*frames)(int i);
  Duration apart;
  int size;  // of the answer
  Duration most;
};
const Unread kUnread[] = {
    {"PING", [](int) { return Wire().ping("12345678").str(); }, 20ms, 17, 35s},
    {"stream errors",
     [](int i) {
       const auto id = static_cast<StreamId>(2 * i + 1);
       return Wire().headers(id, request_head("/test.Raw/RequestStream")).window_update(id, 0).str();
     },
     110ms, 13, 75s}};

TEST_P(FloodAttacks, RepliesThatNobodyReads) {
  const net::MemoryNetworkOptions narrow = {.pipe_capacity = 4 << 10};
  runtime().add_network(
      "tap", std::make_shared<TapNetwork>(TapNetwork::Windows::kOfSockets, TapNetwork::Record::kNo, narrow));
  for (const Unread& unread : kUnread) {
    for (const bool guarded : {true, false}) {
      SCOPED_TRACE(unread.name);
      Target target(runtime(),
                    guarded ? Limits()
                            : Limits{.queued_replies = Limits::kOff, .write_stall_timeout = Limits::kForever},
                    "tap:target");
      ScriptedClient attacker(runtime(), "tap:target");
      attacker.greet();
      attacker.stop_reading();
      const TimePoint begin = runtime().now();
      const std::int64_t before = support::live_heap().bytes;
      int sent = 0;
      while (runtime().now() - begin < 10min && target.counts().total() == 0) {
        attacker.send(unread.frames(sent++));
        pass(unread.apart);
      }
      if (guarded) {
        // The pipe fills, then a hundred replies wait, and for twenty seconds nothing changes.
        EXPECT_LE(runtime().now() - begin, unread.most);
        EXPECT_EQ(target.counts()[Limit::kOutputStall], 1u);
        EXPECT_TRUE(target.serves());
      } else {
        EXPECT_GE(sent, 5'000);
        EXPECT_GE(support::live_heap().bytes - before, (sent - 1'000) * unread.size) << "all replies wait";
        expect_unharmed(target, attacker);
      }
    }
  }
}

// The same with answers to requests, as many as the client likes.
TEST_P(FloodAttacks, AnswersThatNobodyReads) {
  const net::MemoryNetworkOptions narrow = {.pipe_capacity = 4 << 10};
  runtime().add_network(
      "tap", std::make_shared<TapNetwork>(TapNetwork::Windows::kOfSockets, TapNetwork::Record::kNo, narrow));
  for (const bool guarded : {true, false}) {
    Target target(
        runtime(),
        guarded ? Limits() : Limits{.queued_bytes = Limits::kOff, .write_stall_timeout = Limits::kForever},
        "tap:target");
    ScriptedClient attacker(runtime(), "tap:target");
    attacker.greet();
    attacker.stop_reading();
    const std::int64_t before = support::live_heap().bytes;
    for (int i = 0; i < 60'000; ++i) {
      const auto id = static_cast<StreamId>(2 * i + 1);
      attacker.send(Wire().headers(id, request_head("/no/such/method"), kEnd));
    }
    pass(22s);
    if (guarded) {
      EXPECT_EQ(target.counts()[Limit::kOutputStall], 1u);
    } else {
      pass(1h);
      EXPECT_GE(support::live_heap().bytes - before, 2 << 20);
      expect_unharmed(target, attacker);
    }
    EXPECT_TRUE(target.serves());
  }
}

// A client that reads late, but reads, is served to the end.
TEST_P(FloodAttacks, RepliesThatAreReadLateAreNoHarm) {
  const net::MemoryNetworkOptions narrow = {.pipe_capacity = 4 << 10};
  runtime().add_network(
      "tap", std::make_shared<TapNetwork>(TapNetwork::Windows::kOfSockets, TapNetwork::Record::kNo, narrow));
  Target target(runtime(), {}, "tap:target");
  ScriptedClient client(runtime(), "tap:target");
  client.greet();
  for (int round = 0; round < 10; ++round) {
    client.stop_reading();
    for (int i = 0; i < 450; ++i) client.send(Wire().ping("12345678"));
    pass(15s);
    client.read_again();
  }
  EXPECT_EQ(client.frames("PING ACK").size(), 4'500u);
  client.send(support::unary_request(1));
  EXPECT_EQ(client.outcome(1), "0");
  expect_unharmed(target, client);
}

}  // namespace
}  // namespace sluice::attacks
