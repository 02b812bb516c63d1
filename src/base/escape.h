// Bytes that a peer chose, inside a text for people: nothing in them may end a line or move a terminal's
// cursor.
#pragma once

#include <string>
#include <string_view>

namespace sluice::inline v0 {

enum class Keep : bool { kAscii, kUnicode };  // printable ASCII, or that and every byte from 0x80 on

// Other bytes become "\xNN".
std::string escaped(std::string_view text, Keep keep);

}  // namespace sluice::inline v0
