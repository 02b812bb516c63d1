// Servers that attack their clients: the call fails, the channel goes on with another connection.
#include "attacks/attack.h"

namespace sluice::attacks {
namespace {

class HostileServers : public support::ClientTest {
 protected:
  static std::string reply(std::string_view text, StreamId id = 1) {
    return Wire()
        .headers(id, support::kResponseHead)
        .data(id, message(text))
        .headers(id, support::kOkTrailers, kEnd)
        .str();
  }
};
INSTANTIATE_TEST_SUITE_P(Simulated, HostileServers, ::testing::ValuesIn(kSeeds), support::name_of);

TEST_P(HostileServers, FloodsCostTheCallAndNotTheChannel) {
  struct Flood {
    const char* name;
    std::string frame;
    int most;  // that are taken
    Limit limit;
    Limits off;
  };
  const Flood floods[] = {
      {"PING", Wire().ping("12345678").str(), 1'010, Limit::kPings, {.pings = kNoRate}},
      {"SETTINGS", Wire().settings().str(), 1'000, Limit::kControlFrames, {.control_frames = kNoRate}},
      {"GOAWAY",
       Wire().goaway(1, ErrorCode::kNoError).str(),
       1'000,
       Limit::kControlFrames,
       {.control_frames = kNoRate}},
      {"RST_STREAM of a stream that has gone",
       Wire().rst(1, ErrorCode::kCancel).str(),
       502,
       Limit::kResets,
       {.resets = Limits::kOff}},
      {"unknown",
       Wire().frame(static_cast<FrameType>(0xee), 0, 0, "what").str(),
       1'000,
       Limit::kControlFrames,
       {.control_frames = kNoRate}},
      {"WINDOW_UPDATE",
       Wire().window_update(0, 1).str(),
       30,
       Limit::kWindowUpdates,
       {.window_updates_per_data = Limits::kOff}},
      {"empty DATA", Wire().data(1, "").str(), 11, Limit::kEmptyFrames, {.empty_frames = Limits::kOff}},
      {"CONTINUATION",
       Wire().continuation(1, "\x88").str(),
       9,
       Limit::kContinuationFrames,
       {.continuation_frames = Limits::kOff}},
  };
  const Chain request = bytes("m");
  for (const Flood& flood : floods) {
    for (const bool guarded : {true, false}) {
      SCOPED_TRACE(flood.name + std::string(guarded ? "" : ", without the guard"));
      const Channel channel =
          dial(runtime(), "pipe:scripted", {.limits = guarded ? Limits() : flood.off}).value();
      Call<Chain> call = channel.invoke(support::kUnary, request).start();
      support::ScriptedPeer& server = accept();
      const bool in_block = flood.limit == Limit::kContinuationFrames;
      const bool in_data = flood.limit == Limit::kEmptyFrames;
      if (in_block) server.send(Wire().headers(1, "", 0));
      if (in_data) server.send(Wire().headers(1, support::kResponseHead));
      const bool resets = flood.limit == Limit::kResets;
      int sent = 0;
      for (; sent < 5'000 && !server.closed(); ++sent) server.send(flood.frame);
      if (guarded) {
        EXPECT_LE(sent, flood.most + 2);  // the request's DATA frame allows one more reset
        EXPECT_GE(sent, flood.most - 25);
        support::expect_names(
            call.get().status(), resets ? StatusCode::kCancelled : StatusCode::kUnavailable,
            resets ? "CANCEL" : "ENHANCE_YOUR_CALM: " + std::string(to_string(flood.limit)));
        EXPECT_EQ(channel.limit_counts()[flood.limit], 1u);
        EXPECT_EQ(channel.limit_counts().total(), 1u);
        Call<Chain> next = channel.invoke(support::kUnary, request).start();
        accept().send(reply("better"));
        EXPECT_EQ(support::text_of(next.get()), "better");
      } else {
        EXPECT_EQ(sent, 5'000);
        EXPECT_EQ(channel.limit_counts().total(), 0u);
        if (in_block || in_data || resets) continue;
        server.send(reply("at last"));
        EXPECT_EQ(support::text_of(call.get()), "at last");
      }
    }
  }
}

// What never ends, or is too large, costs its call, and the connection lives; without the limit the call
// waits for the end, or takes it all.
TEST_P(HostileServers, EndlessResponsesCostTheirCallOnly) {
  struct Endless {
    const char* name;
    std::string begin;  // of the response
    std::string part;   // again and again
    std::string status;
    ChannelOptions off;
  };
  const std::string head = Wire().headers(1, support::kResponseHead).str();
  const Endless responses[] = {
      {"1xx",
       "",
       Wire().headers(1, {{":status", "100"}}).str(),
       "INTERNAL: more than 10 interim responses",
       {.limits = {.informational_headers = Limits::kOff}}},
      {"a message of 4 GiB",
       head + Wire().data(1, message("", 0, 0xffffffff)).str(),
       Wire().data(1, std::string(1'000, 'x')).str(),
       "RESOURCE_EXHAUSTED: ",
       {.max_receive_message_size = SIZE_MAX}},
  };
  for (const Endless& response : responses) {
    for (const bool guarded : {true, false}) {
      SCOPED_TRACE(response.name + std::string(guarded ? "" : ", without the guard"));
      const Channel channel =
          dial(runtime(), "pipe:scripted", guarded ? ChannelOptions() : response.off).value();
      const Chain request = bytes("m");
      Call<Chain> call = channel.invoke(support::kUnary, request).start();
      support::ScriptedPeer& server = accept();
      const std::int64_t before = support::live_heap().bytes;
      server.send(response.begin);
      for (int i = 0; i < 3'000; ++i) server.send(response.part);
      const std::int64_t grown = support::live_heap().bytes - before;
      EXPECT_EQ(server.stream(1).reset.has_value(), guarded);
      EXPECT_FALSE(server.closed());
      if (guarded) {
        EXPECT_LE(grown, 256 << 10) << "of it the test's own record of frames";
        EXPECT_TRUE(call.get().status().to_string().starts_with(response.status));
        Call<Chain> next = channel.invoke(support::kUnary, request).start();
        settle();
        server.send(reply("better", 3));
        EXPECT_EQ(support::text_of(next.get()), "better");
      }
    }
  }
}

// Messages without end, for a call that wants one, and for one that does not read.
TEST_P(HostileServers, EndlessMessages) {
  const Chain request = bytes("m");
  Call<Chain> unary = channel().invoke(support::kUnary, request).start();
  support::ScriptedPeer& server = accept();
  server.send(Wire().headers(1, support::kResponseHead));
  for (int i = 0; i < 3'000; ++i) server.send(Wire().data(1, message("x")));
  support::expect_names(unary.get().status(), StatusCode::kUnimplemented, "more than one reply");
  EXPECT_FALSE(server.closed());

  // The window is what it may send: of a pipe 8 MiB, in messages of a kilobyte.
  auto stream = support::reply_stream(channel(), request);
  settle();
  const std::int64_t before = support::live_heap().bytes;
  server.send(Wire().headers(3, support::kResponseHead));
  std::string mebibyte;
  for (int i = 0; i < 1'024; ++i) mebibyte += Wire().data(3, message(std::string(1'019, 'x'))).str();
  for (int i = 0; i < 8; ++i) server.send(mebibyte);
  EXPECT_FALSE(server.stream(3).reset);
  EXPECT_LE(support::live_heap().bytes - before, 20 << 20);
  for (int i = 0; i < 20; ++i) server.send(mebibyte);
  EXPECT_EQ(server.stream(3).reset, ErrorCode::kFlowControlError);
  EXPECT_LE(support::live_heap().bytes - before, 20 << 20);
  EXPECT_FALSE(server.closed());
}

// Trailers that are too large for their call, for three calls, and at once.
TEST_P(HostileServers, HugeTrailers) {
  struct Trailers {
    const char* name;
    std::size_t references;  // to a field of 3,900 bytes
    int calls;               // until the connection ends
  };
  for (const Trailers& trailers :
       {Trailers{"large", 3, 0}, Trailers{"huge", 100, 3}, Trailers{"bomb", 15'000, 1}}) {
    for (const bool guarded : {true, false}) {
      SCOPED_TRACE(trailers.name + std::string(guarded ? "" : ", without the guard"));
      if (!guarded && trailers.references > 1'000) continue;  // it would have its 60 MB
      const Channel channel =
          dial(runtime(), "pipe:scripted", {.limits = guarded ? Limits() : kNoHeaderLimits}).value();
      const Chain request = bytes("m");
      http2::HpackEncoder encoder;
      const auto entry = http2::testing::encode(encoder, {{"x-large", std::string(3'900, 'a')}});
      const std::string block = plain(support::kOkTrailers) + std::string(as_text(entry)) +
                                std::string(trailers.references, '\xbe');
      Call<Chain> call = channel.invoke(support::kUnary, request).start();
      support::ScriptedPeer& server = accept();
      for (int i = 0; i < 5; ++i) {
        if (i > 0) call = channel.invoke(support::kUnary, request).start();
        settle();
        const StreamId id = id_of(i);
        const std::int64_t before = support::live_heap().bytes;
        server.send(Wire().headers(id, support::kResponseHead).data(id, message("m")).str() +
                    Wire().headers(id, block, kEnd | kEndHeaders).str());
        EXPECT_LE(support::live_heap().bytes - before, guarded ? 256 << 10 : 4 << 20);
        const Result<Chain> result = call.get();
        const bool last = guarded && i + 1 == trailers.calls;
        const StatusCode expected = !guarded ? StatusCode::kOk
                                    : last   ? StatusCode::kUnavailable
                                             : StatusCode::kResourceExhausted;
        EXPECT_EQ(result.status().code(), expected) << result.status();
        EXPECT_EQ(server.closed(), last);
        if (last) break;
      }
      EXPECT_EQ(channel.limit_counts()[Limit::kHeaderList], guarded && trailers.calls > 0 ? 1u : 0u);
    }
  }
}

// A reply that comes a byte a second, or never: the deadline ends it.
TEST_P(HostileServers, NeverEndingReply) {
  const Chain request = bytes("m");
  for (const bool dribbles : {true, false}) {
    for (const bool guarded : {true, false}) {
      const Channel channel = dial(runtime(), "pipe:scripted").value();
      Call<Chain> call =
          channel.invoke(support::kUnary, request, {.timeout = guarded ? Duration(30s) : Limits::kForever})
              .start();
      support::ScriptedPeer& server = accept();
      server.send(Wire().headers(1, support::kResponseHead).data(1, message("", 0, 1'000)));
      for (int i = 0; i < 60; ++i) {
        EXPECT_EQ(server.stream(1).reset.has_value(), guarded && i >= 30) << i;
        if (dribbles) server.send(Wire().data(1, "x"));
        pass(1s);
      }
      EXPECT_FALSE(server.closed());
      if (!guarded) server.send(Wire().headers(1, support::kOkTrailers, kEnd));
      EXPECT_EQ(call.get().status().code(), guarded ? StatusCode::kDeadlineExceeded : StatusCode::kInternal);
    }
  }
}

TEST_P(HostileServers, WhoDoesNotAcknowledgeSettingsIsGivenTenSeconds) {
  const Chain request = bytes("m");
  Call<Chain> call = channel().invoke(support::kUnary, request).start();
  support::ScriptedPeer& server = accept_silently();
  const TimePoint begin = runtime().now();
  server.send(Wire().settings());
  support::expect_names(call.get().status(), StatusCode::kUnavailable, "SETTINGS not acknowledged in time");
  EXPECT_EQ(runtime().now() - begin, 10s);
}

}  // namespace
}  // namespace sluice::attacks
