// Hash chains over the encoder's dynamic table.
#include "http2/hpack_index.h"

#include <utility>

namespace sluice::inline v0::http2 {

template <class Matches>
std::uint32_t FieldIndex::walk(const DynamicTable& table, std::uint32_t id, std::uint32_t Link::*older,
                               Matches matches) const {
  const auto newest = static_cast<std::uint32_t>(table.inserted());
  std::uint32_t age = newest - id;
  // Ages must rise along a chain: an id left over from 2^32 insertions ago could close it to a ring.
  for (std::uint32_t least = 0; least <= age && age < table.count(); age = newest - id) {
    if (matches(link(id), age)) return age;
    id = link(id).*older;
    least = age + 1;
  }
  return kNone;
}

std::uint32_t FieldIndex::find_field(const DynamicTable& table, std::uint32_t field_hash,
                                     std::string_view name, std::string_view value) const {
  if (table.count() == 0) return kNone;
  return walk(table, newest_field_[field_hash & (links_.size() - 1)], &Link::older_field,
              [&](const Link& at, std::uint32_t age) {
                return at.field_hash == field_hash && table.value(age) == value && table.name(age) == name;
              });
}

std::uint32_t FieldIndex::find_name(const DynamicTable& table, std::uint32_t name_hash,
                                    std::string_view name) const {
  if (table.count() == 0) return kNone;
  return walk(table, newest_name_[name_hash & (links_.size() - 1)], &Link::older_name,
              [&](const Link& at, std::uint32_t age) {
                return at.name_hash == name_hash && table.name(age) == name;
              });
}

void FieldIndex::add(const DynamicTable& table, std::uint32_t name_hash, std::uint32_t field_hash) {
  if (links_.size() != table.slots()) grow(table);
  chain(static_cast<std::uint32_t>(table.inserted()), name_hash, field_hash);
}

void FieldIndex::chain(std::uint32_t id, std::uint32_t name_hash, std::uint32_t field_hash) {
  const std::size_t mask = links_.size() - 1;
  std::uint32_t& newest_name = newest_name_[name_hash & mask];
  std::uint32_t& newest_field = newest_field_[field_hash & mask];
  links_[id & mask] = {name_hash, field_hash, newest_name, newest_field};
  newest_name = newest_field = id;
}

void FieldIndex::grow(const DynamicTable& table) {
  const std::vector<Link> old = std::move(links_);
  links_.assign(table.slots(), Link{});
  // The entry before the oldest: chains that start with it are empty.
  const auto nothing = static_cast<std::uint32_t>(table.inserted()) - table.count();
  newest_name_.assign(table.slots(), nothing);
  newest_field_.assign(table.slots(), nothing);
  if (old.empty()) return;
  for (std::uint32_t age = table.count() - 1; age > 0; --age) {
    const auto id = static_cast<std::uint32_t>(table.inserted()) - age;
    const Link& was = old[id & (old.size() - 1)];
    chain(id, was.name_hash, was.field_hash);
  }
}

}  // namespace sluice::inline v0::http2
