// Metadata's storage (one string for all text) and the rules for what an application may send
// (gRPC PROTOCOL-HTTP2, Custom-Metadata; RFC 9113 section 8.2.2).
#include "sluice/base/metadata.h"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

namespace sluice {
namespace {

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

constexpr std::array<std::string_view, 9> kReserved = {
    "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
    "te",         "host",       "content-type",     "user-agent"};

bool is_reserved(std::string_view key) {
  if (key.starts_with(':')) return true;
  if (key.starts_with("grpc-")) return key != "grpc-previous-rpc-attempts" && key != "grpc-retry-pushback-ms";
  return std::find(kReserved.begin(), kReserved.end(), key) != kReserved.end();
}

}  // namespace

Metadata::Metadata(const Metadata& other) : rep_(other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr) {}

Metadata& Metadata::operator=(const Metadata& other) {
  if (this != &other) *this = Metadata(other);
  return *this;
}

void Metadata::add(std::string_view key, std::string_view value) {
  static constexpr std::size_t kMax = std::numeric_limits<std::uint32_t>::max();
  const std::size_t before = rep_ ? rep_->text.size() : 0;
  if (key.size() > kMax - before || value.size() > kMax - before - key.size()) {
    throw std::length_error("metadata of more than 4 GiB");
  }
  if (!rep_) rep_ = std::make_unique<Rep>();
  std::string& text = rep_->text;
  const auto append_to = [&](std::string& to) {
    for (char c : key) to.push_back(to_lower(c));
    to.append(value);
  };
  const std::size_t needed = before + key.size() + value.size();
  if (needed <= text.capacity()) {
    append_to(text);
  } else {
    // A string of its own, because the views may point into the old one.
    std::string larger;
    larger.reserve(std::max(needed, 2 * text.capacity()));
    larger.append(text);
    append_to(larger);
    text = std::move(larger);
  }
  rep_->entries.push_back({static_cast<std::uint32_t>(before), static_cast<std::uint32_t>(key.size()),
                           static_cast<std::uint32_t>(value.size())});
}

KV Metadata::operator[](std::size_t i) const {
  const Entry& entry = rep_->entries[i];
  const char* key = rep_->text.data() + entry.key_begin;
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
  if (is_reserved(pair.key)) return "metadata key " + quoted(pair.key) + " is reserved";
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

}  // namespace sluice
