// HPACK (RFC 7541), specialised for gRPC: the encoder replays cached blocks, the decoder keeps with each
// table entry what its owner said it means. Used by the session; base only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "http2/error.h"
#include "http2/field.h"
#include "http2/hpack_index.h"
#include "http2/hpack_table.h"

namespace sluice::inline v0::http2 {

// Turns lists of fields into header blocks. Fields are expected valid (lower-case names).
class HpackEncoder {
 public:
  // `limit`: the most table this side wants to use; starts at min(limit, 4096), the protocol's initial size.
  explicit HpackEncoder(std::uint32_t limit = kInitialTableSize);

  // The peer's SETTINGS_HEADER_TABLE_SIZE; size updates are put at the start of the next block.
  void set_peer_limit(std::uint32_t size);

  // Appends one block to `out`. A part with a valid cache is copied; one without is encoded and, when that
  // changed nothing in the table, put into its cache.
  void encode(std::span<const HeaderPart> parts, std::vector<std::byte>& out);

  // True when encode() of the part that `cache` was filled with, and of no other, would only copy it.
  bool valid(const BlockCache& cache) const {
    return cache.table_version == table_.version() && !update_due_;
  }
  const DynamicTable& table() const { return table_; }

 private:
  void write_size_updates(std::vector<std::byte>& out);
  void write_part(const HeaderPart& part, std::vector<std::byte>& out);
  std::byte* write_field(const Field& field, std::byte* out);

  std::uint32_t limit_;
  DynamicTable table_;
  FieldIndex index_;
  // What the next block must announce: the smallest size since the last one, then the size now.
  bool update_due_;
  std::uint32_t smallest_size_;
  std::uint32_t next_size_;
};

// Turns header blocks back into fields. Every error is a COMPRESSION_ERROR of the connection, after which
// nothing more is to be decoded.
class HpackDecoder {
 public:
  // Delivers the fields of a block in their order. Views are valid during the call only.
  class Visitor {
   public:
    // The tag returned is kept if the field goes into the table. Indexing is as it was sent.
    virtual Tag on_field(const Field& field) = 0;
    virtual void on_tag(Tag tag) = 0;  // an entry whose tag is not 0
    // The rest of the block is not decoded, after which the decoder is good for nothing.
    bool given_up() const { return given_up_; }

   protected:
    ~Visitor() = default;
    bool given_up_ = false;
  };

  // Longer blocks are not remembered: what repeats is short, and the peer chooses what we keep.
  static constexpr std::size_t kMaxRemembered = 1024;

  // `max_table_size`: what the peer's encoder knows as our setting before its first block; the table starts
  // at min(max_table_size, 4096). A session has the default and sets its own when it is acknowledged.
  explicit HpackDecoder(std::uint32_t max_table_size = kInitialTableSize);

  // Our own SETTINGS_HEADER_TABLE_SIZE, when the peer acknowledged it. If the table in use was larger, the
  // next block must start with a size update (RFC 7541 section 4.2).
  void set_max_table_size(std::uint32_t size);

  Error decode(std::span<const std::byte> block, Visitor& visitor);

  // After decode(): keeps `block` with `tag`, if that is not 0 and decoding it inserted nothing and changed
  // no size. The last few blocks are kept.
  void remember(std::span<const std::byte> block, Tag tag);
  // The tag of a remembered block if `block` is the same bytes against the same table.
  std::optional<Tag> repeated(std::span<const std::byte> block) const {
    for (const Remembered& r : remembered_) {
      if (r.table_version == table_.version() && r.block.size() == block.size() &&
          std::memcmp(r.block.data(), block.data(), block.size()) == 0) {
        return r.tag;
      }
    }
    return std::nullopt;
  }

  const DynamicTable& table() const { return table_; }

 private:
  struct Remembered {
    std::uint64_t table_version = 0;
    Tag tag = 0;
    std::vector<std::byte> block;
  };
  struct Reader;

  Error decode_fields(Reader& in, Visitor& visitor);
  bool indexed(Reader& in, Visitor& visitor);
  bool literal(Reader& in, Visitor& visitor);
  bool size_update(Reader& in);
  bool string(Reader& in, std::vector<char>& scratch, std::string_view& text);

  std::uint32_t max_table_size_;
  std::optional<std::uint32_t> update_due_;  // the next block must bring a size of at most this
  DynamicTable table_;
  bool unchanged_ = false;  // by the last decode()
  std::uint8_t next_remembered_ = 0;
  std::vector<char> name_;  // scratch for decoded Huffman strings
  std::vector<char> value_;
  // A client's blocks alternate between headers and trailers, a server's between methods.
  std::array<Remembered, 4> remembered_;
};

}  // namespace sluice::inline v0::http2
