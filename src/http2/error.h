// What can go wrong on an HTTP/2 connection (RFC 9113 section 7), and whose fault it is.
#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/base/limits.h"

namespace sluice::inline v0::http2 {

using StreamId = std::uint32_t;
inline constexpr StreamId kMaxStreamId = 0x7fffffff;

enum class ErrorCode : std::uint32_t {
  kNoError = 0x0,
  kProtocolError = 0x1,
  kInternalError = 0x2,
  kFlowControlError = 0x3,
  kSettingsTimeout = 0x4,
  kStreamClosed = 0x5,
  kFrameSizeError = 0x6,
  kRefusedStream = 0x7,
  kCancel = 0x8,
  kCompressionError = 0x9,
  kConnectError = 0xa,
  kEnhanceYourCalm = 0xb,
  kInadequateSecurity = 0xc,
  kHttp11Required = 0xd,
};

enum class Scope : std::uint8_t { kNone, kStream, kConnection };
enum class Blame : std::uint8_t { kPeer, kLibrary, kUser };

// A value; default-constructed it is "no error". `what` is static text.
struct [[nodiscard]] Error {
  Scope scope = Scope::kNone;
  ErrorCode code = ErrorCode::kNoError;
  Blame blame = Blame::kPeer;
  StreamId stream = 0;
  std::string_view what = {};
  Limit limit = Limit::kNone;  // the one that was exceeded

  bool ok() const { return scope == Scope::kNone; }
  static Error connection(ErrorCode code, std::string_view what, Blame blame = Blame::kPeer) {
    return {Scope::kConnection, code, blame, 0, what, Limit::kNone};
  }
  static Error on_stream(StreamId id, ErrorCode code, std::string_view what, Blame blame = Blame::kPeer) {
    return {Scope::kStream, code, blame, id, what, Limit::kNone};
  }
};

}  // namespace sluice::inline v0::http2
