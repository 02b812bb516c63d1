// HTTP/2 error codes and gRPC statuses, both ways (gRPC PROTOCOL-HTTP2, "Errors"). The one place where a
// RST_STREAM becomes a call's outcome and where a call that is given up gets its RST_STREAM code.
#pragma once

#include <string>
#include <string_view>

#include "http2/error.h"
#include "sluice/base/status.h"

namespace sluice::inline v0::wire {

// The outcome of a call whose stream the peer has reset with `code`; never OK. CANCEL after the call's own
// deadline is DEADLINE_EXCEEDED: the server's clock was the faster one.
Status to_status(http2::ErrorCode code, bool deadline_passed);

// "ENHANCE_YOUR_CALM" and the like; empty for a number that RFC 9113 does not define. Static text.
std::string_view error_code_name(http2::ErrorCode code);

// The same for a text: "error code 77" for such a number.
std::string error_code_text(http2::ErrorCode code);

// What to reset a stream with when this side gives the call up with `code`.
http2::ErrorCode reset_code_for(StatusCode code);

}  // namespace sluice::inline v0::wire
