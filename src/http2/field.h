// Header fields as the session takes and gives them, and the opaque tags that make repeated ones cheap.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::inline v0::http2 {

enum class Indexing : std::uint8_t {
  kIndex,  // goes into the dynamic table: what will come again
  kName,  // the name goes into the table, with the first value; values are short and differ from call to call
  kPlain,  // literal without indexing: values that differ from call to call
  kNever,  // literal never indexed: secrets (RFC 7541 section 7.1.3)
};

struct Field {
  std::string_view name;
  std::string_view value;
  Indexing indexing = Indexing::kIndex;
};

// What a sink knows about a field or a block, in the low 48 bits (a pointer fits), of its own choice; 0 is
// "nothing". Between session and decoder the upper 16 carry what the session itself has checked.
using Tag = std::uint64_t;
inline constexpr int kTagBits = 48;
inline constexpr Tag kMaxTag = (Tag{1} << kTagBits) - 1;

// The encoded form of an unchanging run of fields, owned by whoever sends them again and again; filled
// and checked by the encoder. It serves one connection and one run of fields only.
struct BlockCache {
  std::uint64_t table_version = 0;  // 0: empty
  std::uint8_t size = 0;
  std::array<std::byte, 47> bytes;
};

// A run of fields of a block. With a cache the fields must be the same at each use of that cache.
struct HeaderPart {
  std::span<const Field> fields;
  BlockCache* cache = nullptr;
};

}  // namespace sluice::inline v0::http2
