// A server that ends politely: drain() and stop(), with calls of all kinds on their way.
#include <optional>
#include <string>
#include <vector>

#include "http2/frame.h"
#include "lifecycle/lifecycle.h"
#include "support/tap_network.h"

namespace sluice::lifecycle {
namespace {

class Drain : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, Drain, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

// One call of each kind in flight.
struct Four {
  explicit Four(const Channel& channel)
      : unary(channel.invoke(kUnary, request).start()),
        replies(reply_stream(channel, request)),
        requests(request_stream(channel)),
        both(bidi(channel)) {}
  void expect_all_finish() {
    EXPECT_EQ(text_of(unary.get()), "m");
    const Read<Chain> reply = replies.read().get();
    EXPECT_EQ(reply ? reply->to_string() : "none", "m");
    EXPECT_EQ(replies.finish().get(), Status());
    EXPECT_EQ(requests.write(request).get(), Status());
    EXPECT_EQ(text_of(requests.finish().get()), "m");
    EXPECT_EQ(both.write(request).get(), Status());
    const Read<Chain> echo = both.read().get();
    EXPECT_EQ(echo ? echo->to_string() : "none", "m");
    EXPECT_EQ(both.finish().get(), Status());
  }
  void expect_all_fail(StatusCode code, std::string_view why) {
    expect_names(unary.get().status(), code, why);
    expect_names(replies.finish().get(), code, why);
    expect_names(requests.finish().get().status(), code, why);
    expect_names(both.finish().get(), code, why);
  }
  const Chain request = bytes("m");
  Call<Chain> unary;
  ClientReader<Chain> replies;
  ClientWriter<Chain, Chain> requests;
  ClientReaderWriter<Chain, Chain> both;
};

Task<void> give_way() { co_await yield(); }

// Until GOAWAY has come, new calls go to the old connection, and are served there.
void until_draining(Runtime& runtime, const Channel& channel) {
  while (channel.state() == ConnectivityState::kReady) runtime.run(give_way());
}

// A drain that was started frees the name when its loop gets to it.
std::unique_ptr<net::Listener> listen_once_free(Runtime& runtime, std::string_view addr) {
  for (;;) {
    Result<std::unique_ptr<net::Listener>> listener = runtime.listen(addr);
    if (listener.ok() || listener.status().code() != StatusCode::kAlreadyExists)
      return std::move(listener).value();
    runtime.run(give_way());
  }
}

TEST_P(Drain, CallSentBeforeItIsKnownIsServed) {
  HeldService service(1);
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  Call<Chain> call = served.unary(request).start();
  runtime().run(service.running.wait());
  auto stream = served.bidi();
  Call<Status> drained = served.server().drain().start();
  Call<Status> written = stream.write(request).start();
  service.let_go.count_down();
  EXPECT_EQ(text_of(call.get()), "m");
  EXPECT_EQ(written.get(), Status());
  EXPECT_EQ(stream.finish().get(), Status());
  EXPECT_EQ(drained.get(), Status());
}

TEST_P(Drain, LetsCallsOfAllKindsFinishAndRefusesNewOnes) {
  HeldService service(4);
  ServedRaw served(runtime(), service);
  Four calls(served.channel());
  runtime().run(service.running.wait());

  Call<Status> drained = served.server().drain().start();
  Call<Status> again = served.server().drain().start();
  until_draining(runtime(), served.channel());
  const Chain request = bytes("new");
  expect_names(served.unary(request).get().status(), StatusCode::kUnavailable,
               "nobody listens on pipe:served");

  service.let_go.count_down();
  calls.expect_all_finish();
  EXPECT_EQ(drained.get(), Status());
  EXPECT_EQ(again.get(), Status());
  EXPECT_EQ(served.server().drain().get(), Status()) << "what has ended is drained";
  EXPECT_EQ(service.ended, 4);
  EXPECT_EQ(service.cancelled, 0);
}

TEST_P(Drain, NewCallsGoToTheServerThatTookOver) {
  HeldService service(1);
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  Call<Chain> old = served.unary(request).start();
  runtime().run(service.running.wait());
  Call<Status> drained = served.server().drain().start();

  RawService successor;
  Server next(runtime());
  ASSERT_EQ(next.register_service(RawService::desc(), &successor), Status());
  ASSERT_EQ(next.serve(listen_once_free(runtime(), "pipe:served")), Status());
  until_draining(runtime(), served.channel());
  EXPECT_EQ(text_of(served.unary(request).get()), "m");
  EXPECT_EQ(service.ended, 0) << "the old call runs on beside it";
  service.let_go.count_down();
  EXPECT_EQ(text_of(old.get()), "m");
  EXPECT_EQ(drained.get(), Status());
}

TEST_P(Drain, OfAServerThatServesNothingCompletesAtOnce) {
  Server server(runtime());
  EXPECT_EQ(server.drain().get(), Status());
  Server idle(runtime());
  ASSERT_EQ(idle.serve(runtime().listen("pipe:idle").value()), Status());
  EXPECT_EQ(idle.drain().get(), Status());
  EXPECT_TRUE(runtime().listen("pipe:idle").ok()) << "the name is free again";
}

TEST_P(Drain, EndsWithACloseInBetween) {
  HeldService service(4, HeldService::When::kLetGoOrCancelled);
  ServedRaw served(runtime(), service);
  Four calls(served.channel());
  runtime().run(service.running.wait());
  Call<Status> drained = served.server().drain().start();
  served.server().close();
  served.server().close();
  EXPECT_EQ(drained.get(), Status());
  calls.expect_all_fail(StatusCode::kUnavailable, "");
  EXPECT_EQ(service.cancelled, 4);
}

// GOAWAY with the largest id, a PING round trip, GOAWAY with the last id (gRPC A9).
TEST_P(Drain, SaysGoawayTwiceWithAPingRoundTripInBetween) {
  auto tap = std::make_shared<support::TapNetwork>();
  runtime().add_network("tap", tap);
  HeldService service(1);
  ServedRaw served(runtime(), service, {.address = "tap:x"});
  const Chain request = bytes("m");
  Call<Chain> call = served.unary(request).start();
  runtime().run(service.running.wait());
  Call<Status> drained = served.server().drain().start();
  service.let_go.count_down();
  EXPECT_EQ(text_of(call.get()), "m");
  EXPECT_EQ(drained.get(), Status());

  std::vector<std::string> said;
  const std::string wrote = tap->accepted_wrote();
  std::string_view wire = wrote;
  while (wire.size() >= http2::kFrameHeaderSize) {
    const auto header = http2::FrameHeader::parse(std::as_bytes(std::span(wire.data(), wire.size())).data());
    wire.remove_prefix(http2::kFrameHeaderSize);
    const auto* payload = std::as_bytes(std::span(wire.data(), wire.size())).data();
    if (header.type == http2::FrameType::kGoaway) {
      said.push_back("GOAWAY " + std::to_string(http2::load_u32(payload)));
    }
    if (header.type == http2::FrameType::kPing) said.push_back("PING");
    wire.remove_prefix(header.length);
  }
  ASSERT_GE(said.size(), 3u);
  said.resize(3);
  EXPECT_EQ(said, (std::vector<std::string>{"GOAWAY 2147483647", "PING", "GOAWAY 1"}));
}

class Stop : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, Stop, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

TEST_P(Stop, CompletesAtOnceWhenNothingRuns) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  ASSERT_EQ(text_of(served.unary(request).get()), "m");
  const TimePoint begin = runtime().now();
  const Result<StopReport> report = served.server().stop(begin + 1h).get();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->still_running.empty());
  EXPECT_EQ(report->calls_cancelled, 0u);
  if (simulated()) {
    EXPECT_EQ(runtime().now(), begin);
  }
  EXPECT_LT(runtime().now(), begin + 1h);
  const Result<StopReport> again = served.server().stop(begin).get();
  EXPECT_TRUE(again.ok() && again->still_running.empty());
}

TEST_P(Stop, WaitsForCallsThatEndBeforeTheDeadline) {
  HeldService service(4);
  ServedRaw served(runtime(), service);
  Four calls(served.channel());
  runtime().run(service.running.wait());
  Call<StopReport> stopping = served.server().stop(runtime().now() + 1h).start();
  service.let_go.count_down();
  calls.expect_all_finish();
  const Result<StopReport> report = stopping.get();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->still_running.empty());
  EXPECT_EQ(report->calls_cancelled, 0u);
}

TEST_P(Stop, ReportsOnTimeWhoDoesNotEnd) {
  HeldService service(4);
  ServedRaw served(runtime(), service);
  Four calls(served.channel());
  runtime().run(service.running.wait());
  const TimePoint begin = runtime().now();
  const Result<StopReport> report = served.server().stop(begin + 10ms).get();
  ASSERT_TRUE(report.ok()) << report.status();
  if (simulated()) {
    EXPECT_EQ(runtime().now(), begin + 10ms);
  }
  EXPECT_EQ(report->calls_cancelled, 4u);
  std::vector<std::string> methods;
  for (const StopReport::Call& call : report->still_running) {
    methods.push_back(call.method);
    EXPECT_EQ(call.peer.substr(0, 12), "pipe:served#");
    EXPECT_EQ(call.state, "cancelled");
    EXPECT_GE(call.age, 10ms);
    if (simulated()) {
      EXPECT_EQ(call.age, 10ms);
    }
  }
  std::sort(methods.begin(), methods.end());
  EXPECT_EQ(methods, (std::vector<std::string>{"/test.Raw/Bidi", "/test.Raw/ReplyStream",
                                               "/test.Raw/RequestStream", "/test.Raw/Unary"}));
  calls.expect_all_fail(StatusCode::kUnavailable, "");
  EXPECT_EQ(service.ended, 0);
  service.let_go.count_down();  // they end later, and nothing of them is left
  served.end_server();
  EXPECT_EQ(service.ended, 4);
}

TEST_P(Stop, CancelsHandlersThatListenAndReportsNone) {
  HeldService service(4, HeldService::When::kLetGoOrCancelled);
  ServedRaw served(runtime(), service);
  Four calls(served.channel());
  runtime().run(service.running.wait());
  const Result<StopReport> report = served.server().stop(runtime().now() + 1ms).get();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->calls_cancelled, 4u);
  EXPECT_TRUE(report->still_running.empty()) << report->still_running[0].method;
  EXPECT_EQ(service.cancelled, 4);
  calls.expect_all_fail(StatusCode::kUnavailable, "");
}

TEST_P(Stop, ThatIsGivenUpStopsAllTheSame) {
  HeldService service(1, HeldService::When::kLetGoOrCancelled);
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  Call<Chain> call = served.unary(request).start();
  runtime().run(service.running.wait());
  { Call<StopReport> stopping = served.server().stop(runtime().now() + 1ms).start(); }
  EXPECT_FALSE(runtime().listen("pipe:served").status().code() == StatusCode::kAlreadyExists);
  served.server().close();
  expect_names(call.get().status(), StatusCode::kUnavailable, "");
}

TEST_P(Stop, SeveralAtOnceEachKeepTheirDeadline) {
  HeldService service(1);
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  Call<Chain> call = served.unary(request).start();
  runtime().run(service.running.wait());
  const TimePoint begin = runtime().now();
  Call<StopReport> late = served.server().stop(begin + 20ms).start();
  Call<StopReport> early = served.server().stop(begin + 10ms).start();
  Call<StopReport> past = served.server().stop(begin - 10ms).start();
  for (Call<StopReport>* stopping : {&past, &early, &late}) {
    const Result<StopReport> report = stopping->get();
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->still_running.size(), 1u);
  }
  service.let_go.count_down();
  expect_names(call.get().status(), StatusCode::kUnavailable, "");
}

TEST_P(Stop, AwaitedByACoroutine) {
  HeldService service(1);
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  Call<Chain> call = served.unary(request).start();
  runtime().run(service.running.wait());
  struct Local {
    static Task<std::size_t> stop(Server& server, TimePoint deadline) {
      const Result<StopReport> report = co_await server.stop(deadline);
      co_return report.ok() ? report->still_running.size() : 99;
    }
  };
  EXPECT_EQ(runtime().run(Local::stop(served.server(), runtime().now() + 1ms)), 1u);
  service.let_go.count_down();
  expect_names(call.get().status(), StatusCode::kUnavailable, "");
}

}  // namespace
}  // namespace sluice::lifecycle
