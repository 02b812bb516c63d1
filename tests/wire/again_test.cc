// Calls that the server says it has not processed, and calls that have never left: the channel sends them
// again (gRFC A6, "transparent retries"), and nothing else.
#include <functional>
#include <string>
#include <vector>

#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

class CallsSentAgain : public ClientTest {
 protected:
  Call<Chain> start(const CallOptions& options = {}) {
    return channel().invoke(kUnary, request_, options).start();
  }
  static std::string reply_to(http2::StreamId id, std::string_view body = "r") {
    return Wire().headers(id, kResponseHead).data(id, message(body)).headers(id, kOkTrailers, kEnd).str();
  }
  // A connection that has answered call 1.
  ScriptedPeer& proved() {
    Call<Chain> first = start();
    ScriptedPeer& server = accept();
    server.send(reply_to(1));
    EXPECT_EQ(support::text_of(first.get()), "r");
    return server;
  }
  static std::string refusal(http2::StreamId id) { return Wire().rst(id, ErrorCode::kRefusedStream).str(); }
  static constexpr char kRefused[] = "UNAVAILABLE: stream reset by the peer: REFUSED_STREAM";
  const Chain request_ = bytes("m");
};
INSTANTIATE_TEST_SUITE_P(All, CallsSentAgain, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

class CallsSentAgainInVirtualTime : public CallsSentAgain {};
INSTANTIATE_TEST_SUITE_P(Simulated, CallsSentAgainInVirtualTime,
                         ::testing::ValuesIn(support::kSimulatedRuntimes), support::name_of);

TEST_P(CallsSentAgain, R66_CallsAboveAGoawayGoToANewConnectionUnnoticed) {
  ScriptedPeer& first = proved();
  Call<Chain> below = start();
  Call<Chain> above = start();
  Call<Chain> also_above = start();
  settle();
  first.send(Wire().goaway(3, ErrorCode::kNoError));
  ScriptedPeer& second = accept();
  EXPECT_EQ(second.frames("HEADERS").size(), 2u);
  EXPECT_EQ(second.stream(1).data, message("m"));
  EXPECT_TRUE(second.stream(3).ended);
  second.send(reply_to(3, "c") + reply_to(1, "b"));
  first.send(reply_to(3, "a"));
  EXPECT_EQ(support::text_of(below.get()), "a");
  const std::string replies = support::text_of(above.get()) + support::text_of(also_above.get());
  EXPECT_TRUE(replies == "bc" || replies == "cb") << replies;
  EXPECT_TRUE(first.closed()) << "its last call has ended";
}

TEST_P(CallsSentAgain, R85_RefusedCallIsSentAgainOnce) {
  ScriptedPeer& server = proved();
  Call<Chain> call = start({.timeout = 1h, .metadata = MetadataList({"x-a", "1"})});
  settle();
  server.send(refusal(3));
  EXPECT_EQ(server.stream(5).field("x-a"), "1");
  EXPECT_NE(server.stream(5).field("grpc-timeout"), "");
  EXPECT_EQ(server.stream(5).data, message("m"));
  server.send(reply_to(5, "at last"));
  EXPECT_EQ(support::text_of(call.get()), "at last");

  Call<Chain> refused_twice = start();
  settle();
  server.send(refusal(7));
  server.send(refusal(9));
  EXPECT_EQ(support::text_of(refused_twice.get()), kRefused);
  settle();
  EXPECT_EQ(server.frames("HEADERS").size(), 5u);
}

// Whatever else ends it, the server may have done what it was asked for.
TEST_P(CallsSentAgain, WhatMayHaveBeenProcessedIsNotSentAgain) {
  const std::string head = Wire().headers(1, kResponseHead).str();
  const std::string interim = Wire().headers(1, {{":status", "103"}}).str();
  const std::vector<std::string> ends = {
      head + refusal(1),
      interim + refusal(1),
      Wire().rst(1, ErrorCode::kCancel).str(),
      Wire().rst(1, ErrorCode::kNoError).str(),
      Wire().rst(1, ErrorCode::kInternalError).str(),
      Wire().headers(1, {{":status", "503"}}, kEnd).str(),
      Wire().goaway(1, ErrorCode::kNoError).rst(1, ErrorCode::kCancel).str()};
  for (const std::string& end : ends) {
    const Channel fresh = dial(runtime(), "pipe:scripted").value();
    Call<Chain> call = fresh.invoke(kUnary, request_).start();
    ScriptedPeer& server = accept();
    server.send(end);
    EXPECT_FALSE(call.get().ok());
    settle();
    EXPECT_EQ(server.frames("HEADERS").size(), 1u);
  }
  for (const bool politely : {false, true}) {
    const Channel fresh = dial(runtime(), "pipe:scripted").value();
    Call<Chain> call = fresh.invoke(kUnary, request_).start();
    ScriptedPeer& server = accept();
    if (politely) server.send(Wire().goaway(http2::kMaxStreamId, ErrorCode::kNoError));
    server.close();
    EXPECT_EQ(call.get().status().code(), StatusCode::kUnavailable);
  }
}

TEST_P(CallsSentAgain, RequestIsTheSameUpToTheMostThatIsHeld) {
  ScriptedPeer* server = nullptr;
  constexpr std::size_t kMost = (16 << 20) - 5;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{507}, std::size_t{508},
                                 std::size_t{5'000}, std::size_t{300'000}, kMost, kMost + 1}) {
    for (const bool streams : {false, true}) {
      const Channel fresh = dial(runtime(), "pipe:scripted").value();
      const Chain request = support::pattern(size);
      std::optional<Call<Chain>> call;
      std::optional<ClientReader<Chain>> stream;
      if (streams) {
        stream.emplace(reply_stream(fresh, request));
      } else {
        call.emplace(fresh.invoke(kUnary, request).start());
      }
      server = &accept({{SettingId::kInitialWindowSize, 32 << 20}});
      server->send(Wire().window_update(0, 64 << 20));
      EXPECT_EQ(server->stream(1).data, message(request.to_string()));
      server->send(refusal(1));
      if (size > kMost) {
        EXPECT_EQ(streams ? stream->finish().get().to_string() : support::text_of(call->get()), kRefused);
        continue;
      }
      EXPECT_EQ(server->stream(3).data, message(request.to_string())) << size;
      EXPECT_TRUE(server->stream(3).ended);
      server->send(reply_to(3, "ok"));
      EXPECT_EQ(streams ? stream->read().get()->to_string() : support::text_of(call->get()), "ok");
    }
  }
}

TEST_P(CallsSentAgain, StreamIsSentAgainWhileNothingButItsBeginningHasLeft) {
  ScriptedPeer& server = proved();
  auto silent = bidi(channel());
  auto half_closed = request_stream(channel());
  EXPECT_EQ(half_closed.close_write().get(), Status());
  auto written = bidi(channel());
  EXPECT_EQ(written.write(request_).get(), Status());
  settle();
  server.send(refusal(3) + refusal(5) + refusal(7));
  EXPECT_EQ(written.finish().get().to_string(), kRefused);
  EXPECT_FALSE(server.stream(9).ended);
  EXPECT_TRUE(server.stream(11).ended);
  // What is written now goes to where it is.
  EXPECT_EQ(silent.write(request_).get(), Status());
  settle();
  EXPECT_EQ(server.stream(9).data, message("m"));
  server.send(reply_to(9, "a") + reply_to(11, "b"));
  EXPECT_EQ(silent.read().get()->to_string(), "a");
  EXPECT_EQ(silent.finish().get(), Status());
  EXPECT_EQ(support::text_of(half_closed.finish().get()), "b");
}

// What was written before there was a connection is all there is until more is written.
TEST_P(CallsSentAgain, StreamIsSentAgainWithWhatItBeganWith) {
  auto stream = bidi(channel());
  std::optional<Call<Status>> first = stream.write(bytes("a")).start();
  ScriptedPeer& server = accept();
  EXPECT_EQ(server.stream(1).data, message("a"));
  EXPECT_EQ(first->get(), Status());
  first.reset();
  server.send_later(refusal(1));
  EXPECT_EQ(stream.write(bytes("b")).get(), Status());
  settle();
  if (server.stream(3).data.empty()) {  // that one left before the refusal came
    EXPECT_EQ(stream.finish().get().to_string(), kRefused);
  } else {
    EXPECT_EQ(server.stream(3).data, message("a") + message("b"));
    stream.cancel();
  }
}

TEST_P(CallsSentAgain, CallThatEndsMeanwhileIsNot) {
  ScriptedPeer& server = proved();
  Call<Chain> cancelled = start();
  std::optional<Call<Chain>> dropped = start();
  settle();
  server.send(Wire().settings({{SettingId::kMaxConcurrentStreams, 0}}));
  server.send(refusal(3) + refusal(5));
  cancelled.cancel();
  dropped.reset();
  EXPECT_EQ(cancelled.get().status().code(), StatusCode::kCancelled);
  server.send(Wire().settings({{SettingId::kMaxConcurrentStreams, 10}}));
  EXPECT_EQ(server.frames("HEADERS").size(), 3u);
}

TEST_P(CallsSentAgain, ChannelThatIsClosedSendsNothingAgain) {
  ScriptedPeer& server = proved();
  Call<Chain> call = start();
  settle();
  server.send(Wire().settings({{SettingId::kMaxConcurrentStreams, 0}}).raw(refusal(3)));
  channel().base().close();
  EXPECT_EQ(support::text_of(call.get()), "CANCELLED: channel is closed");
}

TEST_P(CallsSentAgain, CallThatHasNeverLeftAClosedConnectionGoesToTheNext) {
  for (int round = 0; round < 3; ++round) {
    const Channel fresh = dial(runtime(), "pipe:scripted").value();
    Call<Chain> first = fresh.invoke(kUnary, request_).start();
    ScriptedPeer& server = accept();
    server.send(reply_to(1));
    EXPECT_EQ(support::text_of(first.get()), "r");
    server.close_later();
    Call<Chain> call = fresh.invoke(kUnary, request_).start();
    ScriptedPeer& other = accept();
    EXPECT_EQ(server.frames("HEADERS").size(), 1u);
    other.send(reply_to(1, "elsewhere"));
    EXPECT_EQ(support::text_of(call.get()), "elsewhere");
  }
}

TEST_P(CallsSentAgainInVirtualTime, R92_DeadlineCoversBothAndIsSentAsWhatIsLeft) {
  ScriptedPeer& server = proved();
  Call<Chain> call = start({.timeout = 10s});
  settle();
  EXPECT_EQ(server.stream(3).field("grpc-timeout"), "10000000u");
  pass(4s);
  server.send(refusal(3));
  EXPECT_EQ(server.stream(5).field("grpc-timeout"), "6000000u");
  const TimePoint begin = runtime().now();
  EXPECT_EQ(call.get().status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(runtime().now() - begin, 6s);
}

}  // namespace
}  // namespace sluice::inline v0::wire
