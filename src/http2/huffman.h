// The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B), over whole strings.
// Used by the HPACK coder only; knows nothing of tables or fields.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::inline v0::http2 {

// Bytes that `text` takes when encoded, padding included.
std::size_t huffman_size(std::string_view text);

// Writes huffman_size(text) bytes to `out` and returns the place behind them.
std::byte* huffman_encode(std::string_view text, std::byte* out);

// The most characters that `encoded` bytes can decode to: the shortest code has 5 bits.
constexpr std::size_t huffman_room(std::size_t encoded) { return encoded * 8 / 5; }

// Decodes to `out`, which has huffman_room(encoded.size()) bytes, and returns how many were written.
// Errors: nullopt when EOS occurs, or the padding has 8 bits or more or is not all ones.
std::optional<std::size_t> huffman_decode(std::span<const std::byte> encoded, char* out);

}  // namespace sluice::inline v0::http2
