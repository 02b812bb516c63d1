// Servers that attack their clients: the call fails, the channel goes on with another connection.
#include "attacks/attack.h"

namespace sluice::attacks {
namespace {

class HostileServers : public wire::ClientTest {
 protected:
  static std::string reply(std::string_view text) {
    return Wire()
        .headers(1, support::kResponseHead)
        .data(1, message(text))
        .headers(1, support::kOkTrailers, kEnd)
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
      Call<Chain> call = channel.invoke(wire::kUnary, request).start();
      support::ScriptedPeer& server = accept();
      const bool in_block = flood.limit == Limit::kContinuationFrames;
      const bool in_data = flood.limit == Limit::kEmptyFrames;
      if (in_block) server.send(Wire().headers(1, "", 0));
      if (in_data) server.send(Wire().headers(1, support::kResponseHead));
      int sent = 0;
      for (; sent < 5'000 && !server.closed(); ++sent) server.send(flood.frame);
      if (guarded) {
        EXPECT_LE(sent, flood.most + 1);
        wire::expect_names(call.get().status(), StatusCode::kUnavailable,
                           "ENHANCE_YOUR_CALM: " + std::string(to_string(flood.limit)));
        Call<Chain> next = channel.invoke(wire::kUnary, request).start();
        accept().send(reply("better"));
        EXPECT_EQ(e2e::text_of(next.get()), "better");
      } else {
        EXPECT_EQ(sent, 5'000);
        if (in_block || in_data) continue;
        server.send(reply("at last"));
        EXPECT_EQ(e2e::text_of(call.get()), "at last");
      }
    }
  }
}

TEST_P(HostileServers, WhoDoesNotAcknowledgeSettingsIsGivenTenSeconds) {
  const Chain request = bytes("m");
  Call<Chain> call = channel().invoke(wire::kUnary, request).start();
  support::ScriptedPeer& server = accept_silently();
  const TimePoint begin = runtime().now();
  server.send(Wire().settings());
  wire::expect_names(call.get().status(), StatusCode::kUnavailable, "SETTINGS not acknowledged in time");
  EXPECT_EQ(runtime().now() - begin, 10s);
}

}  // namespace
}  // namespace sluice::attacks
