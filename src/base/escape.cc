// One pass, a byte at a time.
#include "base/escape.h"

namespace sluice::inline v0 {

std::string escaped(std::string_view text, Keep keep) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool control = byte < 0x20 || byte == 0x7f;
    if (control || (byte >= 0x80 && keep == Keep::kAscii)) {
      out.append("\\x").push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace sluice::inline v0
