// What the tests of HPACK share: header lists that own their text, blocks in hexadecimal, and a visitor that
// gathers fields. Tests only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http2/hpack.h"

namespace sluice::inline v0::http2::testing {

using Block = std::vector<std::byte>;

struct Header {
  std::string name;
  std::string value;
  Indexing indexing = Indexing::kIndex;

  // Indexing is compared where a test says so.
  bool operator==(const Header& other) const { return name == other.name && value == other.value; }
};
using Headers = std::vector<Header>;

inline std::ostream& operator<<(std::ostream& out, const Header& h) {
  return out << h.name << ": " << h.value;
}

inline Block unhex(std::string_view text) {
  Block block;
  int high = -1;
  for (const char c : text) {
    if (c == ' ') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      block.push_back(static_cast<std::byte>(high << 4 | digit));
      high = -1;
    }
  }
  return block;
}

inline std::string hex(std::span<const std::byte> block) {
  std::string text;
  for (const std::byte b : block) {
    text += "0123456789abcdef"[static_cast<unsigned>(b) >> 4];
    text += "0123456789abcdef"[static_cast<unsigned>(b) & 15];
  }
  return text;
}

inline std::vector<Field> to_fields(const Headers& headers) {
  std::vector<Field> fields;
  for (const Header& h : headers) fields.push_back({h.name, h.value, h.indexing});
  return fields;
}

std::vector<Field> to_fields(Headers&& headers) = delete;  // views of what is about to go

inline Block encode(HpackEncoder& encoder, const Headers& headers) {
  const std::vector<Field> fields = to_fields(headers);
  const HeaderPart part{fields, nullptr};
  Block block;
  encoder.encode({&part, 1}, block);
  return block;
}

// Gathers fields; a tag given out is the place of its field in `tagged` plus one.
struct Collector final : HpackDecoder::Visitor {
  enum class Tags : bool { kNone, kAll };
  explicit Collector(Tags with = Tags::kNone) : tags(with) {}

  Tag on_field(const Field& field) override {
    headers.push_back({std::string(field.name), std::string(field.value), field.indexing});
    if (tags == Tags::kNone) return 0;
    tagged.push_back(headers.back());
    return tagged.size();
  }
  void on_tag(Tag tag) override {
    ++tag_hits;
    headers.push_back(tagged.at(tag - 1));
  }

  Headers take() { return std::exchange(headers, {}); }

  Tags tags;
  Headers headers;
  Headers tagged;
  std::size_t tag_hits = 0;
};

// The dynamic table from the newest entry on.
inline Headers contents(const DynamicTable& table) {
  Headers headers;
  for (std::uint32_t age = 0; age < table.count(); ++age) {
    headers.push_back({std::string(table.name(age)), std::string(table.value(age))});
  }
  return headers;
}

// The error text of decoding `block`, empty if there was none.
inline std::string_view decode_error(HpackDecoder& decoder, const Block& block) {
  Collector collector;
  const Error error = decoder.decode(block, collector);
  return error.what;
}

}  // namespace sluice::inline v0::http2::testing
