// Finds fields in the encoder's dynamic table by hash; the decoder needs no such thing.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "http2/hpack_table.h"

namespace sluice::inline v0::http2 {

// Hash chains over the entries of one DynamicTable, from the newest to the oldest. Evicted entries are not
// taken out: a chain ends where it would leave the table.
class FieldIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // Ages in `table`, of the newest that match, or kNone.
  std::uint32_t find_field(const DynamicTable& table, std::uint32_t field_hash, std::string_view name,
                           std::string_view value) const;
  std::uint32_t find_name(const DynamicTable& table, std::uint32_t name_hash, std::string_view name) const;

  // Takes in the newest entry of `table`. REQUIRES: called after each of its insertions.
  void add(const DynamicTable& table, std::uint32_t name_hash, std::uint32_t field_hash);

 private:
  // Entries are named by DynamicTable::inserted() as of their insertion, modulo 2^32.
  struct Link {
    std::uint32_t name_hash = 0;
    std::uint32_t field_hash = 0;
    std::uint32_t older_name = 0;
    std::uint32_t older_field = 0;
  };

  template <class Matches>
  std::uint32_t walk(const DynamicTable& table, std::uint32_t id, std::uint32_t Link::*older,
                     Matches matches) const;
  const Link& link(std::uint32_t id) const { return links_[id & (links_.size() - 1)]; }
  void chain(std::uint32_t id, std::uint32_t name_hash, std::uint32_t field_hash);
  void grow(const DynamicTable& table);

  std::vector<Link> links_;  // a ring as large as the table's
  std::vector<std::uint32_t> newest_name_;
  std::vector<std::uint32_t> newest_field_;
};

}  // namespace sluice::inline v0::http2
