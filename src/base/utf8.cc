// One sequence, by its bytes' ranges.
#include "base/utf8.h"

#include <cstdint>

namespace sluice::inline v0 {
namespace {

std::uint32_t byte_of(char c) { return static_cast<unsigned char>(c); }

}  // namespace

std::size_t utf8_sequence_size(std::string_view text) {
  const std::uint32_t first = byte_of(text[0]);
  if (first < 0x80) return 1;
  const std::size_t size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (size == 0 || text.size() < size) return 0;
  // The second byte's range keeps out long forms, surrogates and what lies above U+10FFFF.
  const std::uint32_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const std::uint32_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte_of(text[1]) < low || byte_of(text[1]) > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte_of(text[i]) & 0xc0) != 0x80) return 0;
  }
  return size;
}

}  // namespace sluice::inline v0
