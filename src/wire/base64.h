// Base64 of "-bin" header values (RFC 4648 section 4; gRPC PROTOCOL-HTTP2, "Binary-Header"). A value that
// joins several with commas is split by the caller before decoding.
#pragma once

#include <string>
#include <string_view>

namespace sluice::inline v0::wire {

// Without padding, as gRPC asks senders to.
std::string base64_encode(std::string_view bytes);

// Replaces `out` with what `in` stands for, padded or not. False, and `out` is empty, for a character outside
// the alphabet, a length that no bytes have, or padding that does not fill the last group. Spare bits in the
// last character are ignored, as grpc-go does.
bool base64_decode(std::string_view in, std::string& out);

}  // namespace sluice::inline v0::wire
