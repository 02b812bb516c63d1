// Loads that look like attacks and are none: no guard may mind them.
#include "attacks/attack.h"
#include "sluice/async/scope.h"

namespace sluice::attacks {
namespace {

class HonestLoads : public Attack {
 protected:
  void expect_all_well(Target& target, ScriptedClient& client) {
    expect_unharmed(target, client);
    EXPECT_EQ(log().at(LogLevel::kWarning), std::vector<std::string>());
    for (const std::string& frame : client.frames("RST_STREAM")) EXPECT_EQ(frame, "");
  }
};
INSTANTIATE_TEST_SUITE_P(Simulated, HonestLoads, ::testing::ValuesIn(kSeeds), support::name_of);

// All connect together, as when what stood between them and the server has come back, and speak a little
// later.
TEST_P(HonestLoads, TwoThousandClientsAtOnce) {
  Target target(runtime());
  std::vector<std::unique_ptr<ScriptedClient>> clients;
  for (int i = 0; i < 2'000; ++i)
    clients.push_back(std::make_unique<ScriptedClient>(runtime(), "pipe:target"));
  pass(20ms);
  for (const auto& client : clients) {
    client->greet();
    client->send(support::unary_request(1));
    EXPECT_EQ(client->outcome(1), "0");
  }
  EXPECT_EQ(target.counts().total(), 0u);
}

// Streams that were answered and then cancelled.
TEST_P(HonestLoads, AThousandCancelsASecond) {
  Target target(runtime());
  ScriptedClient client(runtime(), "pipe:target");
  client.greet({{SettingId::kInitialWindowSize, 0}});
  for (int i = 0; i < 10'000; ++i) {
    client.send(
        Wire().headers(id_of(i), request_head("/test.Raw/ReplyStream")).data(id_of(i), message("m"), kEnd));
    client.send(Wire().rst(id_of(i), ErrorCode::kCancel));
    pass(1ms);
  }
  EXPECT_EQ(client.frames("HEADERS").size(), 10'000u);
  expect_unharmed(target, client);
}

// Cancels that cross the end of their calls: of streams that are gone.
TEST_P(HonestLoads, AThousandCancelsASecondThatComeTooLate) {
  Target target(runtime());
  ScriptedClient client(runtime(), "pipe:target");
  client.greet();
  for (int i = 0; i < 5'000; ++i) {
    client.send(support::unary_request(id_of(i)));
    client.send(Wire().rst(id_of(i), ErrorCode::kCancel));
    pass(1ms);
  }
  EXPECT_EQ(client.outcome(id_of(4'999)), "0");
  expect_all_well(target, client);
}

// Each call is made twice, and the later answer is not waited for: a thousand cancels a second before any
// response header, half of all that the client asks for.
TEST_P(HonestLoads, HedgingOfEveryCall) {
  Target target(runtime());
  ScriptedClient client(runtime(), "pipe:target");
  client.greet();
  for (int i = 0; i < 5'000; ++i) {
    client.send(open(id_of(2 * i), "RequestStream") + support::unary_request(id_of(2 * i + 1)));
    client.send(Wire().rst(id_of(2 * i), ErrorCode::kCancel));
    pass(1ms);
    ASSERT_EQ(client.outcome(id_of(2 * i + 1)), "0") << i;
  }
  expect_unharmed(target, client);
}

// grpc-go's window estimator: a PING, and credit for the stream and the connection, with every message.
TEST_P(HonestLoads, APingWithEveryMessage) {
  Target target(runtime());
  ScriptedClient client(runtime(), "pipe:target");
  client.greet();
  for (int i = 0; i < 20'000; ++i) {
    client.send(support::unary_request(id_of(i)) + Wire().ping("12345678").window_update(0, 6).str());
    if (i % 10 == 9) pass(1ms);
  }
  EXPECT_EQ(client.frames("PING ACK").size(), 20'000u);
  EXPECT_EQ(client.outcome(id_of(19'999)), "0");
  expect_all_well(target, client);
}

// The same in one stream, as fast as grpc-go has been seen to: 47 messages a millisecond.
TEST_P(HonestLoads, PingPongWithAPingAMessage) {
  RawService service;
  ServedRaw served(runtime(), service, {.address = "pipe:echo"});
  ScriptedClient client(runtime(), "pipe:echo");
  client.greet();
  client.send(open(1));
  constexpr std::size_t kMessages = 10'000;
  const std::string one =
      Wire().data(1, message("ping")).ping("12345678").window_update(0, 9).window_update(1, 9).str();
  for (std::size_t i = 0; i < kMessages; ++i) {
    client.send(one);
    if (i % 47 == 46) pass(1ms);
  }
  EXPECT_EQ(client.frames("PING ACK").size(), kMessages);
  EXPECT_EQ(client.stream(1).data.size(), kMessages * message("ping").size());
  EXPECT_FALSE(client.closed());
  EXPECT_EQ(served.server().limit_counts().total(), 0u);
}

// Ten a millisecond.
TEST_P(HonestLoads, TenThousandShortStreamsASecond) {
  Target target(runtime());
  ScriptedClient client(runtime(), "pipe:target");
  client.greet();
  for (int i = 0; i < 10'000; ++i) {
    client.send(support::unary_request(id_of(i)));
    if (i % 10 == 9) pass(1ms);
  }
  EXPECT_EQ(client.outcome(id_of(9'999)), "0");
  EXPECT_EQ(client.frames("DATA").size(), 10'000u);
  expect_all_well(target, client);
}

Task<void> calls(ServedRaw& served, int count, int& good) {
  const Chain request = bytes("m");
  for (int i = 0; i < count; ++i) {
    const Result<Chain> reply = co_await served.unary(request);
    good += reply.ok() ? 1 : 0;
  }
}

Task<int> crowd(ServedRaw& served, int callers, int each) {
  Loop& loop = co_await this_loop();
  Scope scope(loop);
  int good = 0;
  for (int i = 0; i < callers; ++i) (void)scope.spawn(calls(served, each, good));
  co_await scope.join();
  co_return good;
}

TEST_P(HonestLoads, TenThousandShortStreamsAtOnce) {
  Target target(runtime());
  EXPECT_EQ(runtime().run(crowd(target.served, 200, 50)), 10'000);
  EXPECT_EQ(target.counts().total(), 0u);
}

}  // namespace
}  // namespace sluice::attacks
