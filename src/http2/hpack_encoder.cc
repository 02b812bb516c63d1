// Fields to header blocks (RFC 7541 sections 5 and 6).
#include <algorithm>
#include <cstring>

#include "http2/hpack.h"
#include "http2/hpack_integer.h"
#include "http2/huffman.h"

namespace sluice::inline v0::http2 {
namespace {

// The first byte of each representation, and the bits of it that start its integer (RFC 7541 section 6).
constexpr std::uint8_t kIndexedField = 0x80;
constexpr std::uint8_t kWithIndexing = 0x40;
constexpr std::uint8_t kSizeUpdate = 0x20;
constexpr std::uint8_t kNeverIndexed = 0x10;
constexpr std::uint8_t kWithoutIndexing = 0x00;
constexpr std::uint8_t kHuffman = 0x80;

// Bytes of a field beyond its name and value: the integers of its index and of two lengths.
constexpr std::size_t kMaxFieldOverhead = 3 * kMaxIntegerBytes;

std::byte* write_raw(std::string_view text, std::byte* out) {
  out = write_integer(0, 7, static_cast<std::uint32_t>(text.size()), out);
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

std::byte* write_string(std::string_view text, std::byte* out) {
  const std::size_t huffman = huffman_size(text);
  if (huffman < text.size()) {
    return huffman_encode(text, write_integer(kHuffman, 7, static_cast<std::uint32_t>(huffman), out));
  }
  return write_raw(text, out);
}

}  // namespace

HpackEncoder::HpackEncoder(std::uint32_t limit)
    : limit_(limit),
      table_(kInitialTableSize),
      update_due_(limit < kInitialTableSize),
      smallest_size_(std::min(limit, kInitialTableSize)),
      next_size_(smallest_size_) {}

void HpackEncoder::set_peer_limit(std::uint32_t size) {
  next_size_ = std::min(limit_, size);
  smallest_size_ = std::min(smallest_size_, next_size_);
  update_due_ = smallest_size_ < table_.max_size() || next_size_ != table_.max_size();
}

void HpackEncoder::encode(std::span<const HeaderPart> parts, std::vector<std::byte>& out) {
  if (update_due_) write_size_updates(out);
  for (const HeaderPart& part : parts) {
    if (part.cache != nullptr && part.cache->table_version == table_.version()) {
      out.insert(out.end(), part.cache->bytes.data(), part.cache->bytes.data() + part.cache->size);
    } else {
      write_part(part, out);
    }
  }
}

// A table that shrank and grew again has lost entries, so both sizes must be told (RFC 7541 section 4.2).
void HpackEncoder::write_size_updates(std::vector<std::byte>& out) {
  std::byte bytes[2 * kMaxIntegerBytes];
  std::byte* end = bytes;
  if (smallest_size_ < next_size_ && smallest_size_ < table_.max_size()) {
    end = write_integer(kSizeUpdate, 5, smallest_size_, end);
    table_.set_max_size(smallest_size_);
  }
  end = write_integer(kSizeUpdate, 5, next_size_, end);
  table_.set_max_size(next_size_);
  out.insert(out.end(), bytes, end);
  smallest_size_ = next_size_;
  update_due_ = false;
}

void HpackEncoder::write_part(const HeaderPart& part, std::vector<std::byte>& out) {
  std::size_t room = 0;
  for (const Field& field : part.fields) room += field.name.size() + field.value.size() + kMaxFieldOverhead;
  const std::uint64_t version = table_.version();
  const std::size_t start = out.size();
  out.resize(start + room);
  std::byte* const begin = out.data() + start;
  std::byte* end = begin;
  for (const Field& field : part.fields) end = write_field(field, end);
  const auto size = static_cast<std::size_t>(end - begin);
  BlockCache* const cache = part.cache;
  if (cache != nullptr && table_.version() == version && size <= cache->bytes.size()) {
    std::copy(begin, end, cache->bytes.begin());
    cache->size = static_cast<std::uint8_t>(size);
    cache->table_version = version;
  }
  out.resize(start + size);
}

std::byte* HpackEncoder::write_field(const Field& field, std::byte* out) {
  const std::uint32_t name_hash = field_hash(field.name);
  const StaticMatch fixed = find_static(field.name, name_hash, field.value);
  if (fixed.field != 0 && field.indexing != Indexing::kNever) {
    return write_integer(kIndexedField, 7, fixed.field, out);
  }
  bool insert = field.indexing == Indexing::kIndex && table_.fits(field.name.size(), field.value.size());
  std::uint32_t whole_hash = 0;
  if (insert) {
    whole_hash = field_hash(field.value, name_hash);
    const std::uint32_t age = index_.find_field(table_, whole_hash, field.name, field.value);
    if (age != FieldIndex::kNone) return write_integer(kIndexedField, 7, kStaticEntries + 1 + age, out);
  }
  std::uint32_t name = fixed.name;
  if (name == 0) {
    const std::uint32_t age = index_.find_name(table_, name_hash, field.name);
    if (age != FieldIndex::kNone) name = kStaticEntries + 1 + age;
  }
  if (field.indexing == Indexing::kName && name == 0 && table_.fits(field.name.size(), field.value.size())) {
    whole_hash = field_hash(field.value, name_hash);
    insert = true;
  }
  if (insert) {
    out = write_integer(kWithIndexing, 6, name, out);
    table_.insert(field.name, field.value, 0);
    index_.add(table_, name_hash, whole_hash);
  } else {
    const bool never = field.indexing == Indexing::kNever;
    out = write_integer(never ? kNeverIndexed : kWithoutIndexing, 4, name, out);
  }
  if (name == 0) out = write_string(field.name, out);
  // Compressing a few bytes that the peer sees once costs both sides more than it saves.
  return field.indexing == Indexing::kName ? write_raw(field.value, out) : write_string(field.value, out);
}

}  // namespace sluice::inline v0::http2
