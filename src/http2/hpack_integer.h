// HPACK's integers (RFC 7541 section 5.1): the low bits of a first byte, then seven bits a byte.
// Used by the encoder and the decoder of hpack.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace sluice::inline v0::http2 {

inline constexpr std::size_t kMaxIntegerBytes = 6;  // of 32 bits behind any prefix

// Writes `value` with a prefix of `prefix_bits`, the bits above it from `first`; returns the place behind.
inline std::byte* write_integer(std::uint8_t first, unsigned prefix_bits, std::uint32_t value,
                                std::byte* out) {
  const std::uint32_t most = (1u << prefix_bits) - 1;
  if (value < most) {
    *out++ = static_cast<std::byte>(first | value);
    return out;
  }
  *out++ = static_cast<std::byte>(first | most);
  for (value -= most; value >= 0x80; value >>= 7) *out++ = static_cast<std::byte>(0x80 | (value & 0x7f));
  *out++ = static_cast<std::byte>(value);
  return out;
}

// Reads an integer at `at` and moves `at` behind it; the bits above the prefix are not looked at.
// REQUIRES: at != end. Errors: what was wrong; empty if nothing was.
inline std::string_view read_integer(unsigned prefix_bits, const std::byte*& at, const std::byte* end,
                                     std::uint32_t& value) {
  const std::uint32_t most = (1u << prefix_bits) - 1;
  value = static_cast<std::uint8_t>(*at++) & most;
  if (value < most) return {};
  std::uint64_t sum = value;
  for (unsigned i = 0; i + 1 < kMaxIntegerBytes; ++i) {
    if (at == end) return "header block ends within an integer";
    const auto byte = static_cast<std::uint8_t>(*at++);
    sum += std::uint64_t{byte & 0x7fu} << (7 * i);
    if ((byte & 0x80) != 0) continue;
    if (sum > std::numeric_limits<std::uint32_t>::max()) break;
    value = static_cast<std::uint32_t>(sum);
    return {};
  }
  return "integer in a header block exceeds 32 bits";
}

}  // namespace sluice::inline v0::http2
