// A comment must stay one: what a compiler could take for the end of a line becomes one here, and gets its
// own "//".
#include "text.h"

#include <cstdint>
#include <vector>

namespace sluice_plugin {
namespace {

constexpr char32_t kInvalid = 0xFFFD;
constexpr std::string_view kInvalidBytes = "\xEF\xBF\xBD";

// One character of UTF-8 and how many bytes it has; kInvalid for one byte that is none.
struct Character {
  char32_t code;
  std::size_t size;
};

Character first_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const std::size_t size = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < size) return {kInvalid, 1};
  char32_t code = byte(0) & (0xFFu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {kInvalid, 1};
    code = code << 6 | (byte(i) & 0x3F);
  }
  static constexpr char32_t kSmallest[] = {0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kSmallest[size - 2] || code > 0x10FFFF || surrogate) return {kInvalid, 1};
  return {code, size};
}

// LF, VT, FF, CR, NEL, LINE SEPARATOR, PARAGRAPH SEPARATOR.
bool ends_line(char32_t c) { return (c >= 0x0A && c <= 0x0D) || c == 0x85 || c == 0x2028 || c == 0x2029; }

// What shows the text behind it in another order than a compiler reads it; compilers warn of it.
bool turns_text(char32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E || c == 0x200F ||
         c == 0x61C;
}

bool is_control(char32_t c) { return (c < 0x20 && c != '\t') || (c >= 0x7F && c < 0xA0); }

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const Character c = first_of(text);
    std::string_view bytes = text.substr(0, c.size);
    text.remove_prefix(c.size);
    if (ends_line(c.code)) {
      if (c.code == '\r' && text.starts_with('\n')) text.remove_prefix(1);
      lines.emplace_back();
      continue;
    }
    if (turns_text(c.code)) continue;
    if (is_control(c.code)) bytes = " ";
    if (c.code == kInvalid) bytes = kInvalidBytes;
    lines.back() += bytes;
  }
  for (std::string& line : lines) {
    line.erase(line.find_last_not_of(" \t") + 1);
    // A backslash, or the trigraph of one, would make the next line a part of the comment.
    if (line.ends_with('\\') || line.ends_with("?\?/")) line += " //";
  }
  return lines;
}

}  // namespace

std::string comment_text(std::string_view line) {
  std::string text;
  for (const std::string& part : lines_of(line)) text += (text.empty() ? "" : " ") + part;
  return text;
}

void print_comment_lines(std::string_view comment, google::protobuf::io::Printer& out) {
  std::vector<std::string> lines = lines_of(comment);
  if (lines.back().empty()) lines.pop_back();  // behind the end of the last line
  for (std::string& line : lines) {
    if (!line.empty() && line.front() != ' ') line.insert(0, 1, ' ');
    out.Print("//$line$\n", "line", line);
  }
}

std::string literal_of(std::string_view bytes) {
  std::string literal = "\"";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\' || c == '?') literal += '\\';  // ? for the sake of trigraphs
    if (byte >= 0x20 && byte != 0x7F) {
      literal += c;
    } else {
      literal += '\\';
      for (const int shift : {6, 3, 0}) literal += static_cast<char>('0' + (byte >> shift & 7));
    }
  }
  return literal + '"';
}

}  // namespace sluice_plugin
