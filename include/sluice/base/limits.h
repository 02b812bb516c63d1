// Limits: what one peer may cost us before its connection ends. Servers and channels hold one; the defaults
// need no configuration, and docs/security.md says which attack each of them stops.
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

namespace sluice {

// Events a peer may cause: `burst` at once, and `per_second` in the long run.
struct RateLimit {
  std::uint32_t burst = 0;
  std::uint32_t per_second = 0;
};

// Of one connection, unless it says otherwise. A limit of kOff, or kForever, is none.
//
// What goes beyond a limit ends the connection: GOAWAY(ENHANCE_YOUR_CALM), at most `goodbye_timeout` for it
// to leave, one line in the log. Where something else happens, the field says what.
struct Limits {
  static constexpr std::uint32_t kOff = std::numeric_limits<std::uint32_t>::max();
  static constexpr Duration kForever = Duration::max();

  // Handlers, server only. A handler counts until it has ended, not until its stream was reset: otherwise a
  // client that opens and resets streams would run any number of them. Who comes too late waits.
  // 0: as many as max_concurrent_streams.
  std::uint32_t running_handlers = 0;

  // RST_STREAM received, server only: more than so many within a window for streams that were open for less
  // than 20 ms, and more than half of the window's streams (and a tenth of this) reset so before their
  // response headers. Honest clients cancel and hedge by the hundred, and time out together; rapid reset
  // (CVE-2023-44487) does nothing else. Of both sides: no more than this, two for each stream and one for
  // each DATA frame we sent, when they are for streams that have ended.
  std::uint32_t resets = 500;
  Duration resets_window = std::chrono::seconds(30);
  // RST_STREAM sent because the peer broke a rule. Honest ones break none; crossing frames cause a few.
  RateLimit provoked_resets = {100, 10};
  // PING. Each HEADERS or DATA frame we send makes room for one more, since some peers ping with every
  // message to learn the round trip.
  RateLimit pings = {1000, 100};
  // SETTINGS, PRIORITY, GOAWAY and frames of unknown types. Honest peers send a handful in a connection's
  // life.
  RateLimit control_frames = {1000, 100};
  // WINDOW_UPDATE: a few, two for each stream, and twice `window_updates_per_data` for each DATA frame we
  // sent; long frames count as so many of 16 KiB.
  std::uint32_t window_updates_per_data = 10;
  // Bytes a WINDOW_UPDATE gives on the average of 1,000, while more than a frame waits for them. Less is a
  // peer that has its data in crumbs, each a frame and a write of ours.
  std::uint32_t mean_window_update = 64;  // 0: off
  // DATA, HEADERS and CONTINUATION in a row without payload and END_STREAM: they say nothing.
  std::uint32_t empty_frames = 10;
  // CONTINUATION frames of one header block: with HEADERS room for 144 KiB at the usual frame size.
  std::uint32_t continuation_frames = 8;

  // Header lists, trailers included. Longer than this, or more fields: RESOURCE_EXHAUSTED for that call.
  std::uint32_t header_list_size = 8 << 10;  // bytes: name + value + 32 each, as SETTINGS announce it
  std::uint32_t headers = 100;               // fields
  // Past this the rest is decoded, for HPACK's sake, and dropped; past 64 times this the connection ends.
  std::uint32_t header_list_hard_limit = 16 << 10;  // bytes
  // Lists past the hard limit, or with too many fields: with so many of them the connection ends.
  std::uint32_t header_list_breaches = 3;

  // What the peer's frames made us queue while it does not read: beyond either we read no more from it, and
  // end the connection if it stays so for `output_stall_timeout`. DATA is not in the bytes: windows bound it,
  // and two peers that send much to each other must both go on reading.
  std::uint32_t queued_replies = 100;    // frames: acknowledgements and resets
  std::uint32_t queued_bytes = 1 << 20;  // bytes: all frames but DATA's payload
  Duration output_stall_timeout = std::chrono::seconds(20);

  // Preface and first SETTINGS, from the connection's beginning. Server; a channel has min_connect_timeout.
  Duration handshake_timeout = std::chrono::seconds(20);
  // A header block, from its first frame to its last byte.
  Duration header_block_timeout = std::chrono::seconds(10);
  // The acknowledgement of our SETTINGS, without which the limits they announce are not in force.
  Duration settings_ack_timeout = std::chrono::seconds(10);
  // A write of which the peer takes not one byte.
  Duration write_stall_timeout = std::chrono::seconds(60);
  // What a connection that ends for an error may take to say so.
  Duration goodbye_timeout = std::chrono::seconds(1);

  // Connections, server only; of 0 none is taken. A new one beyond either is refused by a GOAWAY.
  std::uint32_t connections = kOff;              // of the server
  std::uint32_t connections_per_address = kOff;  // of the server, from one IP address
  // Connections of which nobody knows yet whether they speak HTTP/2, on each loop; three quarters of them
  // from one IP address. A new one beyond takes the place of the oldest of its address, or of the address
  // that has the most, if that has had a second; else it is refused. So peers that are slow on purpose cannot
  // keep others out, and a burst of honest ones loses none. Who is refused is told by a GOAWAY.
  std::uint32_t handshakes = 4096;

  // 1xx header blocks before a response, client only: then the call fails.
  std::uint32_t informational_headers = 10;

  // Bytes of room for messages that are longer than their streams' windows and not complete yet. A message
  // for which no room is left waits until others are complete; those that have come furthest go first. One
  // message at a time may go beyond the budget. Two kinds of messages end their calls with RESOURCE_EXHAUSTED
  // while others wait, and the connection goes on: one that has room, and of which less than 16 KiB came in
  // ten seconds; and the waiting one that got least far, if of all messages with room less than 16 KiB came
  // in a second.
  std::size_t assembly_budget = 64 << 20;

  // INVALID_ARGUMENT names the first that no peer can keep to, and its value: a time of nothing or less, no
  // header fields or bytes of them, a hard limit below the limit. serve() and dial() ask this.
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
  kFrameKept,  // a frame, or a header block of several, that is longer than any that we keep whole
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
// The field of Limits that is it, such as "pings"; empty where there is none.
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

// The nearest that a connection has come to a limit: its value, and the limit as it was then.
struct LimitPeak {
  std::uint64_t value = 0;
  std::uint64_t limit = 0;

  bool is_above(const LimitPeak& other) const {
    return other.limit == 0 || static_cast<double>(value) * static_cast<double>(other.limit) >
                                   static_cast<double>(other.value) * static_cast<double>(limit);
  }
};

// The same of each limit, of many connections. {0, 0} where no connection came to a hundredth of it: none of
// them is good news. What makes room for more, such as data we sent for WINDOW_UPDATE, is in `limit`. Those
// of timeouts are in milliseconds, queued_replies stands for what the peer does not read, and
// mean_window_update is the other way round: its value is the limit.
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

}  // namespace sluice
