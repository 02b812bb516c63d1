// Limits: what one peer may cost us before its connection ends. Part of ServerOptions and ChannelOptions. The
// defaults are safe; docs/security.md says which attack each limit stops.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "sluice/base/status.h"
#include "sluice/base/time.h"

namespace sluice::inline v0 {

// Events that a peer may cause: `burst` at once, and `per_second` in the long run.
struct RateLimit {
  std::uint32_t burst = 0;
  std::uint32_t per_second = 0;
};

// Limits of one connection, unless a field says otherwise. kOff and kForever switch a limit off.
//
// A connection that exceeds a limit ends: with GOAWAY(ENHANCE_YOUR_CALM), which may take `goodbye_timeout`,
// and one line in the log. Fields say so where something else happens.
struct Limits {
  static constexpr std::uint32_t kOff = std::numeric_limits<std::uint32_t>::max();
  static constexpr Duration kForever = Duration::max();

  // Handlers running at once; server only. A handler counts until it has ended, even if its stream was reset:
  // otherwise a client that opens and resets streams would start any number of them. Further calls wait.
  // 0: max_concurrent_streams.
  std::uint32_t running_handlers = 0;

  // RST_STREAM frames received; server only. Exceeded when both hold for one `resets_window`: more than this
  // many were for streams open for less than 20 ms; and more than half of the window's streams, and a tenth
  // of this, were reset like that before their response headers. Honest clients cancel, hedge and time out by
  // the hundred; rapid reset (CVE-2023-44487) does nothing else. On both sides, RST_STREAM frames for streams
  // that have ended: this many, two for each stream, and one for each DATA frame we sent.
  std::uint32_t resets = 500;
  Duration resets_window = std::chrono::seconds(30);
  // RST_STREAM frames that we sent because the peer broke a rule. Honest peers cause a few, by frames that
  // cross.
  RateLimit provoked_resets = {100, 10};
  // PING frames received. Each HEADERS or DATA frame we send allows one more: some peers ping with every
  // message to measure the round trip.
  RateLimit pings = {1000, 100};
  // SETTINGS, PRIORITY, GOAWAY and unknown frames received. Honest peers send a handful in a connection's
  // life.
  RateLimit control_frames = {1000, 100};
  // WINDOW_UPDATE frames received: a few, two for each stream, and twice this number for each DATA frame we
  // sent. A long DATA frame counts as several of 16 KiB.
  std::uint32_t window_updates_per_data = 10;
  // Least bytes that a WINDOW_UPDATE gives, on the average of 1,000, while more than a frame of ours waits
  // for them. Smaller updates make us send data in crumbs, each a frame and a write.
  std::uint32_t mean_window_update = 64;  // 0: off
  // DATA, HEADERS and CONTINUATION frames in a row that have neither payload nor END_STREAM.
  std::uint32_t empty_frames = 10;
  // CONTINUATION frames of one header block. With the HEADERS frame that is 144 KiB at the usual frame size.
  std::uint32_t continuation_frames = 8;

  // Header lists, trailers included. A list with more bytes or fields fails its call with RESOURCE_EXHAUSTED.
  std::uint32_t header_list_size = 8 << 10;  // bytes: name + value + 32 a field; announced in SETTINGS
  std::uint32_t headers = 100;               // fields
  // Beyond this, fields are decoded (HPACK needs it) and dropped. Beyond 64 times this the connection ends.
  std::uint32_t header_list_hard_limit = 16 << 10;  // bytes
  // The connection ends with this many lists that are beyond the hard limit or have too many fields.
  std::uint32_t header_list_breaches = 3;

  // Output that the peer's frames made us queue while the peer does not read. Beyond either limit we stop
  // reading from the peer, and end the connection if that lasts for `output_stall_timeout`. DATA payload does
  // not count: windows bound it, and two peers that send much to each other must both go on reading.
  std::uint32_t queued_replies = 100;    // frames: acknowledgements and resets
  std::uint32_t queued_bytes = 1 << 20;  // bytes: all frames but DATA's payload
  Duration output_stall_timeout = std::chrono::seconds(20);

  // From the connection's start to the client's preface and SETTINGS; server only. Channels:
  // min_connect_timeout.
  Duration handshake_timeout = std::chrono::seconds(20);
  // A header block, from its first frame to its last byte.
  Duration header_block_timeout = std::chrono::seconds(10);
  // Until the peer acknowledges our SETTINGS: before that, the limits in them do not bind it.
  Duration settings_ack_timeout = std::chrono::seconds(10);
  // A write during which the peer takes not one byte.
  Duration write_stall_timeout = std::chrono::seconds(60);
  // Time for a connection that ends with an error to send its GOAWAY.
  Duration goodbye_timeout = std::chrono::seconds(1);

  // Connections; server only. A connection beyond either limit is refused with a GOAWAY; 0 refuses all.
  std::uint32_t connections = kOff;              // of the server
  std::uint32_t connections_per_address = kOff;  // of the server, from one IP address
  // Connections on each loop that have not yet shown that they speak HTTP/2; one IP address may have three
  // quarters of them. A new connection beyond that replaces the oldest of its address, or of the address that
  // has the most, if the oldest is a second old; otherwise the new one is refused. So slow attackers cannot
  // keep others out, and a burst of honest clients loses none. A refused connection gets a GOAWAY.
  std::uint32_t handshakes = 4096;

  // 1xx header blocks before a response; client only. More fail the call.
  std::uint32_t informational_headers = 10;

  // Bytes for incoming messages that are longer than their streams' windows. A message without room waits
  // until others are complete; the message that has got furthest goes first, and one message at a time may
  // exceed the budget. While messages wait, two kinds of calls fail with RESOURCE_EXHAUSTED, and the
  // connection goes on: a call whose message has room and got less than 16 KiB in ten seconds; and the
  // waiting call that has got least, if all messages with room together got less than 16 KiB in a second.
  std::size_t assembly_budget = 64 << 20;

  // INVALID_ARGUMENT names the first field that no peer can keep to, and its value: a time that is not
  // positive, 0 header fields or bytes, a hard limit below the limit. serve() and dial() call this.
  Status check() const;
};

inline constexpr Limits kDefaultLimits{};

// The causes for which limits end or refuse connections.
enum class Limit : std::uint8_t {
  kNone,
  kResets,
  kProvokedResets,
  kPings,
  kControlFrames,
  kWindowUpdates,
  kMeanWindowUpdate,
  kEmptyFrames,
  kContinuationFrames,
  kFrameKept,  // a frame, or a header block of several frames, longer than we keep whole
  kHeaderList,
  kOutputStall,
  kHandshakeTimeout,
  kHeaderBlockTimeout,
  kSettingsAckTimeout,
  kWriteStall,
  kConnections,
  kConnectionsPerAddress,
  kHandshakes,
};
inline constexpr std::size_t kLimits = static_cast<std::size_t>(Limit::kHandshakes) + 1;

// In words, such as "too many PING frames".
std::string_view to_string(Limit limit);
// The field of Limits that has this limit, such as "pings"; empty if none has.
std::string_view name(Limit limit);

// How often each cause has ended or refused a connection.
struct LimitCounts {
  std::array<std::uint64_t, kLimits> counts{};

  std::uint64_t operator[](Limit limit) const { return counts[static_cast<std::size_t>(limit)]; }
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t n : counts) sum += n;
    return sum;
  }
};

// The closest that a connection has come to a limit: its value, and the limit at that time.
struct LimitPeak {
  std::uint64_t value = 0;
  std::uint64_t limit = 0;

  bool is_above(const LimitPeak& other) const {
    return other.limit == 0 || static_cast<double>(value) * static_cast<double>(other.limit) >
                                   static_cast<double>(other.value) * static_cast<double>(limit);
  }
};

// The peak of each limit over many connections; {0, 0} if none came to a hundredth of it. `limit` includes
// allowances, such as WINDOW_UPDATE frames for data that we sent. Timeouts are in milliseconds.
// queued_replies stands for all output that the peer does not read. mean_window_update is the other way
// round: its value is the limit.
struct LimitPeaks {
  std::array<LimitPeak, kLimits> peaks{};

  const LimitPeak& operator[](Limit limit) const { return peaks[static_cast<std::size_t>(limit)]; }
  void note(Limit which, LimitPeak peak) {
    LimitPeak& most = peaks[static_cast<std::size_t>(which)];
    if (peak.is_above(most)) most = peak;
  }
  void note(const LimitPeaks& others) {
    for (std::size_t i = 0; i < kLimits; ++i) {
      if (others.peaks[i].limit != 0) note(static_cast<Limit>(i), others.peaks[i]);
    }
  }
};

// "pings 12 of 1000, write_stall_timeout 900 of 60000 ms"; "none" if there are none.
std::string to_string(const LimitPeaks& peaks);

}  // namespace sluice::inline v0
