// The tables. Where gRPC's specification and grpc-go differ, the specification holds; where it is silent,
// grpc-go does.
#include "wire/error_map.h"

#include <string>
#include <utility>

namespace sluice::inline v0::wire {

namespace {

using http2::ErrorCode;

StatusCode code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNoError:
    case ErrorCode::kProtocolError:
    case ErrorCode::kInternalError:
    case ErrorCode::kFlowControlError:
    case ErrorCode::kSettingsTimeout:
    case ErrorCode::kFrameSizeError:
    case ErrorCode::kCompressionError:
    case ErrorCode::kConnectError:
    case ErrorCode::kHttp11Required:
      return StatusCode::kInternal;
    case ErrorCode::kRefusedStream:
      return StatusCode::kUnavailable;
    case ErrorCode::kCancel:
      return StatusCode::kCancelled;
    case ErrorCode::kEnhanceYourCalm:
      return StatusCode::kResourceExhausted;
    case ErrorCode::kInadequateSecurity:
      return StatusCode::kPermissionDenied;
    case ErrorCode::kStreamClosed:
      break;
  }
  return StatusCode::kUnknown;  // STREAM_CLOSED answers a stream that is over, so that no call should see it
}

}  // namespace

Status to_status(ErrorCode code, bool deadline_passed) {
  if (code == ErrorCode::kCancel && deadline_passed) {
    return {StatusCode::kDeadlineExceeded, "deadline exceeded, stream reset by the peer: CANCEL"};
  }
  return {code_of(code), "stream reset by the peer: " + error_code_text(code)};
}

std::string error_code_text(ErrorCode code) {
  if (const std::string_view name = error_code_name(code); !name.empty()) return std::string(name);
  return "error code " + std::to_string(static_cast<std::uint32_t>(code));
}

std::string_view error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNoError:
      return "NO_ERROR";
    case ErrorCode::kProtocolError:
      return "PROTOCOL_ERROR";
    case ErrorCode::kInternalError:
      return "INTERNAL_ERROR";
    case ErrorCode::kFlowControlError:
      return "FLOW_CONTROL_ERROR";
    case ErrorCode::kSettingsTimeout:
      return "SETTINGS_TIMEOUT";
    case ErrorCode::kStreamClosed:
      return "STREAM_CLOSED";
    case ErrorCode::kFrameSizeError:
      return "FRAME_SIZE_ERROR";
    case ErrorCode::kRefusedStream:
      return "REFUSED_STREAM";
    case ErrorCode::kCancel:
      return "CANCEL";
    case ErrorCode::kCompressionError:
      return "COMPRESSION_ERROR";
    case ErrorCode::kConnectError:
      return "CONNECT_ERROR";
    case ErrorCode::kEnhanceYourCalm:
      return "ENHANCE_YOUR_CALM";
    case ErrorCode::kInadequateSecurity:
      return "INADEQUATE_SECURITY";
    case ErrorCode::kHttp11Required:
      return "HTTP_1_1_REQUIRED";
  }
  return {};
}

// Not ENHANCE_YOUR_CALM for RESOURCE_EXHAUSTED: a limit of ours that one call has met is not the peer's
// abuse.
ErrorCode reset_code_for(StatusCode code) {
  return code == StatusCode::kInternal ? ErrorCode::kInternalError : ErrorCode::kCancel;
}

}  // namespace sluice::inline v0::wire
