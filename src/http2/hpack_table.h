// The two tables of HPACK (RFC 7541 section 2.3): the static one, and the dynamic one with what its owner
// keeps beside each entry. Shared by the encoder and the decoder of hpack.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "http2/field.h"

namespace sluice::inline v0::http2 {

inline constexpr std::uint32_t kStaticEntries = 61;
inline constexpr std::uint32_t kInitialTableSize = 4096;  // until a SETTINGS says otherwise (RFC 9113 6.5.2)
inline constexpr std::uint32_t kEntryOverhead = 32;       // RFC 7541 section 4.1

// A hash of a field's name or value, good enough for tables of hundreds of entries.
std::uint32_t field_hash(std::string_view text, std::uint32_t seed = 0);

// `index`: 1 to kStaticEntries.
const Field& static_field(std::uint32_t index);

// Indices in the static table, 0 where there is none.
struct StaticMatch {
  std::uint32_t field = 0;  // same name and value
  std::uint32_t name = 0;
};
StaticMatch find_static(std::string_view name, std::uint32_t name_hash, std::string_view value);

// Entries in the order of their insertion, evicted from the oldest on. An entry is named by its age: 0 is
// the newest, which HPACK calls kStaticEntries + 1.
//
// Memory grows with what is in the table, not with its limit; in steady state nothing is allocated.
class DynamicTable {
 public:
  explicit DynamicTable(std::uint32_t max_size) : max_size_(max_size) {}

  std::uint32_t count() const { return count_; }
  std::uint32_t size() const { return size_; }  // as RFC 7541 section 4.1 counts it
  std::uint32_t max_size() const { return max_size_; }
  // Differs after every insertion, eviction and size change; never 0.
  std::uint64_t version() const { return version_; }
  // Insertions so far; the newest entry was the inserted()-th.
  std::uint64_t inserted() const { return inserted_; }
  // Entries there is room for without growing: a power of two, or 0.
  std::uint32_t slots() const { return static_cast<std::uint32_t>(entries_.size()); }

  // `age` < count(). Views are valid until the next insertion or size change.
  Tag tag(std::uint32_t age) const { return entry(age).tag; }
  std::string_view name(std::uint32_t age) const {
    const Entry& e = entry(age);
    return {text_.get() + (e.offset - base_), e.name_size};
  }
  std::string_view value(std::uint32_t age) const {
    const Entry& e = entry(age);
    return {text_.get() + (e.offset - base_) + e.name_size, e.value_size};
  }

  // True when an entry of these sizes is within the limit.
  bool fits(std::size_t name_size, std::size_t value_size) const {
    return std::uint64_t{name_size} + value_size + kEntryOverhead <= max_size_;
  }

  // Puts an entry in, evicting what it displaces. One that does not fit empties the table and is not put in
  // (RFC 7541 section 4.4). Neither view may point into this table.
  void insert(std::string_view name, std::string_view value, Tag tag);
  // The same with the name of the entry `age`, which may be evicted by it.
  void insert_with_name_of(std::uint32_t age, std::string_view value, Tag tag);

  // Evicts until the size is within `max_size`, which then is the limit.
  void set_max_size(std::uint32_t max_size);

 private:
  struct Entry {
    Tag tag = 0;
    std::uint32_t offset = 0;  // of the name in all text ever put in, modulo 2^32
    std::uint32_t name_size = 0;
    std::uint32_t value_size = 0;
  };

  const Entry& entry(std::uint32_t age) const {
    return entries_[(inserted_ - 1 - age) & (entries_.size() - 1)];
  }
  void evict_to(std::uint32_t size);
  char* make_room(std::uint32_t text_size);
  void push(std::uint32_t name_size, std::uint32_t value_size, Tag tag);

  std::uint32_t max_size_;
  std::uint32_t size_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t capacity_ = 0;  // of text_
  std::uint32_t base_ = 0;      // the offset that text_ starts with
  std::uint32_t end_ = 0;       // the offset that the next entry's name gets
  std::uint64_t version_ = 1;
  std::uint64_t inserted_ = 0;
  std::unique_ptr<char[]> text_;  // names and values of the living, with the dead before and among them
  std::vector<Entry> entries_;    // a ring; the n-th insertion is at n - 1 modulo its size
};

}  // namespace sluice::inline v0::http2
