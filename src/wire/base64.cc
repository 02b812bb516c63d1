// Three bytes are four characters of six bits; a rest of one or two bytes is two or three characters.
#include "wire/base64.h"

#include <array>
#include <cstdint>

namespace sluice::inline v0::wire {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kBad = 0x80;  // no six bits have it

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kBad);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

std::uint32_t byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }
std::uint32_t value_at(std::string_view text, std::size_t i) { return kValues[byte_at(text, i)]; }
char sextet(std::uint32_t bits) { return kAlphabet[bits & 0x3f]; }

// Padding may be left out whole, or fills the last group of four. False: neither.
bool strip_padding(std::string_view& in) {
  if (in.ends_with('=')) {
    if (in.size() % 4 != 0) return false;
    in.remove_suffix(in[in.size() - 2] == '=' ? 2 : 1);
  }
  return in.size() % 4 != 1;
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string text((bytes.size() / 3) * 4 + (bytes.size() % 3 * 4 + 2) / 3, '\0');
  char* out = text.data();
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t bits = byte_at(bytes, i) << 16 | byte_at(bytes, i + 1) << 8 | byte_at(bytes, i + 2);
    *out++ = sextet(bits >> 18), *out++ = sextet(bits >> 12);
    *out++ = sextet(bits >> 6), *out++ = sextet(bits);
  }
  if (i == bytes.size()) return text;
  const bool two = i + 2 == bytes.size();
  const std::uint32_t bits = byte_at(bytes, i) << 16 | (two ? byte_at(bytes, i + 1) << 8 : 0);
  *out++ = sextet(bits >> 18), *out++ = sextet(bits >> 12);
  if (two) *out++ = sextet(bits >> 6);
  return text;
}

bool base64_decode(std::string_view in, std::string& out) {
  out.clear();
  if (!strip_padding(in)) return false;
  out.resize(in.size() / 4 * 3 + in.size() % 4 * 3 / 4);
  char* to = out.data();
  std::uint32_t seen = 0;  // of all values together, so that one test at the end finds a bad one
  std::size_t i = 0;
  for (; i + 4 <= in.size(); i += 4) {
    const std::uint32_t a = value_at(in, i), b = value_at(in, i + 1);
    const std::uint32_t c = value_at(in, i + 2), d = value_at(in, i + 3);
    seen |= a | b | c | d;
    const std::uint32_t bits = a << 18 | b << 12 | c << 6 | d;
    *to++ = static_cast<char>(bits >> 16), *to++ = static_cast<char>(bits >> 8);
    *to++ = static_cast<char>(bits);
  }
  if (i < in.size()) {
    const std::uint32_t a = value_at(in, i), b = value_at(in, i + 1);
    const std::uint32_t c = i + 2 < in.size() ? value_at(in, i + 2) : 0;
    seen |= a | b | c;
    const std::uint32_t bits = a << 18 | b << 12 | c << 6;
    *to++ = static_cast<char>(bits >> 16);
    if (i + 2 < in.size()) *to++ = static_cast<char>(bits >> 8);
  }
  if ((seen & kBad) == 0) return true;
  out.clear();
  return false;
}

}  // namespace sluice::inline v0::wire
