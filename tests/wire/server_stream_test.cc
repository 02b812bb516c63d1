// A server's calls in flight: how many handlers run, what waits for the client, who is told of the end.
#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "support/tap_network.h"
#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

using support::TapNetwork;

class ServerStreams : public WireTest {};
INSTANTIATE_TEST_SUITE_P(All, ServerStreams, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

class ServerStreamsInVirtualTime : public WireTest {};
INSTANTIATE_TEST_SUITE_P(Simulated, ServerStreamsInVirtualTime,
                         ::testing::ValuesIn(support::kSimulatedRuntimes), support::name_of);

// Handlers that take no notice of their call's end: each runs until its own gate is opened.
class Gated final : public RawService {
 public:
  explicit Gated(int calls) : gates(calls) {}
  Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>&) override { return run(); }
  void open_all() {
    for (Latch& gate : gates) gate.count_down();
  }

  std::deque<Latch> gates;  // in the order in which handlers start
  int started = 0;
  int running = 0;
  int most = 0;  // that ran at once

 private:
  Task<Status> run() {
    Latch& gate = gates.at(static_cast<std::size_t>(started++));
    most = std::max(most, ++running);
    co_await gate.wait();
    --running;
    co_return Status();
  }
};

Wire open_bidi(http2::StreamId id) { return Wire().headers(id, request_head("/test.Raw/Bidi")); }

TEST_P(ServerStreams, R29_HandlersThatRunOnAfterAResetHoldTheirPlace) {
  Gated service(8);
  ServedRaw served(runtime(), service, {.server = {.max_concurrent_streams = 2}});
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  http2::StreamId id = 1;
  for (int i = 0; i < 100; ++i, id += 2) {
    client.send(open_bidi(id));
    client.send(Wire().rst(id, ErrorCode::kCancel));
  }
  EXPECT_EQ(service.started, 2) << "the others were reset before there was a place";
  client.send(open_bidi(id).raw(open_bidi(id + 2)));
  EXPECT_EQ(service.started, 2);

  service.gates[0].count_down();
  settle();
  EXPECT_EQ(service.started, 3) << "one place, one handler";
  EXPECT_EQ(service.running, 2);
  service.gates[1].count_down();
  settle();
  EXPECT_EQ(service.started, 4);
  service.open_all();
  settle();
  EXPECT_EQ(service.most, 2);
  EXPECT_EQ(client.outcome(id), "0, RST_STREAM NO_ERROR");
  EXPECT_EQ(client.outcome(id + 2), "0, RST_STREAM NO_ERROR");
}

// One that never ends takes one place, not all of them.
TEST_P(ServerStreams, OneHandlerThatLingersDoesNotHoldUpTheOthers) {
  Gated service(8);
  ServedRaw served(runtime(), service, {.server = {.max_concurrent_streams = 3}});
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(open_bidi(1));
  client.send(Wire().rst(1, ErrorCode::kCancel));
  client.send(open_bidi(3).raw(open_bidi(5)).raw(open_bidi(7)));
  EXPECT_EQ(service.started, 3);
  service.gates[1].count_down();
  settle();
  EXPECT_EQ(service.started, 4) << "the place of a call that has ended is free";
  service.open_all();
  settle();
  EXPECT_EQ(service.most, 3);
  for (const http2::StreamId id : {3, 5, 7}) EXPECT_EQ(client.outcome(id), "0, RST_STREAM NO_ERROR");
}

TEST_P(ServerStreams, PlaceOfALingeringHandlerIsOfItsConnectionAlone) {
  Gated service(8);
  ServedRaw served(runtime(), service, {.server = {.max_concurrent_streams = 1}});
  {
    ScriptedClient gone(runtime(), "pipe:served");
    gone.greet();
    gone.send(open_bidi(1));
    gone.send(Wire().rst(1, ErrorCode::kCancel));
  }
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(open_bidi(1));
  EXPECT_EQ(service.started, 2);
  service.open_all();
}

TEST_P(ServerStreams, R28_StreamAboveTheLimitIsRefused) {
  Gated service(8);
  ServedRaw served(runtime(), service, {.server = {.max_concurrent_streams = 2}});
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(open_bidi(1).raw(open_bidi(3)).raw(open_bidi(5)));
  EXPECT_EQ(service.started, 2);
  EXPECT_EQ(client.outcome(5), "open, RST_STREAM REFUSED_STREAM");
  EXPECT_EQ(client.outcome(3), "open");
  service.open_all();
  settle();
  client.send(open_bidi(7));
  EXPECT_EQ(service.started, 3);
}

TEST_P(ServerStreamsInVirtualTime, R14_ReplyThatWaitsForCreditIsResetAtTheDeadline) {
  RawService service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet({{SettingId::kInitialWindowSize, 3}});
  client.send(unary_request(1, "hello", {{"grpc-timeout", "1S"}}));
  EXPECT_EQ(client.take().back(), "DATA 1 3 bytes");
  pass(999ms);
  EXPECT_EQ(client.outcome(1), "open");
  pass(1ms);
  EXPECT_EQ(client.outcome(1), "open, RST_STREAM CANCEL");
}

TEST_P(ServerStreamsInVirtualTime, ReplyThatGetsItsCreditInTimeIsDone) {
  RawService service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet({{SettingId::kInitialWindowSize, 3}});
  client.send(unary_request(1, "hello", {{"grpc-timeout", "1S"}}));
  pass(500ms);
  client.send(Wire().window_update(1, 100));
  EXPECT_EQ(client.outcome(1), "0");
  EXPECT_EQ(runtime().live().timers, 0);
  pass(1s);
  EXPECT_EQ(client.outcome(1), "0");
}

TEST_P(ServerStreamsInVirtualTime, ReplyThatWaitsForCreditGoesWithItsConnection) {
  RawService service;
  ServedRaw served(runtime(), service);
  {
    ScriptedClient client(runtime(), "pipe:served");
    client.greet({{SettingId::kInitialWindowSize, 3}});
    client.send(unary_request(1, "hello", {{"grpc-timeout", "1S"}}));
  }
  EXPECT_EQ(runtime().live().timers, 0);
  pass(1s);
}

// The handler has replied, and its client breaks the rules: what waits for credit is still bound by the
// deadline.
TEST_P(ServerStreamsInVirtualTime, ReplyThatWaitsBehindAFailureIsResetAtTheDeadline) {
  RawService service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet({{SettingId::kInitialWindowSize, 3}});
  client.send(
      Wire().headers(1, request_head("/test.Raw/Bidi", {{"grpc-timeout", "1S"}})).data(1, message("hello")));
  client.send(Wire().data(1, message("m", 2)));
  EXPECT_EQ(client.outcome(1), "open");
  pass(1s);
  EXPECT_EQ(client.outcome(1), "open, RST_STREAM CANCEL");
}

TEST_P(ServerStreamsInVirtualTime, R14_DeadlineCancelsTheHandlerAndIsToldInTrailers) {
  HeldService service(1, HeldService::When::kLetGoOrCancelled);
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(unary_request(1, "m", {{"grpc-timeout", "250m"}}));
  pass(249ms);
  EXPECT_EQ(service.cancelled, 0);
  pass(1ms);
  EXPECT_EQ(service.cancelled, 1);
  EXPECT_EQ(client.outcome(1), "4 deadline exceeded");
}

TEST_P(ServerStreamsInVirtualTime, DeadlineOfAStreamIsToldInTrailersBeforeItIsReset) {
  RawService service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(
      Wire().headers(1, request_head("/test.Raw/Bidi", {{"grpc-timeout", "1S"}})).data(1, message("hello")));
  pass(1s);
  EXPECT_EQ(client.outcome(1), "4 deadline exceeded, RST_STREAM NO_ERROR");
}

TEST_P(ServerStreams, R12_CallWhoseDeadlineHasPassedIsNotRun) {
  HeldService service(1);
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(unary_request(1, "m", {{"grpc-timeout", "0n"}}));
  EXPECT_EQ(client.outcome(1), "4 deadline exceeded before the call started, RST_STREAM NO_ERROR");
  EXPECT_FALSE(service.running.open());
}

TEST_P(ServerStreams, R11_TimeoutLongerThanTimeItselfIsNone) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
      deadline = context.deadline();
      co_return Chain(request);
    }
    TimePoint deadline{};
  } service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(unary_request(1, "m", {{"grpc-timeout", "99999999H"}}));
  EXPECT_EQ(client.outcome(1), "0");
  EXPECT_EQ(service.deadline, kNever);
}

TEST_P(ServerStreams, R13_NoTimeoutIsNoDeadline) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
      deadline = context.deadline();
      co_return Chain(request);
    }
    TimePoint deadline{};
  } service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  for (const http2::StreamId id : {1, 3, 5}) {
    service.deadline = {};
    client.send(unary_request(id));
    EXPECT_EQ(client.outcome(id), "0");
    EXPECT_EQ(service.deadline, kNever);
  }
}

TEST_P(ServerStreams, ResetByTheClientCancelsTheHandler) {
  HeldService service(1, HeldService::When::kLetGoOrCancelled);
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(unary_request(1));
  client.take();
  client.send(Wire().rst(1, ErrorCode::kCancel));
  EXPECT_EQ(service.cancelled, 1);
  EXPECT_EQ(client.take(), std::vector<std::string>()) << "nothing is said on a stream that was reset";
}

TEST_P(ServerStreams, R59_LostConnectionCancelsItsHandlers) {
  HeldService service(2, HeldService::When::kLetGoOrCancelled);
  ServedRaw served(runtime(), service);
  {
    ScriptedClient client(runtime(), "pipe:served");
    client.greet();
    client.send(unary_request(1));
    client.send(open_bidi(3));
    EXPECT_EQ(service.cancelled, 0);
  }
  EXPECT_EQ(service.cancelled, 2);
}

// What ends a call tells its handler, wherever that waits.
TEST_P(ServerStreams, MessageThatIsNoneCancelsTheHandler) {
  const std::string bad[] = {message("m", 2), message("m", 1), message("", 0, 5 << 20)};
  const char* const outcomes[] = {
      "13 message has the invalid compressed flag 2, RST_STREAM NO_ERROR",
      "13 compressed flag set with identity or empty encoding, RST_STREAM NO_ERROR",
      "8 message of 5242880 bytes exceeds the limit of 4194304, RST_STREAM NO_ERROR"};
  HeldService service(1, HeldService::When::kLetGoOrCancelled);
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  for (unsigned i = 0; i < 3; ++i) {
    const http2::StreamId id = 1 + 2 * i;
    client.send(open_bidi(id));
    client.send(Wire().data(id, bad[i]));
    EXPECT_EQ(client.outcome(id), outcomes[i]);
    EXPECT_EQ(service.cancelled, static_cast<int>(i + 1));
  }
}

// The client may still be sending: it is told to stop, and what it has sent is no loss to the others.
TEST_P(ServerStreams, R33_AnswerBeforeTheEndOfTheRequestStopsTheClient) {
  struct Impl final : RawService {
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>&) override {
      co_return {StatusCode::kPermissionDenied, "no"};
    }
  } service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(open_bidi(1));
  EXPECT_EQ(client.take(),
            (std::vector<std::string>{
                "HEADERS 1 END [:status 200, content-type application/grpc, grpc-status 7, grpc-message no]",
                "RST_STREAM 1 NO_ERROR"}));
}

TEST_P(ServerStreams, R34_DataThatCrossesTheResetGivesItsCreditBack) {
  struct Impl final : RawService {
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>&) override {
      co_return {StatusCode::kPermissionDenied, "no"};
    }
  } service;
  runtime().add_network("small", std::make_shared<TapNetwork>(TapNetwork::Windows::kOfSockets));
  ServedRaw served(runtime(), service, {.address = "small:window"});
  ScriptedClient client(runtime(), "small:window");
  client.greet();
  const std::string body = message(std::string(1'019, 'x'));
  constexpr int kCalls = 10'000;  // with 20 times what the window has room for
  http2::StreamId id = 1;
  for (int i = 0; i < kCalls; ++i, id += 2) {
    client.send(open_bidi(id));
    client.send(Wire().data(id, body).data(id, body, kEnd));
  }
  EXPECT_FALSE(client.closed()) << client.frames().back();
  EXPECT_EQ(client.outcome(id - 2), "7 no, RST_STREAM NO_ERROR");
  std::size_t credit = 0;
  for (const std::string& frame : client.frames("WINDOW_UPDATE 0 ")) credit += std::stoul(frame.substr(16));
  EXPECT_GE(credit, kCalls * 2 * body.size() - (1 << 20)) << "but for what is gathered for the next update";
}

TEST_P(ServerStreams, R75_ReplyOverTheSendLimitIsNotSent) {
  RawService service;
  ServedRaw served(runtime(), service, {.server = {.max_send_message_size = 10}});
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(unary_request(1, "0123456789"));
  EXPECT_EQ(client.outcome(1), "0");
  client.send(unary_request(3, "0123456789a"));
  client.send(open_bidi(5).data(5, message("0123456789a")));
  for (const http2::StreamId id : {3, 5}) {
    EXPECT_EQ(client.outcome(id).substr(0, 45), "8 message of 11 bytes exceeds the limit of 10");
    EXPECT_EQ(client.stream(id).data, "");
  }
}

// SETTINGS_MAX_HEADER_LIST_SIZE of the client.
struct Talkative final : RawService {
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    const std::string text(1000, 'x');
    const std::string what = request.to_string();
    const Status added =
        what == "header" ? context.add_header("x-long", text) : context.add_trailer("x-long", text);
    EXPECT_EQ(added, Status());
    if (what == "not found") co_return Status(StatusCode::kNotFound, "no such thing");
    co_return Chain(request);
  }
};

TEST_P(ServerStreams, HeaderOverTheClientsLimitIsNotSent) {
  Talkative service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet({{SettingId::kMaxHeaderListSize, 500}});
  client.send(unary_request(1, "header"));
  EXPECT_EQ(client.outcome(1), "8 response header list of 1140 bytes exceeds the peer's limit of 500");
  EXPECT_EQ(client.stream(1).blocks.size(), 1u);
}

TEST_P(ServerStreams, R53_TrailersOverTheClientsLimitStillBringTheStatus) {
  Talkative service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet({{SettingId::kMaxHeaderListSize, 500}});
  client.send(unary_request(1, "not found"));
  EXPECT_EQ(client.outcome(1), "5 no such thing");
  client.send(unary_request(3, "fine"));
  EXPECT_EQ(client.outcome(3), "8 response trailer list of 1082 bytes exceeds the peer's limit of 500");
  EXPECT_EQ(client.stream(3).data, message("fine"));
}

TEST_P(ServerStreams, R53_StatusTextOverTheClientsLimitIsCut) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext&, const Chain&) override {
      co_return {StatusCode::kAborted, std::string(100'000, 'x')};
    }
  } service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet({{SettingId::kMaxHeaderListSize, 500}});
  client.send(unary_request(1));
  EXPECT_EQ(client.outcome(1), "10 " + std::string(250, 'x'));
}

}  // namespace
}  // namespace sluice::inline v0::wire
