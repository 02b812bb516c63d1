// A connection's end: a server's drain, and what a client makes of GOAWAY and of streams it may not open.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/tap_network.h"
#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

using http2::testing::plain;

class ServerDrain : public WireTest {};
INSTANTIATE_TEST_SUITE_P(All, ServerDrain, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

class ServerDrainInVirtualTime : public WireTest {};
INSTANTIATE_TEST_SUITE_P(Simulated, ServerDrainInVirtualTime,
                         ::testing::ValuesIn(support::kSimulatedRuntimes), support::name_of);

TEST_P(ServerDrainInVirtualTime, WaitsFiveSecondsForAClientWithACallThatDoesNotAnswerThePing) {
  HeldService service(1);
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(unary_request(1));
  client.take();
  const TimePoint begin = runtime().now();
  Call<Status> drained = served.server().drain().start();
  service.let_go.count_down();
  EXPECT_EQ(drained.get(), Status());
  EXPECT_EQ(runtime().now() - begin, 5s);
  EXPECT_EQ(client.outcome(1), "0");
}

// What it may have sent meanwhile it may send again elsewhere.
TEST_P(ServerDrainInVirtualTime, WaitsHalfAGoodbyeForAnIdleClientThatDoesNotAnswerThePing) {
  RawService service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  const TimePoint begin = runtime().now();
  Call<Status> drained = served.server().drain().start();
  settle();
  EXPECT_EQ(client.take(), (std::vector<std::string>{"GOAWAY 2147483647 NO_ERROR draining", "PING"}));
  EXPECT_EQ(drained.get(), Status());
  EXPECT_EQ(runtime().now() - begin, 500ms);
  client.until_closed();
  EXPECT_EQ(client.take().front(), "GOAWAY 0 NO_ERROR draining");
  EXPECT_EQ(client.end(), "eof");
}

// Pipes that hold fewer bytes than a write of the server has.
void add_narrow_network(Runtime& runtime, std::size_t capacity) {
  using support::TapNetwork;
  runtime.add_network("narrow",
                      std::make_shared<TapNetwork>(TapNetwork::Windows::kOfSockets, TapNetwork::Record::kNo,
                                                   net::MemoryNetworkOptions{.pipe_capacity = capacity}));
}

Task<std::unique_ptr<net::Conn>> dial_narrow(Runtime& runtime) {
  Result<std::unique_ptr<net::Conn>> conn =
      co_await runtime.network("narrow")->dial(Addr::parse("narrow:served").value());
  co_return std::move(conn).value();
}

Task<void> hang_up(std::unique_ptr<net::Conn> conn) {
  conn->close();
  conn.reset();
  co_return;
}

// A refused connection lives until it has been told why. It may be the last thing that a drain waits for.
TEST_P(ServerDrainInVirtualTime, WaitsForARefusalUntilItIsReadOrTheClientGoesOrASecondHasPassed) {
  enum class Client { kReads, kGoes, kStays };
  add_narrow_network(runtime(), 16);
  for (const Client does : {Client::kReads, Client::kGoes, Client::kStays}) {
    SCOPED_TRACE(static_cast<int>(does));
    RawService service;
    ServedRaw served(runtime(), service,
                     {.address = "narrow:served", .server = {.limits = {.connections = 0}}});
    std::unique_ptr<net::Conn> conn = runtime().run(dial_narrow(runtime()));
    settle();
    ASSERT_EQ(served.server().limit_counts()[Limit::kConnections], 1u);
    const TimePoint begin = runtime().now();
    Call<Status> drained = served.server().drain().start();
    settle();
    if (does == Client::kReads) {
      ScriptedPeer client(runtime(), std::move(conn));
      EXPECT_EQ(client.frames("GOAWAY"),
                std::vector<std::string>{"GOAWAY 0 ENHANCE_YOUR_CALM too many connections"});
      EXPECT_EQ(client.end(), "eof");
    } else if (does == Client::kGoes) {
      runtime().run(hang_up(std::move(conn)));
    }
    EXPECT_EQ(drained.get(), Status());
    EXPECT_EQ(runtime().now() - begin, does == Client::kStays ? 1s : 0s);
    if (conn) runtime().run(hang_up(std::move(conn)));
  }
}

TEST_P(ServerDrain, R36_EndsAtOnceWhenTheClientAnswersThePing) {
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

TEST_P(ServerDrain, R36_CallAfterTheSecondGoawayIsPassedOver) {
  HeldService service(1);
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
  HeldService service(1);
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

// What only a broken client says: each ends the connection, with a GOAWAY that says why.
class ServerConnections : public WireTest {};
INSTANTIATE_TEST_SUITE_P(All, ServerConnections, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

// The words by which other implementations know that they ping too often (gRPC A8).
TEST_P(ServerConnections, PingFloodIsToldTooManyPings) {
  RawService service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  Wire pings;
  for (int i = 0; i < 2000; ++i) pings.ping("12345678");
  client.send(pings);
  EXPECT_EQ(client.frames("GOAWAY"), std::vector<std::string>{"GOAWAY 0 ENHANCE_YOUR_CALM too_many_pings"});
  EXPECT_TRUE(client.closed());
}

TEST_P(ServerConnections, BrokenRulesEndTheConnection) {
  const Headers head = request_head("/test.Raw/Bidi");
  Wire nine;
  nine.headers(1, "", 0);
  for (int i = 0; i < 9; ++i) nine.continuation(1, "");
  const std::vector<std::pair<std::string, std::string>> table = {
      {Wire().headers(2, head).str(), "PROTOCOL_ERROR HEADERS on a stream that the peer may not open"},
      {Wire().headers(0, head).str(), "PROTOCOL_ERROR HEADERS on stream 0"},
      {Wire().data(1, "x").str(), "PROTOCOL_ERROR DATA on an idle stream"},
      {Wire().rst(1, ErrorCode::kCancel).str(), "PROTOCOL_ERROR RST_STREAM on an idle stream"},
      {Wire().window_update(0, 0).str(), "PROTOCOL_ERROR WINDOW_UPDATE of zero"},
      {Wire().window_update(0, 0x7fffffff).str(), "FLOW_CONTROL_ERROR connection's window above 2^31-1"},
      {Wire().settings({{SettingId::kMaxFrameSize, 1}}).str(),
       "PROTOCOL_ERROR SETTINGS_MAX_FRAME_SIZE out of range"},
      {Wire().ping("1234567").str(), "FRAME_SIZE_ERROR PING not of eight bytes"},
      {Wire().frame(FrameType::kPushPromise, 4, 1, Wire::u32(2)).str(),
       "PROTOCOL_ERROR PUSH_PROMISE although push is off"},
      {Wire().headers(1, plain(head), 0).ping("12345678").str(), "PROTOCOL_ERROR header block interrupted"},
      {nine.str(), "ENHANCE_YOUR_CALM too many CONTINUATION frames"},
      {Wire().headers(1, "\x80").str(), "COMPRESSION_ERROR "},
  };
  RawService service;
  ServedRaw served(runtime(), service);
  ScriptedClient beside(runtime(), "pipe:served");
  beside.greet();
  for (const auto& [bytes, why] : table) {
    ScriptedClient client(runtime(), "pipe:served");
    client.greet();
    client.send(bytes);
    ASSERT_EQ(client.frames("GOAWAY").size(), 1u) << why;
    EXPECT_EQ(client.frames("GOAWAY")[0].substr(9, why.size()), why);
    EXPECT_TRUE(client.closed()) << why;
  }
  EXPECT_EQ(log().at(LogLevel::kWarning).size(), table.size());
  beside.send(unary_request(1));
  EXPECT_EQ(beside.outcome(1), "0");
}

// The GOAWAY of a broken rule follows the write that is in flight.
TEST_P(ServerConnections, BrokenRuleIsToldToAClientThatReadsLate) {
  add_narrow_network(runtime(), 4 << 10);
  RawService service;
  ServedRaw served(runtime(), service, {.address = "narrow:served"});
  const std::string body = message(std::string(10'000, 'x'));
  const std::pair<std::string, std::string> table[] = {
      {Wire().ping("short").str(), "GOAWAY 1 FRAME_SIZE_ERROR PING not of eight bytes"},
      {Wire().data(3, "x").str(), "GOAWAY 1 PROTOCOL_ERROR DATA on an idle stream"}};
  for (const auto& [bytes, goaway] : table) {
    ScriptedClient client(runtime(), "narrow:served");
    client.greet();
    client.stop_reading();
    client.send(Wire().headers(1, request_head("/test.Raw/ReplyStream")).data(1, body, kEnd));
    client.send(bytes);
    EXPECT_TRUE(client.frames("GOAWAY").empty());
    client.read_again();
    client.until_closed();
    EXPECT_EQ(client.frames("GOAWAY"), std::vector<std::string>{goaway});
    EXPECT_EQ(client.frames().back(), goaway);
    EXPECT_EQ(client.end(), "eof");
    EXPECT_TRUE(client.stream(1).data.starts_with(body));
  }
}

TEST_P(ServerConnections, R27_StreamIdsAreOddAndIncrease) {
  const Headers head = request_head("/test.Raw/Bidi");
  const std::string why = " PROTOCOL_ERROR HEADERS on a stream that the peer may not open";
  const std::string skipped = " PROTOCOL_ERROR HEADERS on a stream id that was skipped";
  const std::vector<std::pair<std::string, std::string>> table = {
      {Wire().headers(2, head).str(), "GOAWAY 0" + why},
      {Wire().headers(1, head).headers(4, head).str(), "GOAWAY 1" + why},
      {Wire().headers(5, head).headers(3, head).str(), "GOAWAY 5" + skipped},
      {Wire().headers(7, head).headers(1, head).str(), "GOAWAY 7" + skipped}};
  RawService service;
  ServedRaw served(runtime(), service);
  for (const auto& [bytes, goaway] : table) {
    ScriptedClient client(runtime(), "pipe:served");
    client.greet();
    client.send(bytes);
    EXPECT_EQ(client.frames("GOAWAY"), std::vector<std::string>{goaway});
    EXPECT_TRUE(client.closed());
  }
  // Those between may be left out.
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  for (const http2::StreamId id : {3, 5, 101, 10'001}) {
    client.send(unary_request(id));
    EXPECT_EQ(client.outcome(id), "0") << id;
  }
}

TEST_P(ServerConnections, R64_MaxFrameSizeOutOfRangeEndsTheConnection) {
  RawService service;
  ServedRaw served(runtime(), service);
  for (const std::uint32_t size : {0u, 1u, 16'383u, 1u << 24, 0xffffffffu}) {
    ScriptedClient client(runtime(), "pipe:served");
    client.greet();
    client.send(Wire().settings({{SettingId::kMaxFrameSize, size}}));
    EXPECT_EQ(client.frames("GOAWAY"),
              std::vector<std::string>{"GOAWAY 0 PROTOCOL_ERROR SETTINGS_MAX_FRAME_SIZE out of range"});
    EXPECT_TRUE(client.closed());
  }
  for (const std::uint32_t size : {1u << 14, (1u << 24) - 1}) {
    ScriptedClient client(runtime(), "pipe:served");
    client.greet({{SettingId::kMaxFrameSize, size}});
    client.send(unary_request(1));
    EXPECT_EQ(client.outcome(1), "0");
  }
}

class ClientConnections : public ClientTest {
 protected:
  Call<Chain> start() { return channel().invoke(kUnary, request_).start(); }
  static std::string reply_to(http2::StreamId id, std::string_view body = "r") {
    return Wire().headers(id, kResponseHead).data(id, message(body)).headers(id, kOkTrailers, kEnd).str();
  }
  const Chain request_ = bytes("m");
};
INSTANTIATE_TEST_SUITE_P(All, ClientConnections, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(ClientConnections, SayPrefaceAndSettingsFirstAndCallAfterTheServersSettings) {
  Call<Chain> call = start();
  ScriptedPeer& server = accept_silently();
  EXPECT_EQ(server.take(), (std::vector<std::string>{"preface",
                                                     "SETTINGS [ENABLE_PUSH 0, MAX_CONCURRENT_STREAMS 0, "
                                                     "INITIAL_WINDOW_SIZE 8388608, MAX_FRAME_SIZE 4194304, "
                                                     "MAX_HEADER_LIST_SIZE 8192]",
                                                     "WINDOW_UPDATE 0 67043329"}));
  server.send(Wire().settings());
  EXPECT_EQ(server.take().at(0), "SETTINGS ACK");
  EXPECT_EQ(server.frames("HEADERS").size(), 1u);
  server.send(Wire().settings_ack().raw(reply_to(1)));
  EXPECT_EQ(support::text_of(call.get()), "r");
}

TEST_P(ClientConnections, R60_ServersFirstFrameIsSettings) {
  for (const std::string& first :
       {Wire().ping("12345678").str(), Wire().settings_ack().str(), Wire().window_update(0, 1).str(),
        Wire().goaway(0, ErrorCode::kNoError).str(), Wire().headers(1, kResponseHead).str()}) {
    const Channel fresh = dial(runtime(), "pipe:scripted").value();
    Call<Chain> call = fresh.invoke(kUnary, request_).start();
    ScriptedPeer& server = accept_silently();
    server.send(first);
    expect_names(call.get().status(), StatusCode::kUnavailable,
                 "connection error: PROTOCOL_ERROR: first frame is not SETTINGS");
    settle();
    EXPECT_TRUE(server.closed());
    EXPECT_EQ(server.frames("HEADERS").size(), 0u);
  }
}

TEST_P(ClientConnections, R61_SettingsWithoutALimitOfStreamsHaveNone) {
  std::vector<Call<Chain>> calls;
  for (int i = 0; i < 150; ++i) calls.push_back(start());
  ScriptedPeer& server = accept_silently();
  EXPECT_EQ(server.frames("HEADERS").size(), 0u) << "before the SETTINGS nothing is sent at all";
  server.send(Wire().settings().settings_ack());
  for (int i = 0; i < 150; ++i) calls.push_back(start());
  settle();
  EXPECT_EQ(server.frames("HEADERS").size(), 300u);
  for (std::size_t i = 0; i < calls.size(); ++i)
    server.send(reply_to(static_cast<http2::StreamId>(1 + 2 * i)));
  for (Call<Chain>& call : calls) EXPECT_EQ(support::text_of(call.get()), "r");
}

TEST_P(ClientConnections, R63_WindowOfOpenStreamsFollowsTheSettingsBelowZero) {
  auto stream = bidi(channel());
  ScriptedPeer& server = accept({{SettingId::kInitialWindowSize, 10}});
  EXPECT_EQ(stream.write(bytes("0123456789abcdefghij")).get(), Status());
  settle();
  const std::string whole = message("0123456789abcdefghij");
  EXPECT_EQ(server.stream(1).data, whole.substr(0, 10));
  server.send(Wire().settings({{SettingId::kInitialWindowSize, 4}}));  // and now 6 below zero
  server.send(Wire().window_update(1, 6));
  EXPECT_EQ(server.stream(1).data, whole.substr(0, 10));
  server.send(Wire().window_update(1, 3));
  EXPECT_EQ(server.stream(1).data, whole.substr(0, 13));
  server.send(Wire().settings({{SettingId::kInitialWindowSize, 6}}));
  EXPECT_EQ(server.stream(1).data, whole.substr(0, 15));
  server.send(Wire().settings({{SettingId::kInitialWindowSize, 100}}));
  EXPECT_EQ(server.stream(1).data, whole);
  stream.cancel();
}

// nghttp2 reads the blocks, and wants to be told of the size at the beginning of the next one.
TEST_P(ClientConnections, R63_TableOfSizeZeroIsHonoured) {
  const auto call_with = [&](std::string_view value) {
    return channel().invoke(kUnary, request_, {.metadata = MetadataList({"x-again", value})}).start();
  };
  Call<Chain> first = call_with("1");
  ScriptedPeer& server = accept();
  server.limit_table(0);
  server.send(Wire().settings({{SettingId::kHeaderTableSize, 0}}).raw(reply_to(1)));
  EXPECT_EQ(support::text_of(first.get()), "r");
  for (const http2::StreamId id : {3, 5, 7}) {
    Call<Chain> next = call_with("1");
    settle();
    EXPECT_EQ(server.frames("broken"), std::vector<std::string>());
    EXPECT_EQ(server.stream(id).field("x-again"), "1");
    EXPECT_EQ(server.stream(id).field("user-agent"), "grpc-c++-sluice/0.1");
    server.send(reply_to(id));
    EXPECT_EQ(support::text_of(next.get()), "r");
  }
}

TEST_P(ClientConnections, R64_MaxFrameSizeOutOfRangeEndsTheConnection) {
  for (const std::uint32_t size : {0u, 16'383u, 1u << 24, 0xffffffffu}) {
    const Channel fresh = dial(runtime(), "pipe:scripted").value();
    Call<Chain> call = fresh.invoke(kUnary, request_).start();
    ScriptedPeer& server = accept_silently();
    server.send(Wire().settings({{SettingId::kMaxFrameSize, size}}));
    expect_names(call.get().status(), StatusCode::kUnavailable,
                 "connection error: PROTOCOL_ERROR: SETTINGS_MAX_FRAME_SIZE out of range");
    settle();
    EXPECT_TRUE(server.closed());
  }
}

TEST_P(ClientConnections, R65_PushIsSwitchedOffAndItsUseEndsTheConnection) {
  const std::string settings = Wire().settings().settings_ack().str();
  for (const auto& [bytes, why] : std::vector<std::pair<std::string, std::string>>{
           {Wire().settings({{SettingId::kEnablePush, 1}}).str(), "SETTINGS_ENABLE_PUSH out of range"},
           {Wire().settings({{SettingId::kEnablePush, 2}}).str(), "SETTINGS_ENABLE_PUSH out of range"},
           {settings + Wire().frame(FrameType::kPushPromise, 4, 1, Wire::u32(2)).str(),
            "PUSH_PROMISE although push is off"}}) {
    const Channel fresh = dial(runtime(), "pipe:scripted").value();
    Call<Chain> call = fresh.invoke(kUnary, request_).start();
    ScriptedPeer& server = accept_silently();
    EXPECT_EQ(server.frames("SETTINGS [ENABLE_PUSH 0, ").size(), 1u);
    server.send(bytes);
    expect_names(call.get().status(), StatusCode::kUnavailable, "connection error: PROTOCOL_ERROR: " + why);
    settle();
    EXPECT_TRUE(server.closed());
  }
}

TEST_P(ClientConnections, R59_LossOfTheConnectionIsUnavailable) {
  Call<Chain> call = start();
  ScriptedPeer& server = accept();
  auto stream = bidi(channel());
  server.send(Wire().headers(3, kResponseHead).data(3, message("one")));
  Call<Status> finished = stream.finish().start();
  server.close();
  const std::string why = "connection closed by " + server.local_addr().to_string();
  EXPECT_EQ(call.get().status(), Status(StatusCode::kUnavailable, why));
  EXPECT_EQ(finished.get(), Status(StatusCode::kUnavailable, why));
}

// Whoever ends the call: messages that came whole before that are there to be read.
TEST_P(ClientConnections, MessagesThatCameBeforeTheEndAreStillRead) {
  const std::vector<std::pair<std::string, StatusCode>> ends = {
      {Wire().headers(1, {{"grpc-status", "5"}}, kEnd).str(), StatusCode::kNotFound},
      {Wire().rst(1, ErrorCode::kInternalError).str(), StatusCode::kInternal},
      {Wire().data(1, message("m", 2)).str(), StatusCode::kInternal},
      {Wire().data(1, message("half").substr(0, 7), kEnd).str(), StatusCode::kInternal},
      {Wire().headers(1, kResponseHead).str(), StatusCode::kInternal},
      {Wire().data(1, "").ping("short").str(), StatusCode::kUnavailable},
      {"", StatusCode::kUnavailable}};  // the connection is closed
  for (const auto& [end, code] : ends) {
    Channel fresh = dial(runtime(), "pipe:scripted").value();
    auto stream = bidi(fresh);
    ScriptedPeer& server = accept();
    server.send(Wire().headers(1, kResponseHead).data(1, message("one") + message("two")));
    server.send(end);
    if (end.empty()) server.close();
    for (const char* text : {"one", "two"}) {
      const Read<Chain> reply = stream.read().get();
      EXPECT_EQ(reply ? reply->to_string() : "none", text) << code;
    }
    EXPECT_FALSE(stream.read().get());
    EXPECT_EQ(stream.finish().get().code(), code);
  }
}

TEST_P(ClientConnections, MessagesThatCameBeforeACancellationAreDropped) {
  auto stream = bidi(channel());
  accept().send(Wire().headers(1, kResponseHead).data(1, message("one")));
  stream.cancel();
  EXPECT_FALSE(stream.read().get());
  EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
}

// What only a broken peer, or none of HTTP/2, says: each ends the connection, and says why on both sides.
TEST_P(ClientConnections, BrokenRulesEndTheConnection) {
  const std::string settings = Wire().settings().str();
  const std::vector<std::pair<std::string, std::string>> table = {
      {Wire().ping("12345678").str(), "PROTOCOL_ERROR: first frame is not SETTINGS"},
      {Wire().settings({{SettingId::kMaxFrameSize, 16383}}).str(),
       "PROTOCOL_ERROR: SETTINGS_MAX_FRAME_SIZE out of range"},
      {Wire().settings({{SettingId::kMaxFrameSize, 1 << 24}}).str(),
       "PROTOCOL_ERROR: SETTINGS_MAX_FRAME_SIZE out of range"},
      {Wire().settings({{SettingId::kEnablePush, 1}}).str(),
       "PROTOCOL_ERROR: SETTINGS_ENABLE_PUSH out of range"},
      {Wire().settings({{SettingId::kInitialWindowSize, 0x80000000}}).str(),
       "FLOW_CONTROL_ERROR: SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1"},
      {settings + Wire().frame(FrameType::kPushPromise, 4, 1, Wire::u32(2)).str(),
       "PROTOCOL_ERROR: PUSH_PROMISE although push is off"},
      {settings + Wire().headers(2, kResponseHead).str(),
       "PROTOCOL_ERROR: HEADERS on a stream that the peer may not open"},
      {settings + Wire().headers(101, kResponseHead).str(),
       "PROTOCOL_ERROR: HEADERS on a stream that the peer may not open"},
      {settings + Wire().goaway(2, ErrorCode::kNoError).str(),
       "PROTOCOL_ERROR: GOAWAY with a stream id that is not ours"},
      {settings + Wire().goaway(1, ErrorCode::kNoError).goaway(3, ErrorCode::kNoError).str(),
       "PROTOCOL_ERROR: GOAWAY with an increasing stream id"},
      {settings + Wire().headers(1, "\x80").str(), "COMPRESSION_ERROR: "},
  };
  for (const auto& [bytes, why] : table) {
    Channel fresh = dial(runtime(), "pipe:scripted").value();
    Call<Chain> call = fresh.invoke(kUnary, request_).start();
    ScriptedPeer& server = accept_silently();
    server.send(bytes);
    expect_names(call.get().status(), StatusCode::kUnavailable, "connection error: " + why);
    settle();
    const auto goaway = server.frames("GOAWAY");
    ASSERT_EQ(goaway.size(), 1u) << why;
    EXPECT_EQ(goaway[0].substr(0, 9 + why.find(':')), "GOAWAY 0 " + why.substr(0, why.find(':')));
    EXPECT_TRUE(server.closed()) << why;
  }
}

TEST_P(ClientConnections, GoawayLetsTheCallsBelowItFinish) {
  Call<Chain> below = start();
  ScriptedPeer& server = accept();
  settle();
  server.send(Wire().goaway(1, ErrorCode::kNoError));
  // The channel goes on, on another connection.
  Call<Chain> next = start();
  ScriptedPeer& other = accept();
  EXPECT_NE(&other, &server);
  other.send(reply_to(1, "from another"));
  EXPECT_EQ(support::text_of(next.get()), "from another");
  EXPECT_FALSE(server.closed());
  server.send(reply_to(1));
  EXPECT_EQ(support::text_of(below.get()), "r");
  settle();
  EXPECT_TRUE(server.closed()) << "its last call has ended";
}

// Those that the server's limit has kept back were never sent: the next connection takes them.
TEST_P(ClientConnections, CallsThatWaitGoToTheNextConnection) {
  for (const bool politely : {true, false}) {
    const Channel fresh = dial(runtime(), "pipe:scripted", {.backoff = {.initial = 1ms}}).value();
    Call<Chain> sent = fresh.invoke(kUnary, request_).start();
    ScriptedPeer& first = accept({{SettingId::kMaxConcurrentStreams, 1}});
    Call<Chain> waits = fresh.invoke(kUnary, request_).start();
    settle();
    EXPECT_EQ(first.frames("HEADERS").size(), 1u);
    if (politely) {
      first.send(Wire().goaway(1, ErrorCode::kNoError));
    } else {
      first.close();
      EXPECT_EQ(sent.get().status().code(), StatusCode::kUnavailable);
    }
    ScriptedPeer& second = accept();
    second.send(reply_to(1, "from the second"));
    EXPECT_EQ(support::text_of(waits.get()), "from the second");
    if (!politely) continue;
    first.send(reply_to(1, "from the first"));
    EXPECT_EQ(support::text_of(sent.get()), "from the first");
  }
}

TEST_P(ClientConnections, GoawayWithAnErrorIsLoggedAsAWarning) {
  Call<Chain> call = start();
  ScriptedPeer& server = accept();
  server.send(reply_to(1));
  EXPECT_EQ(support::text_of(call.get()), "r");
  server.send(Wire().goaway(1, ErrorCode::kEnhanceYourCalm, "too_many_pings"));
  EXPECT_EQ(log().at(LogLevel::kWarning),
            std::vector<std::string>{"GOAWAY from pipe:scripted: ENHANCE_YOUR_CALM \"too_many_pings\""});
}

// Whichever way a GOAWAY ends a call: it says so, with what the server gave as its reason.
TEST_P(ClientConnections, GoawayThatEndsACallIsInItsStatus) {
  const std::string from = "call not processed: GOAWAY from pipe:scripted: ";
  const std::vector<std::pair<std::string, std::string>> table = {
      {Wire().goaway(1, ErrorCode::kEnhanceYourCalm, "too_many_pings").str(),
       "ENHANCE_YOUR_CALM \"too_many_pings\""},
      {Wire().goaway(1, ErrorCode::kNoError, "max_age").str(), "NO_ERROR \"max_age\""},
      {Wire().goaway(1, static_cast<ErrorCode>(77)).str(), "error code 77"},
      {Wire().goaway(1, ErrorCode::kInternalError, "\x1b[2J\n\xff").str(),
       "INTERNAL_ERROR \"\\x1b[2J\\x0a\\xff\""},
      {Wire().goaway(1, ErrorCode::kInternalError, std::string(10'000, 'd')).str(),
       "INTERNAL_ERROR \"" + std::string(256, 'd') + "\""},
      // The last one counts, but a goodbye hides no error.
      {Wire()
           .goaway(http2::kMaxStreamId, ErrorCode::kNoError, "draining")
           .goaway(1, ErrorCode::kNoError)
           .str(),
       "NO_ERROR"},
      {Wire()
           .goaway(http2::kMaxStreamId, ErrorCode::kInternalError, "why")
           .goaway(1, ErrorCode::kNoError, "bye")
           .str(),
       "INTERNAL_ERROR \"why\""}};
  for (const auto& [frames, said] : table) {
    const Channel fresh = dial(runtime(), "pipe:scripted").value();
    auto below = bidi(fresh);
    ScriptedPeer& server = accept();
    auto above = bidi(fresh);
    Call<Chain> unary = fresh.invoke(kUnary, request_).start();
    settle();
    server.send(Wire().headers(1, kResponseHead).data(1, message("one")));
    server.send(Wire().headers(3, kResponseHead).data(3, message("two")));
    server.send(Wire().headers(5, kResponseHead));  // without it that call would be sent again
    server.send(frames);
    // What came before is read all the same.
    EXPECT_EQ(above.read().get()->to_string(), "two");
    EXPECT_FALSE(above.read().get());
    EXPECT_EQ(above.finish().get(), Status(StatusCode::kUnavailable, from + said));
    EXPECT_EQ(unary.get().status(), Status(StatusCode::kUnavailable, from + said));
    server.close();
    EXPECT_EQ(below.read().get()->to_string(), "one");
    EXPECT_FALSE(below.read().get());
    EXPECT_EQ(below.finish().get(),
              Status(StatusCode::kUnavailable, "connection closed by " + server.local_addr().to_string() +
                                                   " after its GOAWAY: " + said));
  }
}

TEST_P(ClientConnections, R71_PingsAreAnsweredWithTheirPayload) {
  Call<Chain> call = start();
  ScriptedPeer& server = accept();
  server.send(Wire().ping("12345678").ping("abcdefgh"));
  EXPECT_EQ(server.frames("PING ACK").size(), 2u);
  EXPECT_EQ(server.last_ping(), "abcdefgh");
  call.cancel();
  EXPECT_EQ(call.get().status().code(), StatusCode::kCancelled);
}

}  // namespace
}  // namespace sluice::inline v0::wire
