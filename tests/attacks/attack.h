// What the scripted attacks share: a Server in virtual time, an attacker made of bytes, and a good client
// beside it. Every attack runs twice: with the limits at their defaults, and without the one that stops it.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/held_service.h"
#include "support/live_bytes.h"
#include "support/raw_service.h"
#include "support/tap_network.h"
#include "support/wire_fixture.h"

namespace sluice::attacks {

using namespace std::chrono_literals;
using http2::ErrorCode;
using http2::FrameType;
using http2::SettingId;
using http2::StreamId;
using http2::testing::kEnd;
using http2::testing::kEndHeaders;
using http2::testing::plain;
using support::bytes;
using support::Latch;
using support::message;
using support::RawService;
using support::request_head;
using support::ScriptedClient;
using support::ServedRaw;
using support::TapNetwork;
using support::Wire;

inline constexpr RateLimit kNoRate = {Limits::kOff, 0};
inline constexpr Limits kNoHeaderLimits{.header_list_size = Limits::kOff,
                                        .headers = Limits::kOff,
                                        .header_list_hard_limit = Limits::kOff,
                                        .header_list_breaches = Limits::kOff};

// The handlers of bidi calls run until they are let go, whatever becomes of their calls. Unary calls answer
// with the request, or the metadata "x-kept" if there is any.
class Victim final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    const auto kept = context.metadata().get("x-kept");
    co_return kept ? bytes(*kept) : Chain(request);
  }
  Task<Status> reply_stream(ServerContext& context, const Chain& request,
                            ServerWriter<Chain>& writer) override {
    ++replying;
    Status status;
    for (int i = 0; i < 3 && status.ok(); ++i) status = co_await writer.write(request);
    if (context.cancelled()) ++cancelled;
    --replying;
    co_return status;
  }
  Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>&) override {
    most = std::max(most, ++running);
    co_await let_go.wait();
    --running;
    co_return Status();
  }

  Latch let_go;
  int running = 0;
  int most = 0;  // that ran at once
  int replying = 0;
  int cancelled = 0;  // of those that replied
};

// A server that is attacked.
struct Target {
  explicit Target(Runtime& runtime, const Limits& limits = {}, std::string_view address = "pipe:target")
      : served(runtime, victim, {.address = std::string(address), .server = {.limits = limits}}) {}
  ~Target() { victim.let_go.count_down(); }

  LimitCounts counts() { return served.server().limit_counts(); }
  // A call by somebody else, who must not notice anything.
  bool serves() {
    const TimePoint begin = served.runtime().now();
    const Result<Chain> reply = served.unary(bytes("m"), {.timeout = 1s}).get();
    return reply.ok() && served.runtime().now() - begin < 100ms;
  }

  Victim victim;
  ServedRaw served;
};

inline StreamId id_of(int i) { return static_cast<StreamId>(2 * i + 1); }

class Attack : public support::WireTest {
 protected:
  // Sends what `frames` gives, until the connection is closed, at most so often. How often it was sent.
  static int send(ScriptedClient& attacker, int most, const std::function<std::string(int)>& frames) {
    int sent = 0;
    while (sent < most && !attacker.closed()) attacker.send(frames(sent++));
    return sent;
  }

  // The connection has ended for `limit`, with one GOAWAY and one line in the log; others do not care.
  void expect_ended(Target& target, ScriptedClient& attacker, Limit limit,
                    std::string_view code = "ENHANCE_YOUR_CALM") {
    attacker.until_closed();
    settle();
    EXPECT_EQ(target.counts()[limit], 1u);
    EXPECT_EQ(target.counts().total(), 1u);
    // For PINGs it has gRPC's own words.
    const std::string why =
        std::string(code) + " " + (limit == Limit::kPings ? "too_many_pings" : std::string(to_string(limit)));
    const std::vector<std::string> goaways = attacker.frames("GOAWAY");
    EXPECT_EQ(goaways.size(), 1u);
    EXPECT_TRUE(!goaways.empty() && goaways[0].ends_with(why)) << ::testing::PrintToString(goaways);
    const std::vector<std::string> warnings = log().at(LogLevel::kWarning);
    EXPECT_EQ(std::count_if(warnings.begin(), warnings.end(),
                            [&](const std::string& line) {
                              return line.find(attacker.local_addr().to_string() + " ended") !=
                                     std::string::npos;
                            }),
              1)
        << ::testing::PrintToString(warnings);
    EXPECT_TRUE(target.serves());
  }
  // No limit has been met: the attack may go on.
  void expect_unharmed(Target& target, ScriptedClient& attacker) {
    settle();
    EXPECT_FALSE(attacker.closed()) << ::testing::PrintToString(attacker.frames("GOAWAY"));
    EXPECT_EQ(target.counts().total(), 0u);
  }

  static std::string open(StreamId id, std::string_view method = "Bidi", std::uint8_t flags = 0) {
    return Wire().headers(id, request_head("/test.Raw/" + std::string(method)), flags).str();
  }
  // A call that is answered with its request, three times.
  static std::string request(StreamId id, std::size_t size, const support::Headers& more = {}) {
    constexpr std::size_t kFrame = 16'000;
    const std::string body = message(std::string(size, 'x'));
    Wire wire;
    wire.headers(id, request_head("/test.Raw/ReplyStream", more));
    for (std::size_t at = 0; at < body.size(); at += kFrame)
      wire.data(id, body.substr(at, kFrame), at + kFrame < body.size() ? 0 : kEnd);
    return wire.str();
  }
};

inline constexpr support::RuntimeParam kSeeds[] = {support::kSimulatedRuntimes[0],
                                                   support::kSimulatedRuntimes[1]};

}  // namespace sluice::attacks
