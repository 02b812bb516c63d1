// A connection's end: a server's drain, and what a client makes of GOAWAY and of streams it may not open.
#include <string>
#include <vector>

#include "wire/wire.h"

namespace sluice::wire {
namespace {

class ServerDrain : public WireTest {};
INSTANTIATE_TEST_SUITE_P(All, ServerDrain, ::testing::ValuesIn(kRuntimes), support::name_of);

class ServerDrainInVirtualTime : public WireTest {};
INSTANTIATE_TEST_SUITE_P(Simulated, ServerDrainInVirtualTime,
                         ::testing::ValuesIn(support::kSimulatedRuntimes), support::name_of);

TEST_P(ServerDrainInVirtualTime, WaitsFiveSecondsForAClientThatDoesNotAnswerThePing) {
  RawService service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  const TimePoint begin = runtime().now();
  Call<Status> drained = served.server().drain().start();
  settle();
  EXPECT_EQ(client.take(), (std::vector<std::string>{"GOAWAY 2147483647 NO_ERROR draining", "PING"}));
  EXPECT_EQ(drained.get(), Status());
  EXPECT_EQ(runtime().now() - begin, 5s);
  client.until_closed();
  EXPECT_EQ(client.take().front(), "GOAWAY 0 NO_ERROR draining");
  EXPECT_EQ(client.end(), "eof");
}

TEST_P(ServerDrain, EndsAtOnceWhenTheClientAnswersThePing) {
  RawService service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(unary_request(1));
  client.take();
  const TimePoint begin = runtime().now();
  Call<Status> drained = served.server().drain().start();
  settle();
  // Sent before the client knew: it is served.
  client.send(unary_request(3, "late"));
  EXPECT_EQ(client.outcome(3), "0");
  client.send(Wire().ping(client.last_ping(), http2::flag::kAck));
  EXPECT_EQ(drained.get(), Status());
  EXPECT_EQ(client.frames("GOAWAY")[1], "GOAWAY 3 NO_ERROR draining");
  EXPECT_TRUE(client.closed());
  EXPECT_LT(runtime().now() - begin, 1s);
}

TEST_P(ServerDrain, AnswerToAnotherPingIsNoAnswer) {
  RawService service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  Call<Status> drained = served.server().drain().start();
  settle();
  client.send(Wire().ping("12345678", http2::flag::kAck));
  EXPECT_EQ(client.frames("GOAWAY").size(), 1u);
  client.send(Wire().ping(client.last_ping(), http2::flag::kAck));
  EXPECT_EQ(client.frames("GOAWAY").size(), 3u) << "and one as it closes";
  EXPECT_EQ(drained.get(), Status());
}

TEST_P(ServerDrain, CallAfterTheSecondGoawayIsPassedOver) {
  Held service(1);
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(unary_request(1));
  Call<Status> drained = served.server().drain().start();
  settle();
  client.send(Wire().ping(client.last_ping(), http2::flag::kAck));
  client.take();
  client.send(unary_request(3));
  EXPECT_EQ(client.take(), std::vector<std::string>());
  service.let_go.count_down();
  EXPECT_EQ(drained.get(), Status());
  EXPECT_EQ(client.outcome(1), "0");
  EXPECT_EQ(service.ended, 1);
}

TEST_P(ServerDrain, ThatIsGivenUpLeavesTheCallsAlone) {
  Held service(1);
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(unary_request(1));
  for (int round = 0; round < 2; ++round) {
    Call<Status> drained = served.server().drain().start();
    Call<StopReport> stopped = served.server().stop(runtime().now() + 24h).start();
    drained.cancel();
    stopped.cancel();
    expect_names(drained.get(), StatusCode::kCancelled, "gave up waiting for the server to end");
    expect_names(stopped.get().status(), StatusCode::kCancelled, "gave up waiting for the server to end");
  }
  EXPECT_EQ(client.outcome(1), "open");
  service.let_go.count_down();
  settle();
  EXPECT_EQ(client.outcome(1), "0");
  EXPECT_EQ(service.cancelled, 0);
}

}  // namespace
}  // namespace sluice::wire
