// A call's outcome in trailers: grpc-status, grpc-message and grpc-status-details-bin (gRPC PROTOCOL-HTTP2,
// "Responses"). The border between header values and Status.
#pragma once

#include <string>
#include <string_view>

#include "sluice/base/status.h"

namespace sluice::inline v0::wire {

// Percent-encodes all but 0x20-0x24 and 0x26-0x7E. Each byte that is no UTF-8 counts as U+FFFD. Spaces at
// either end are encoded too, since HTTP/2 refuses them there (RFC 9113 section 8.2.1). What would be longer
// than `max` bytes is cut after a whole character.
std::string encode_grpc_message(std::string_view message, std::size_t max = std::string::npos);

// Never fails: what is not an escape stays as it is, and so does a run of escapes that gives no UTF-8.
std::string decode_grpc_message(std::string_view value);

// The values as received: `message` percent-encoded, `details_bin` in base64, read if `has_details`.
//
// Errors: a code that is no number, or one that gRPC does not define, is UNKNOWN with the code in the text;
// details that are no base64 are INTERNAL. The code inside the details is not looked at: grpc-status wins.
Status parse_grpc_status(std::string_view code, std::string_view message, std::string_view details_bin,
                         bool has_details);

// "0" to "16"; a code that gRPC does not define is sent as UNKNOWN, "2". Static text.
std::string_view status_code_text(StatusCode code);

}  // namespace sluice::inline v0::wire
