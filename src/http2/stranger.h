// Who is at the other end of a connection that does not begin as HTTP/2 (RFC 9113 section 3.4), by its first
// bytes: for the session's error, so that an operator need not guess.
#pragma once

#include <string_view>

#include "http2/settings.h"

namespace sluice::inline v0::http2 {

// A static text, such as "the peer speaks HTTP/1.1, not HTTP/2". `first`: what `self` has received, a byte at
// least.
std::string_view name_stranger(Role self, std::string_view first);

}  // namespace sluice::inline v0::http2
