// What the tests of docs/http2-conformance.md share: a session of either role with a stream that both sides
// have spoken on. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "http2/session_test_util.h"

namespace sluice::inline v0::http2::testing {

inline constexpr Role kRoles[] = {Role::kClient, Role::kServer};
inline constexpr const char* role_name(Role role) { return role == Role::kClient ? "client" : "server"; }
inline SessionOptions options_of(Role role) { return {.role = role, .local = {}}; }

using SettingList = std::vector<std::pair<SettingId, std::uint32_t>>;

// A session past its handshake with stream 1 open, whose headers have come; output and events are taken.
struct Talk : Bench {
  explicit Talk(Role role, SettingList peer = {}) : Talk(options_of(role), std::move(peer)) {}
  explicit Talk(const SessionOptions& options, SettingList peer = {}) : Bench(options) {
    shake(std::move(peer));
    next(1);
  }

  // Opens the next stream in the same way.
  TestStream& next(StreamId id) {
    if (role == Role::kClient) open();
    (void)feed(Wire().headers(id, role == Role::kClient ? kResponse : kRequest));
    forget();
    return sink[id];
  }
  TestStream& stream() { return sink[1]; }
  void forget() { (void)take(), sink.take(); }

  // What is wrong with the end of the connection that `wire` must cause.
  std::string breaks(std::string_view wire, ErrorCode code) {
    return fatal(*this, wire, code, session.last_peer_stream());
  }
  // True when the session takes `wire` and then answers a PING, with nothing before it but `reply`.
  ::testing::AssertionResult takes(std::string_view wire, std::string_view reply = "") {
    (void)take();
    const Error error = feed(Wire().raw(wire).ping("howareyu"));
    if (!error.ok()) return ::testing::AssertionFailure() << "the connection ended: " << error.what;
    const std::string said = out();
    if (said == describe(Wire().raw(reply).ping("howareyu", flag::kAck)))
      return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "it wrote\n"
                                         << said << "after " << describe(wire).substr(0, 1000);
  }
};

// The frames of `wire`, without a client's preface.
inline std::vector<FrameHeader> frames_of(std::string_view wire) {
  if (wire.starts_with(kClientPreface)) wire.remove_prefix(kClientPreface.size());
  std::vector<FrameHeader> frames;
  while (wire.size() >= kFrameHeaderSize) {
    frames.push_back(FrameHeader::parse(as_bytes(wire).data()));
    wire.remove_prefix(kFrameHeaderSize + frames.back().length);
  }
  return frames;
}

}  // namespace sluice::inline v0::http2::testing
