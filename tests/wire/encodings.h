// Compressed messages for the tests of the wire.
#pragma once

#include <string>
#include <string_view>

#include "sluice/compression/compressors.h"
#include "wire/wire.h"

namespace sluice::inline v0::wire {

inline std::string packed(std::string_view text, std::string_view algorithm = "gzip") {
  return all_compressors().find(algorithm)->compress(Chain::copy(text)).value().to_string();
}
// In a message with the flag.
inline std::string packed_message(std::string_view text, std::string_view algorithm = "gzip") {
  return message(packed(text, algorithm), 1);
}
// What DATA brought: the text of each message, in "[]" if it came compressed.
inline std::string unpacked(std::string_view data, std::string_view algorithm = "gzip") {
  std::string text;
  while (data.size() >= 5) {
    const std::size_t size = http2::load_u32(as_bytes(data).data() + 1);
    const Chain body = Chain::copy(data.substr(5, size));
    if (data[0] == 0) {
      text += body.to_string();
    } else {
      const Result<Chain> plain = all_compressors().find(algorithm)->decompress(body, 1 << 20);
      text += "[" + support::text_of(plain) + "]";
    }
    data.remove_prefix(5 + size);
    if (!data.empty()) text += " ";
  }
  return text;
}

inline constexpr std::string_view kAlgorithms[] = {"gzip", "deflate", "zstd"};

// Something that gets smaller.
inline std::string dull(std::size_t size = 1000) { return std::string(size, 'x'); }

}  // namespace sluice::inline v0::wire
