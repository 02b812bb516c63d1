// Header blocks to fields (RFC 7541 sections 3, 5 and 6).
#include <algorithm>

#include "http2/hpack.h"
#include "http2/hpack_integer.h"
#include "http2/huffman.h"

namespace sluice::inline v0::http2 {
namespace {

// Scratch beyond this is given back after the block that needed it.
constexpr std::size_t kMaxScratch = 16 << 10;

}  // namespace

// What is left of the block, and what was wrong with it.
struct HpackDecoder::Reader {
  const std::byte* at;
  const std::byte* end;
  std::string_view error = {};

  std::size_t left() const { return static_cast<std::size_t>(end - at); }
  std::uint8_t peek() const { return static_cast<std::uint8_t>(*at); }
  bool fail(std::string_view what) {
    error = what;
    return false;
  }

  // REQUIRES: at != end.
  bool integer(unsigned prefix_bits, std::uint32_t& value) {
    error = read_integer(prefix_bits, at, end, value);
    return error.empty();
  }
};

HpackDecoder::HpackDecoder(std::uint32_t max_table_size)
    : max_table_size_(max_table_size), table_(std::min(max_table_size, kInitialTableSize)) {}

void HpackDecoder::set_max_table_size(std::uint32_t size) {
  max_table_size_ = size;
  if (size >= table_.max_size()) return;
  update_due_ = std::min(size, update_due_.value_or(size));
  for (Remembered& r : remembered_) r.table_version = 0;  // they lack the update that is due
}

Error HpackDecoder::decode(std::span<const std::byte> block, Visitor& visitor) {
  const std::uint64_t version = table_.version();
  Reader in{block.data(), block.data() + block.size()};
  const Error error = decode_fields(in, visitor);
  unchanged_ = error.ok() && table_.version() == version;
  if (name_.size() > kMaxScratch) name_ = {};
  if (value_.size() > kMaxScratch) value_ = {};
  return error;
}

Error HpackDecoder::decode_fields(Reader& in, Visitor& visitor) {
  bool good = true;
  while (good && in.at != in.end && (in.peek() & 0xe0) == 0x20) good = size_update(in);
  if (good && update_due_.has_value()) good = in.fail("header block lacks the table size update that is due");
  while (good && in.at != in.end && !visitor.given_up()) {
    const std::uint8_t first = in.peek();
    if ((first & 0x80) != 0) {
      good = indexed(in, visitor);
    } else if ((first & 0xe0) == 0x20) {
      good = in.fail("table size update within a header block");
    } else {
      good = literal(in, visitor);
    }
  }
  return good ? Error{} : Error::connection(ErrorCode::kCompressionError, in.error);
}

bool HpackDecoder::indexed(Reader& in, Visitor& visitor) {
  std::uint32_t index;
  if (!in.integer(7, index)) return false;
  if (index == 0) return in.fail("indexed field with index 0");
  if (index <= kStaticEntries) {
    visitor.on_field(static_field(index));
    return true;
  }
  const std::uint32_t age = index - kStaticEntries - 1;
  if (age >= table_.count()) return in.fail("field index beyond the header table");
  if (const Tag tag = table_.tag(age); tag != 0) {
    visitor.on_tag(tag);
  } else {
    visitor.on_field({table_.name(age), table_.value(age), Indexing::kIndex});
  }
  return true;
}

bool HpackDecoder::literal(Reader& in, Visitor& visitor) {
  const std::uint8_t first = in.peek();
  Field field;
  field.indexing = (first & 0x40) != 0   ? Indexing::kIndex
                   : (first & 0x10) != 0 ? Indexing::kNever
                                         : Indexing::kPlain;
  std::uint32_t index;
  if (!in.integer(field.indexing == Indexing::kIndex ? 6 : 4, index)) return false;
  const std::uint32_t age = index - kStaticEntries - 1;  // meant only if index > kStaticEntries
  if (index == 0) {
    if (!string(in, name_, field.name)) return false;
  } else if (index <= kStaticEntries) {
    field.name = static_field(index).name;
  } else {
    if (age >= table_.count()) return in.fail("name index beyond the header table");
    field.name = table_.name(age);
  }
  if (!string(in, value_, field.value)) return false;
  const Tag tag = visitor.on_field(field);
  if (field.indexing != Indexing::kIndex) return true;
  if (index > kStaticEntries) {
    table_.insert_with_name_of(age, field.value, tag);
  } else {
    table_.insert(field.name, field.value, tag);
  }
  return true;
}

bool HpackDecoder::size_update(Reader& in) {
  std::uint32_t size;
  if (!in.integer(5, size)) return false;
  if (size > max_table_size_) return in.fail("table size update above our setting");
  if (update_due_.has_value() && size > *update_due_) {
    return in.fail("table size update above the smallest setting acknowledged");
  }
  update_due_.reset();
  table_.set_max_size(size);
  return true;
}

// Gives a string of the block itself, or its decoded form in `scratch`.
bool HpackDecoder::string(Reader& in, std::vector<char>& scratch, std::string_view& text) {
  if (in.at == in.end) return in.fail("header block ends before a string");
  const bool huffman = (in.peek() & 0x80) != 0;
  std::uint32_t size;
  if (!in.integer(7, size)) return false;
  if (size > in.left()) return in.fail("string reaches beyond its header block");
  const std::byte* const from = in.at;
  in.at += size;
  if (!huffman) {
    text = {reinterpret_cast<const char*>(from), size};
    return true;
  }
  if (const std::size_t room = huffman_room(size); scratch.size() < room) scratch.resize(room);
  const std::optional<std::size_t> decoded = huffman_decode({from, size}, scratch.data());
  if (!decoded.has_value()) return in.fail("malformed Huffman string in a header block");
  text = {scratch.data(), *decoded};
  return true;
}

void HpackDecoder::remember(std::span<const std::byte> block, Tag tag) {
  if (!unchanged_ || tag == 0 || block.empty() || block.size() > kMaxRemembered) return;
  const auto stale = std::find_if(remembered_.begin(), remembered_.end(), [this](const Remembered& r) {
    return r.table_version != table_.version();
  });
  Remembered& slot =
      stale != remembered_.end() ? *stale : remembered_[next_remembered_++ % remembered_.size()];
  slot.block.assign(block.begin(), block.end());
  slot.tag = tag;
  slot.table_version = table_.version();
}

}  // namespace sluice::inline v0::http2
