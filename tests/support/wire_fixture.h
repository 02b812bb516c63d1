// Fixtures for tests that play the other side of a connection, frame by frame: a Server for a scripted
// client, a Channel to a scripted server.
#pragma once

#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "support/runtime_fixture.h"
#include "support/scripted_peer.h"

namespace sluice::support {

// Runtimes without threads of their own: the test's thread drives its peer.
inline constexpr RuntimeParam kThreadlessRuntimes[] = {kSimulatedRuntimes[0], kSimulatedRuntimes[1],
                                                       kSimulatedRuntimes[2], kRealRuntimes[0]};
// The same, and over sockets too; there bytes take their time to arrive.
inline constexpr RuntimeParam kThreadlessNetworks[] = {kSimulatedRuntimes[0],
                                                       kRealRuntimes[0],
                                                       {.kind = RuntimeParam::Kind::kReal, .net = "tcp"},
                                                       {.kind = RuntimeParam::Kind::kReal, .net = "unix"}};

class WireTest : public RuntimeTest {
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
  ScriptedPeer& accept(std::vector<std::pair<http2::SettingId, std::uint32_t>> settings = {}) {
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

}  // namespace sluice::support
