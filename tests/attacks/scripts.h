// Attacks as bytes, which several suites send: in virtual time and over sockets.
#pragma once

#include "attacks/attack.h"

namespace sluice::attacks {

// Opens so many streams and resets each.
inline std::string rapid_reset(int times) {
  Wire wire;
  for (int i = 0; i < times; ++i)
    wire.headers(id_of(i), request_head("/test.Raw/Bidi")).rst(id_of(i), ErrorCode::kCancel);
  return wire.str();
}

// MadeYouReset (CVE-2025-8671): a request, and what makes the server reset it.
struct Way {
  const char* name;
  std::uint8_t flags;  // of the request
  std::string (*provoke)(StreamId id);
};
inline const Way kWays[] = {
    {"WINDOW_UPDATE of zero", 0, [](StreamId id) { return Wire().window_update(id, 0).str(); }},
    {"window overflow", 0, [](StreamId id) { return Wire().window_update(id, 0x7fffffff).str(); }},
    {"DATA after END_STREAM", kEnd, [](StreamId id) { return Wire().data(id, "x").str(); }},
    {"HEADERS after END_STREAM", kEnd,
     [](StreamId id) {
       return Wire().headers(id, {{"x", "y"}}, kEnd).str();
     }},
    {"PRIORITY of four bytes", 0,
     [](StreamId id) { return Wire().frame(FrameType::kPriority, 0, id, "1234").str(); }},
    {"trailers without END_STREAM", 0,
     [](StreamId id) {
       return Wire().headers(id, {{"x", "y"}}).str();
     }},
};

// Frames that say nothing.
struct Flood {
  const char* name;
  std::string (*frame)();
  int most;  // frames that are taken with the guard
  Limit limit;
  Limits off;
};
inline const Flood kFloods[] = {
    {"PING", [] { return Wire().ping("12345678").str(); }, 1'000, Limit::kPings, {.pings = kNoRate}},
    {"PING acknowledgements",
     [] { return Wire().ping("12345678", http2::flag::kAck).str(); },
     1'000,
     Limit::kPings,
     {.pings = kNoRate}},
    {"SETTINGS",
     [] { return Wire().settings().str(); },
     1'000,
     Limit::kControlFrames,
     {.control_frames = kNoRate}},
    {"SETTINGS that change all windows",
     [] {
       return Wire()
           .settings({{SettingId::kInitialWindowSize, 0}, {SettingId::kInitialWindowSize, 65'535}})
           .str();
     },
     1'000,
     Limit::kControlFrames,
     {.control_frames = kNoRate}},
    {"PRIORITY",
     [] { return Wire().frame(FrameType::kPriority, 0, 3, "12345").str(); },
     1'000,
     Limit::kControlFrames,
     {.control_frames = kNoRate}},
    {"unknown",
     [] { return Wire().frame(static_cast<FrameType>(0xee), 0, 0, "what").str(); },
     1'000,
     Limit::kControlFrames,
     {.control_frames = kNoRate}},
    {"GOAWAY",
     [] { return Wire().goaway(0, ErrorCode::kNoError).str(); },
     1'000,
     Limit::kControlFrames,
     {.control_frames = kNoRate}},
    {"empty DATA",
     [] { return Wire().data(1, "").str(); },
     10,
     Limit::kEmptyFrames,
     {.empty_frames = Limits::kOff}},
    {"padding",
     [] { return Wire().padded_data(1, "", 255).str(); },
     10,
     Limit::kEmptyFrames,
     {.empty_frames = Limits::kOff}},
    {"empty HEADERS",
     [] { return Wire().headers(1, "").str(); },
     10,
     Limit::kEmptyFrames,
     {.empty_frames = Limits::kOff}},
    {"RST_STREAM of a stream that has gone",
     [] { return Wire().rst(1, ErrorCode::kCancel).str(); },
     502,
     Limit::kResets,
     {.resets = Limits::kOff}},
    {"WINDOW_UPDATE",
     [] { return Wire().window_update(0, 1).str(); },
     7,
     Limit::kWindowUpdates,
     {.window_updates_per_data = Limits::kOff}},
    {"WINDOW_UPDATE of a stream",
     [] { return Wire().window_update(1, 1).str(); },
     7,
     Limit::kWindowUpdates,
     {.window_updates_per_data = Limits::kOff}},
};

}  // namespace sluice::attacks
