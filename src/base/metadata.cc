// Metadata's storage (one block of memory for all pairs) and the rules for what an application may send
// (gRPC PROTOCOL-HTTP2, Custom-Metadata; RFC 9113 section 8.2.2).
#include "sluice/base/metadata.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace sluice::inline v0 {
namespace {

constexpr std::size_t kMaxText = std::numeric_limits<std::uint32_t>::max();

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Function objects, because the searches below inline these and not functions at -O2.
constexpr auto is_key_char = [](char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
};
constexpr auto is_printable = [](char c) { return c >= 0x20 && c <= 0x7e; };

std::string hex(char c) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return {'0', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

// The key for an error text: printable and at most a line long, whatever it holds.
std::string quoted(std::string_view key) {
  static constexpr std::size_t kMaxShown = 64;
  std::string text = "\"";
  for (char c : key.substr(0, kMaxShown)) {
    if (is_printable(c)) {
      text += c;
    } else {
      text.append("\\").append(hex(c), 1);
    }
  }
  return text.append(key.size() > kMaxShown ? "…\"" : "\"");
}

struct Reserved {
  std::string_view key;
  std::string_view why;
};
constexpr std::array<Reserved, 10> kReserved = {{{"connection", "HTTP/2 forbids it"},
                                                 {"keep-alive", "HTTP/2 forbids it"},
                                                 {"proxy-connection", "HTTP/2 forbids it"},
                                                 {"transfer-encoding", "HTTP/2 forbids it"},
                                                 {"upgrade", "HTTP/2 forbids it"},
                                                 {"te", "gRPC sends its own"},
                                                 {"content-type", "gRPC sends its own"},
                                                 {"content-length", "gRPC does not send it"},
                                                 {"user-agent", "it is an option of the channel"},
                                                 {"host", "the channel's authority stands for it"}}};

// A bit for each size that one of them has: most keys need no further look.
constexpr std::uint64_t kReservedSizes = [] {
  std::uint64_t sizes = 0;
  for (const Reserved& reserved : kReserved) sizes |= std::uint64_t{1} << reserved.key.size();
  return sizes;
}();

// Empty: it is not.
std::string_view why_reserved(std::string_view key) {
  if (key.starts_with(':')) return "it is a pseudo-header of HTTP/2";
  if (key.starts_with("grpc-")) {
    const bool passes = key == "grpc-previous-rpc-attempts" || key == "grpc-retry-pushback-ms";
    return passes ? "" : "names that begin with grpc- are gRPC's own";
  }
  if ((kReservedSizes >> std::min<std::size_t>(key.size(), 63) & 1) == 0) return "";
  const auto found = std::find_if(kReserved.begin(), kReserved.end(), [&](auto& r) { return r.key == key; });
  return found != kReserved.end() ? found->why : "";
}

}  // namespace

Metadata::Block* Metadata::copy_of(const Block& block, std::uint32_t capacity, std::uint32_t text_capacity) {
  capacity = std::max(capacity, block.size);
  text_capacity = std::max(text_capacity, block.text_size);
  auto* copy = new (::operator new(sizeof(Block) + capacity * sizeof(Entry) + text_capacity))
      Block{block.size, capacity, block.text_size, text_capacity};
  std::memcpy(copy->entries(), block.entries(), block.size * sizeof(Entry));
  std::memcpy(copy->text(), block.text(), block.text_size);
  return copy;
}

// Room for one more pair of `text` characters, growing by halves at least.
Metadata::Block* Metadata::with_room(const Block* block, std::size_t text) {
  constexpr std::uint32_t kFewEntries = 4, kLittleText = 96;
  if (block == nullptr) {
    const Block nothing{};
    return copy_of(nothing, kFewEntries,
                   static_cast<std::uint32_t>(std::max<std::size_t>(kLittleText, text)));
  }
  const std::uint64_t wanted =
      std::max<std::uint64_t>(block->text_size + text, 2 * std::uint64_t{block->text_capacity});
  const bool full = block->size == block->capacity;
  return copy_of(*block, full ? 2 * block->capacity : block->capacity,
                 block->text_size + text <= block->text_capacity
                     ? block->text_capacity
                     : static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, kMaxText)));
}

void Metadata::add(std::string_view key, std::string_view value) {
  const std::size_t before = block_ != nullptr ? block_->text_size : 0;
  if (key.size() > kMaxText - before || value.size() > kMaxText - before - key.size()) {
    throw std::length_error("metadata of more than 4 GiB");
  }
  const std::size_t text = key.size() + value.size();
  Block* block = block_;
  if (block == nullptr || block->size == block->capacity || text > block->text_capacity - before) {
    block = with_room(block_, text);
  }
  char* at = block->text() + before;
  for (char c : key) *at++ = to_lower(c);
  if (!value.empty()) std::memcpy(at, value.data(), value.size());
  block->entries()[block->size++] = {static_cast<std::uint32_t>(before),
                                     static_cast<std::uint32_t>(key.size()),
                                     static_cast<std::uint32_t>(value.size())};
  block->text_size += static_cast<std::uint32_t>(text);
  // Only now: the views may point into the old one.
  if (Block* old = std::exchange(block_, block); old != block) ::operator delete(old);
}

KV Metadata::operator[](std::size_t i) const {
  const Entry& entry = block_->entries()[i];
  const char* key = block_->text() + entry.key_begin;
  return {{key, entry.key_size}, {key + entry.key_size, entry.value_size}};
}

std::optional<std::string_view> Metadata::get(std::string_view key) const {
  for (const KV kv : *this) {
    if (kv.key == key) return kv.value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Metadata::get_all(std::string_view key) const {
  std::vector<std::string_view> values;
  for (const KV kv : *this) {
    if (kv.key == key) values.push_back(kv.value);
  }
  return values;
}

std::size_t Metadata::erase(std::string_view key) {
  // Into a new object, because `key` may point into this one.
  Metadata rest;
  for (const KV kv : *this) {
    if (kv.key != key) rest.add(kv.key, kv.value);
  }
  const std::size_t erased = size() - rest.size();
  if (erased > 0) *this = std::move(rest);
  return erased;
}

bool operator==(const Metadata& a, const Metadata& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

std::string check_metadata(KV pair) {
  if (pair.key.empty()) return "metadata with an empty key";
  if (const std::string_view why = why_reserved(pair.key); !why.empty())
    return "metadata key " + quoted(pair.key) + " is reserved: " + std::string(why);
  const auto bad_key = std::find_if_not(pair.key.begin(), pair.key.end(), is_key_char);
  if (bad_key != pair.key.end()) {
    return "metadata key " + quoted(pair.key) + " holds " + hex(*bad_key) +
           ", which is none of 0-9 a-z _ - .";
  }
  if (pair.key.ends_with("-bin")) return {};
  const auto bad_value = std::find_if_not(pair.value.begin(), pair.value.end(), is_printable);
  if (bad_value != pair.value.end()) {
    return "value of metadata key " + quoted(pair.key) + " holds " + hex(*bad_value) + " at offset " +
           std::to_string(bad_value - pair.value.begin()) +
           ", which is not printable ascii (use a \"-bin\" key)";
  }
  return {};
}

}  // namespace sluice::inline v0
