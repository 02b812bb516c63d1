// HPACK's static table with a lookup made at compile time, and the dynamic table's ring and text buffer.
#include "http2/hpack_table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace sluice::inline v0::http2 {
namespace {

// RFC 7541 appendix A. Entries with the same name stand together, which find_static relies on.
constexpr std::array<Field, kStaticEntries> kStatic = {{
    {":authority", ""},
    {":method", "GET"},
    {":method", "POST"},
    {":path", "/"},
    {":path", "/index.html"},
    {":scheme", "http"},
    {":scheme", "https"},
    {":status", "200"},
    {":status", "204"},
    {":status", "206"},
    {":status", "304"},
    {":status", "400"},
    {":status", "404"},
    {":status", "500"},
    {"accept-charset", ""},
    {"accept-encoding", "gzip, deflate"},
    {"accept-language", ""},
    {"accept-ranges", ""},
    {"accept", ""},
    {"access-control-allow-origin", ""},
    {"age", ""},
    {"allow", ""},
    {"authorization", ""},
    {"cache-control", ""},
    {"content-disposition", ""},
    {"content-encoding", ""},
    {"content-language", ""},
    {"content-length", ""},
    {"content-location", ""},
    {"content-range", ""},
    {"content-type", ""},
    {"cookie", ""},
    {"date", ""},
    {"etag", ""},
    {"expect", ""},
    {"expires", ""},
    {"from", ""},
    {"host", ""},
    {"if-match", ""},
    {"if-modified-since", ""},
    {"if-none-match", ""},
    {"if-range", ""},
    {"if-unmodified-since", ""},
    {"last-modified", ""},
    {"link", ""},
    {"location", ""},
    {"max-forwards", ""},
    {"proxy-authenticate", ""},
    {"proxy-authorization", ""},
    {"range", ""},
    {"referer", ""},
    {"refresh", ""},
    {"retry-after", ""},
    {"server", ""},
    {"set-cookie", ""},
    {"strict-transport-security", ""},
    {"transfer-encoding", ""},
    {"user-agent", ""},
    {"vary", ""},
    {"via", ""},
    {"www-authenticate", ""},
}};

// Written out, so that compilers make one load of it.
constexpr std::uint64_t load4(const char* p) {
  const auto at = [p](int i) { return std::uint64_t{static_cast<unsigned char>(p[i])} << (8 * i); };
  return at(0) | at(1) | at(2) | at(3);
}
constexpr std::uint64_t load8(const char* p) {
  const auto at = [p](int i) { return std::uint64_t{static_cast<unsigned char>(p[i])} << (8 * i); };
  return at(0) | at(1) | at(2) | at(3) | at(4) | at(5) | at(6) | at(7);
}

// All of up to 8 characters in one word; characters may be in it twice.
constexpr std::uint64_t load_short(const char* p, std::size_t n) {
  if (n >= 4) return load4(p) | load4(p + n - 4) << 32;
  if (n == 0) return 0;
  const auto at = [p](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(p[i])}; };
  return at(0) | at(n / 2) << 8 | at(n - 1) << 16;
}

constexpr std::uint32_t hash(std::string_view text, std::uint32_t seed) {
  constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  const char* p = text.data();
  std::size_t n = text.size();
  std::uint64_t h = (std::uint64_t{seed} << 32 ^ n) * kMultiplier;
  for (; n > 8; p += 8, n -= 8) {
    h = (h ^ load8(p)) * kMultiplier;
    h ^= h >> 32;
  }
  h = (h ^ load_short(p, n)) * kMultiplier;
  return static_cast<std::uint32_t>(h >> 32);
}

constexpr std::uint32_t kNameSlots = 256;

// The first static index of a name by its hash; 0: free. Collisions go to the next slot.
constexpr std::array<std::uint8_t, kNameSlots> make_name_slots() {
  std::array<std::uint8_t, kNameSlots> slots{};
  for (std::uint32_t i = 0; i < kStaticEntries; ++i) {
    if (i > 0 && kStatic[i].name == kStatic[i - 1].name) continue;
    std::uint32_t slot = hash(kStatic[i].name, 0) % kNameSlots;
    while (slots[slot] != 0) slot = (slot + 1) % kNameSlots;
    slots[slot] = static_cast<std::uint8_t>(i + 1);
  }
  return slots;
}
constexpr auto kNameIndex = make_name_slots();

}  // namespace

std::uint32_t field_hash(std::string_view text, std::uint32_t seed) { return hash(text, seed); }

const Field& static_field(std::uint32_t index) { return kStatic[index - 1]; }

StaticMatch find_static(std::string_view name, std::uint32_t name_hash, std::string_view value) {
  for (std::uint32_t slot = name_hash % kNameSlots; kNameIndex[slot] != 0; slot = (slot + 1) % kNameSlots) {
    const std::uint32_t first = kNameIndex[slot];
    if (static_field(first).name != name) continue;
    for (std::uint32_t i = first; i <= kStaticEntries && static_field(i).name == name; ++i) {
      if (static_field(i).value == value) return {i, first};
    }
    return {0, first};
  }
  return {};
}

void DynamicTable::insert(std::string_view name, std::string_view value, Tag tag) {
  if (!fits(name.size(), value.size())) return evict_to(0);
  char* to = make_room(static_cast<std::uint32_t>(name.size() + value.size()));
  to = std::copy(name.begin(), name.end(), to);
  std::copy(value.begin(), value.end(), to);
  push(static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(value.size()), tag);
}

void DynamicTable::insert_with_name_of(std::uint32_t age, std::string_view value, Tag tag) {
  const std::uint32_t name_size = entry(age).name_size;
  if (!fits(name_size, value.size())) return evict_to(0);
  char* to = make_room(static_cast<std::uint32_t>(name_size + value.size()));
  const std::string_view from = name(age);  // only now: make_room may have moved it
  to = std::copy(from.begin(), from.end(), to);
  std::copy(value.begin(), value.end(), to);
  push(name_size, static_cast<std::uint32_t>(value.size()), tag);
}

void DynamicTable::set_max_size(std::uint32_t max_size) {
  evict_to(max_size);
  max_size_ = max_size;
  ++version_;
  if (max_size == 0) {
    text_.reset();
    capacity_ = 0;
    base_ = end_;
    entries_ = {};
  }
}

void DynamicTable::evict_to(std::uint32_t size) {
  if (size_ <= size) return;
  ++version_;
  while (size_ > size) {
    const Entry& oldest = entry(--count_);
    size_ -= oldest.name_size + oldest.value_size + kEntryOverhead;
  }
}

// Room for the text of one more entry behind all others. Called before anything is evicted, as the new
// entry may take its name from one that goes.
char* DynamicTable::make_room(std::uint32_t text_size) {
  const std::uint32_t used = end_ - base_;
  if (text_size <= capacity_ - used) return text_.get() + used;
  const std::uint32_t oldest = count_ > 0 ? entry(count_ - 1).offset : end_;
  const std::uint32_t living = end_ - oldest;
  char* const from = text_.get() + (oldest - base_);
  if (std::uint64_t{living} + text_size <= capacity_ / 2) {
    std::memmove(text_.get(), from, living);
  } else {
    // At least half of it is free then, so that moving costs no more than what was put in since.
    const std::uint64_t wanted = 2 * (std::uint64_t{living} + text_size);
    const auto capacity = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(wanted, 128, 0xffffffff));
    auto text = std::make_unique_for_overwrite<char[]>(capacity);
    if (living > 0) std::memcpy(text.get(), from, living);
    text_ = std::move(text);
    capacity_ = capacity;
  }
  base_ = oldest;
  return text_.get() + living;
}

void DynamicTable::push(std::uint32_t name_size, std::uint32_t value_size, Tag tag) {
  const std::uint32_t size = name_size + value_size + kEntryOverhead;
  evict_to(max_size_ - size);
  if (count_ == entries_.size()) {
    std::vector<Entry> larger(std::max<std::size_t>(4, 2 * entries_.size()));
    for (std::uint32_t age = 0; age < count_; ++age) {
      larger[(inserted_ - 1 - age) & (larger.size() - 1)] = entry(age);
    }
    entries_ = std::move(larger);
  }
  entries_[inserted_ & (entries_.size() - 1)] = {tag, end_, name_size, value_size};
  ++inserted_;
  ++count_;
  ++version_;
  size_ += size;
  end_ += name_size + value_size;
}

}  // namespace sluice::inline v0::http2
