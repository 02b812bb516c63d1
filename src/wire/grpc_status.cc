// Percent-encoding over UTF-8, and the three trailers put together.
#include "wire/grpc_status.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/escape.h"
#include "base/utf8.h"
#include "wire/base64.h"

namespace sluice::inline v0::wire {

namespace {

constexpr std::size_t kMaxQuotedCode = 32;

bool plain(char c) { return c >= 0x20 && c <= 0x7e && c != '%'; }
std::uint32_t byte_of(char c) { return static_cast<unsigned char>(c); }

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t n = utf8_sequence_size(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

void append_escaped(std::string& out, std::string_view bytes) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : bytes) {
    out.push_back('%');
    out.push_back(kHex[byte_of(c) >> 4]), out.push_back(kHex[byte_of(c) & 15]);
  }
}

// -1 for what is no digit.
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that the three characters at the front of `text` stand for, else -1.
int escaped_byte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return -1;
  const int high = hex_digit(text[1]), low = hex_digit(text[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// A decimal number without sign or leading zeros.
bool well_formed(std::string_view code) {
  if (code.empty() || (code[0] == '0' && code.size() > 1)) return false;
  return code.find_first_not_of("0123456789") == code.npos;
}

// -1 for a number above 16, however long.
int known_code(std::string_view code) {
  if (code.size() > 2) return -1;
  int number = 0;
  std::from_chars(code.data(), code.data() + code.size(), number);
  return number <= static_cast<int>(StatusCode::kUnauthenticated) ? number : -1;
}

std::string unknown_text(std::string_view what, std::string_view code, std::string_view message) {
  std::string text(what);
  text.append(" \"").append(escaped(code.substr(0, kMaxQuotedCode), Keep::kAscii));
  text.append(code.size() > kMaxQuotedCode ? "...\"" : "\"");
  if (!message.empty()) text.append(": ").append(message);
  return text;
}

// A text that was cut may end in spaces, which are plain only where something follows.
std::string without_end_spaces(std::string text) {
  text.resize(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace

std::string encode_grpc_message(std::string_view message, std::size_t max) {
  std::string out;
  out.reserve(std::min(message.size(), max));
  const std::size_t size = message.size();
  for (std::size_t i = 0; i < size;) {
    const char c = message[i];
    if (plain(c) && (c != ' ' || (i != 0 && i + 1 != size))) {
      if (out.size() == max) return without_end_spaces(std::move(out));
      out.push_back(c), ++i;
      continue;
    }
    const std::size_t n = utf8_sequence_size(message.substr(i));
    const std::string_view character = n == 0 ? kReplacement : message.substr(i, n);
    if (out.size() + 3 * character.size() > max) return without_end_spaces(std::move(out));
    append_escaped(out, character);
    i += n == 0 ? 1 : n;
  }
  return out;
}

std::string decode_grpc_message(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  while (!value.empty()) {
    const std::size_t plain_size = std::min(value.find('%'), value.size());
    out.append(value.substr(0, plain_size));
    value.remove_prefix(plain_size);
    const std::size_t start = out.size();
    std::size_t run = 0;
    for (int byte; (byte = escaped_byte(value.substr(run))) >= 0; run += 3) {
      out.push_back(static_cast<char>(byte));
    }
    if (run == 0 && !value.empty()) run = 1;  // a percent sign that begins no escape
    if (run == 1 || !valid_utf8(std::string_view(out).substr(start))) {
      out.resize(start);
      out.append(value.substr(0, run));
    }
    value.remove_prefix(run);
  }
  return out;
}

Status parse_grpc_status(std::string_view code, std::string_view message, std::string_view details_bin,
                         bool has_details) {
  if (code == "0" && !has_details) return {};
  std::string text = decode_grpc_message(message);
  if (!well_formed(code)) return {StatusCode::kUnknown, unknown_text("malformed grpc-status", code, text)};
  std::string details;
  if (has_details && !base64_decode(details_bin, details)) {
    std::string why = "malformed base64 in grpc-status-details-bin of grpc-status ";
    why.append(code.substr(0, kMaxQuotedCode));
    if (!text.empty()) why.append(": ").append(text);
    return {StatusCode::kInternal, std::move(why)};
  }
  const int number = known_code(code);
  if (number < 0) {
    return {StatusCode::kUnknown, unknown_text("unknown grpc-status", code, text), std::move(details)};
  }
  return {static_cast<StatusCode>(number), std::move(text), std::move(details)};
}

std::string_view status_code_text(StatusCode code) {
  static constexpr std::array<std::string_view, 17> kTexts = {
      "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};
  const auto number = static_cast<std::size_t>(code);
  return kTexts[number < kTexts.size() ? number : static_cast<std::size_t>(StatusCode::kUnknown)];
}

}  // namespace sluice::inline v0::wire
