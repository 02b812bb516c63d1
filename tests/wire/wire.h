// What the tests of the wire share: a Server for a scripted client, a Channel for a scripted server.
#pragma once

#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "lifecycle/lifecycle.h"
#include "support/scripted_peer.h"

namespace sluice::wire {

using namespace std::chrono_literals;
using e2e::bidi;
using e2e::bytes;
using e2e::kUnary;
using e2e::RawService;
using e2e::reply_stream;
using e2e::request_stream;
using e2e::ServedRaw;
using http2::ErrorCode;
using http2::FrameType;
using http2::SettingId;
using lifecycle::expect_names;
using lifecycle::Held;
using lifecycle::Latch;
using support::Headers;
using support::kEnd;
using support::kOkTrailers;
using support::kResponseHead;
using support::message;
using support::request_head;
using support::ScriptedClient;
using support::ScriptedListener;
using support::ScriptedPeer;
using support::Wire;

// A peer is driven by the test's thread: Runtimes without threads of their own.
inline constexpr support::RuntimeParam kRuntimes[] = {
    support::kSimulatedRuntimes[0], support::kSimulatedRuntimes[1], support::kSimulatedRuntimes[2],
    support::kRealRuntimes[0]};
// The same over what the kernel has; there what was sent takes its time to arrive.
inline constexpr support::RuntimeParam kNetworks[] = {
    support::kSimulatedRuntimes[0],
    support::kRealRuntimes[0],
    {.kind = support::RuntimeParam::Kind::kReal, .net = "tcp"},
    {.kind = support::RuntimeParam::Kind::kReal, .net = "unix"}};

class WireTest : public support::RuntimeTest {
 protected:
  using RuntimeTest::RuntimeTest;
  // In virtual time only.
  void pass(Duration time) {
    struct Local {
      static Task<void> pass(Duration time) { (void)co_await sleep(time); }
    };
    runtime().run(Local::pass(time));
    settle();
  }
  // Runs what is ready; time stands still.
  void settle() {
    while (runtime().poll() > 0) {
    }
  }
  // An address of the network that the parameter asks for, which nobody else uses.
  static std::string some_address() {
    if (GetParam().net == "tcp") return "tcp:127.0.0.1:0";
    if (GetParam().net == "unix")
      return "unix:" + ::testing::TempDir() + "sluice-wire-" + std::to_string(::getpid());
    return "pipe:some";
  }
};

// A Channel to servers that the test plays.
class ClientTest : public WireTest {
 protected:
  ClientTest() : listener_(runtime(), "pipe:scripted"), channel_(dial(runtime(), "pipe:scripted").value()) {}

  const Channel& channel() const { return channel_; }
  // The next connection that a call has led to, greeted.
  ScriptedPeer& accept(std::vector<std::pair<SettingId, std::uint32_t>> settings = {}) {
    ScriptedPeer& peer = accept_silently();
    peer.send(Wire().settings(std::move(settings)).settings_ack());
    return peer;
  }
  ScriptedPeer& accept_silently() { return *servers_.emplace_back(listener_.accept()); }
  ScriptedPeer& server() { return *servers_.back(); }

 private:
  ScriptedListener listener_;
  std::vector<std::unique_ptr<ScriptedPeer>> servers_;
  Channel channel_;
};

// A whole unary request.
inline std::string unary_request(http2::StreamId id, std::string_view body = "m", const Headers& more = {}) {
  return Wire().headers(id, request_head("/test.Raw/Unary", more)).data(id, message(body), kEnd).str();
}

}  // namespace sluice::wire
