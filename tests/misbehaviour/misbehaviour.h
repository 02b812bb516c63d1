// What the tests of misbehaving peers share: messages of the size that the interoperability tests use, and a
// body in crumbs of DATA, within the windows of whoever reads it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "support/held_service.h"
#include "support/raw_service.h"
#include "support/wire_fixture.h"

namespace sluice::misbehaviour {

using namespace std::chrono_literals;
using http2::ErrorCode;
using http2::SettingId;
using http2::StreamId;
using support::bytes;
using support::kEnd;
using support::kOkTrailers;
using support::kResponseHead;
using support::kUnary;
using support::message;
using support::RawService;
using support::ScriptedClient;
using support::ScriptedListener;
using support::ScriptedPeer;
using support::Wire;

inline constexpr std::size_t kRequestSize = 271'828;
inline constexpr std::size_t kReplySize = 314'159;
inline constexpr std::uint32_t kWide = 1 << 30;  // bytes: a window that is never used up

// `body` in frames of a usual size.
inline std::string data_frames(StreamId id, std::string_view body, std::uint8_t last = 0) {
  constexpr std::size_t kFrame = 16'384;
  Wire wire;
  for (; body.size() > kFrame; body.remove_prefix(kFrame)) wire.data(id, body.substr(0, kFrame));
  return wire.data(id, body, last).str();
}

// The windows that a peer has opened for what the test sends it, all DATA counted: padding, too.
class Windows {
 public:
  explicit Windows(const ScriptedPeer& peer) : peer_(peer) {}
  std::int64_t room(StreamId id) {
    look();
    return std::min(connection_, initial_ + streams_[id]);
  }
  void spend(StreamId id, std::int64_t size) { connection_ -= size, streams_[id] -= size, spent_ += size; }
  std::int64_t spent() const { return spent_; }

 private:
  // At the frames that have come since.
  void look() {
    for (; looked_ < peer_.frames().size(); ++looked_) {
      const std::string& frame = peer_.frames()[looked_];
      static constexpr std::string_view kName = "INITIAL_WINDOW_SIZE ";
      if (const auto at = frame.find(kName); at != frame.npos) initial_ = std::stoll(frame.substr(at + 20));
      unsigned id = 0, size = 0;
      if (std::sscanf(frame.c_str(), "WINDOW_UPDATE %u %u", &id, &size) == 2)
        (id == 0 ? connection_ : streams_[id]) += size;
    }
  }
  const ScriptedPeer& peer_;
  std::size_t looked_ = 0;
  std::int64_t initial_ = 65'535, connection_ = 65'535;
  std::map<StreamId, std::int64_t> streams_;  // beyond the initial one
  std::int64_t spent_ = 0;
};

// Where windows are as large as those of pipes, and as small as those of sockets.
inline constexpr support::RuntimeParam kBothWindows[] = {
    support::kSimulatedRuntimes[0], {.kind = support::RuntimeParam::Kind::kReal, .net = "tcp"}};

inline constexpr std::size_t kCrumb = 5;           // bytes of the message in a frame
inline constexpr std::uint8_t kMostPadding = 255;  // bytes

// Sends `body` five bytes a frame, waiting for credit where there is none left. False: the peer has ended the
// stream.
inline bool send_crumbs(ScriptedPeer& peer, Windows& windows, StreamId id, std::string_view body,
                        std::optional<std::uint8_t> padding) {
  Wire batch;
  const bool half_closed = peer.ended(id);  // as a request is whose reply this is
  const auto gone = [&] {
    return (!half_closed && peer.ended(id)) || peer.stream(id).reset.has_value() || peer.closed();
  };
  for (; !body.empty(); body.remove_prefix(std::min(kCrumb, body.size()))) {
    const std::string_view crumb = body.substr(0, kCrumb);
    const auto size = static_cast<std::int64_t>(crumb.size() + (padding ? *padding + 1u : 0));
    if (windows.room(id) < size) {
      peer.send(std::exchange(batch, Wire()));
      peer.until([&] { return windows.room(id) >= size || gone(); });
      if (gone()) return false;
    }
    windows.spend(id, size);
    if (padding) {
      batch.padded_data(id, crumb, *padding);
    } else {
      batch.data(id, crumb);
    }
    if (batch.str().size() > 32'768) peer.send(std::exchange(batch, Wire()));
  }
  peer.send(batch);
  return true;
}

}  // namespace sluice::misbehaviour
