// UTF-8 as RFC 3629 has it, in texts that a peer or a user chose.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::inline v0 {

inline constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// The length of the sequence at the front of `text`, 0 if none is there (RFC 3629 section 4). REQUIRES a
// byte.
std::size_t utf8_sequence_size(std::string_view text);

}  // namespace sluice::inline v0
