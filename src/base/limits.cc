// The causes for which limits end connections, in words: for GOAWAY, statuses and the log.
#include "sluice/base/limits.h"

namespace sluice {

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

}  // namespace sluice
