// Which limits make sense, and the causes for which they end connections, in words: for GOAWAY, statuses and
// the log.
#include "sluice/base/limits.h"

#include <string>

namespace sluice::inline v0 {
namespace {

Status wrong(const char* name, const std::string& value, const std::string& why) {
  return {StatusCode::kInvalidArgument, "limits." + std::string(name) + " of " + value + why};
}

}  // namespace

Status Limits::check() const {
  const struct {
    const char* name;
    Duration time;
  } times[] = {{"resets_window", resets_window},
               {"output_stall_timeout", output_stall_timeout},
               {"handshake_timeout", handshake_timeout},
               {"header_block_timeout", header_block_timeout},
               {"settings_ack_timeout", settings_ack_timeout},
               {"write_stall_timeout", write_stall_timeout}};
  const auto ns = [](Duration time) { return std::to_string(time.count()) + " ns"; };
  for (const auto& [name, time] : times) {
    if (time <= Duration::zero()) return wrong(name, ns(time), " leaves no time");
  }
  if (goodbye_timeout < Duration::zero())
    return wrong("goodbye_timeout", ns(goodbye_timeout), " is negative");
  if (header_list_size == 0) return wrong("header_list_size", "0", " lets no call through");
  if (headers == 0) return wrong("headers", "0", " lets no call through");
  if (header_list_hard_limit < header_list_size) {
    return wrong("header_list_hard_limit", std::to_string(header_list_hard_limit),
                 " is less than header_list_size, " + std::to_string(header_list_size));
  }
  return {};
}

std::string_view to_string(Limit limit) {
  switch (limit) {
    case Limit::kNone:
      return "no limit";
    case Limit::kResets:
      return "too many streams opened and reset";
    case Limit::kProvokedResets:
      return "too many stream errors";
    case Limit::kPings:
      return "too many PING frames";
    case Limit::kControlFrames:
      return "too many SETTINGS, PRIORITY, GOAWAY and unknown frames";
    case Limit::kWindowUpdates:
      return "too many WINDOW_UPDATE frames";
    case Limit::kMeanWindowUpdate:
      return "WINDOW_UPDATE frames of a few bytes each";
    case Limit::kEmptyFrames:
      return "too many empty frames";
    case Limit::kContinuationFrames:
      return "too many CONTINUATION frames";
    case Limit::kFrameKept:
      return "frame too large to be kept";
    case Limit::kHeaderList:
      return "too many header lists beyond the limit";
    case Limit::kOutputStall:
      return "asks for replies and does not read them";
    case Limit::kHandshakeTimeout:
      return "no HTTP/2 SETTINGS in time";
    case Limit::kHeaderBlockTimeout:
      return "header block not complete in time";
    case Limit::kSettingsAckTimeout:
      return "SETTINGS not acknowledged in time";
    case Limit::kWriteStall:
      return "reads nothing";
    case Limit::kConnections:
      return "too many connections";
    case Limit::kConnectionsPerAddress:
      return "too many connections from one address";
    case Limit::kHandshakes:
      return "too many connections in handshake";
  }
  return "unknown limit";
}

std::string_view name(Limit limit) {
  switch (limit) {
    case Limit::kNone:
    case Limit::kFrameKept:
      return "";
    case Limit::kResets:
      return "resets";
    case Limit::kProvokedResets:
      return "provoked_resets";
    case Limit::kPings:
      return "pings";
    case Limit::kControlFrames:
      return "control_frames";
    case Limit::kWindowUpdates:
      return "window_updates_per_data";
    case Limit::kMeanWindowUpdate:
      return "mean_window_update";
    case Limit::kEmptyFrames:
      return "empty_frames";
    case Limit::kContinuationFrames:
      return "continuation_frames";
    case Limit::kHeaderList:
      return "header_list_breaches";
    case Limit::kOutputStall:
      return "queued_replies";
    case Limit::kHandshakeTimeout:
      return "handshake_timeout";
    case Limit::kHeaderBlockTimeout:
      return "header_block_timeout";
    case Limit::kSettingsAckTimeout:
      return "settings_ack_timeout";
    case Limit::kWriteStall:
      return "write_stall_timeout";
    case Limit::kConnections:
      return "connections";
    case Limit::kConnectionsPerAddress:
      return "connections_per_address";
    case Limit::kHandshakes:
      return "handshakes";
  }
  return "";
}

std::string to_string(const LimitPeaks& peaks) {
  std::string text;
  for (std::size_t i = 0; i < kLimits; ++i) {
    const LimitPeak& peak = peaks.peaks[i];
    if (peak.limit == 0) continue;
    const std::string_view field = name(static_cast<Limit>(i));
    if (!text.empty()) text += ", ";
    text.append(field).append(" ").append(std::to_string(peak.value));
    text.append(" of ").append(std::to_string(peak.limit));
    if (field.ends_with("_timeout")) text += " ms";
  }
  return text.empty() ? "none" : text;
}

}  // namespace sluice::inline v0
