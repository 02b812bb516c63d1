// Metadata: the key-value pairs that travel in a call's header and trailer (grpc-go: metadata.MD).
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sluice::inline v0 {

// One pair of views; its maker keeps the bytes alive.
struct KV {
  std::string_view key = {};
  std::string_view value = {};

  friend bool operator==(const KV&, const KV&) = default;
};

// An ordered multimap of lower-case keys. A key that ends in "-bin" has any bytes as its value (the transport
// sends them as base64); other keys have printable ASCII.
//
// A value type. Lifetime: views point into the metadata and live until it changes. Errors: nothing is checked
// here. A call with a bad key or value fails with INTERNAL and sends nothing; check_metadata() tells why.
class Metadata {
 public:
  Metadata() = default;
  Metadata(std::initializer_list<KV> pairs) {
    for (const KV& kv : pairs) add(kv.key, kv.value);
  }
  Metadata(const Metadata& other) : block_(other.empty() ? nullptr : copy_of(*other.block_, 0, 0)) {}
  Metadata(Metadata&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Metadata& operator=(Metadata other) noexcept { return std::swap(block_, other.block_), *this; }
  ~Metadata() {
    if (block_ != nullptr) ::operator delete(block_);
  }

  // Appends a pair; the key becomes lower case. The views may point into this metadata. Throws
  // std::length_error beyond 4 GiB of text.
  void add(std::string_view key, std::string_view value);
  // The first value of `key` (lower case).
  std::optional<std::string_view> get(std::string_view key) const;
  std::vector<std::string_view> get_all(std::string_view key) const;
  // Removes every pair of `key`; returns how many there were.
  std::size_t erase(std::string_view key);
  void clear() {
    if (block_ != nullptr) block_->size = block_->text_size = 0;
  }

  std::size_t size() const { return block_ != nullptr ? block_->size : 0; }
  bool empty() const { return size() == 0; }
  KV operator[](std::size_t i) const;

  class Iterator {
   public:
    Iterator(const Metadata* md, std::size_t i) : md_(md), i_(i) {}
    KV operator*() const { return (*md_)[i_]; }
    Iterator& operator++() { return ++i_, *this; }
    bool operator==(const Iterator&) const = default;

   private:
    const Metadata* md_;
    std::size_t i_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

  // The same pairs in the same order.
  friend bool operator==(const Metadata& a, const Metadata& b);

 private:
  struct Entry {
    std::uint32_t key_begin, key_size, value_size;  // the value follows its key in the text
  };
  // The head of one piece of memory: room for entries follows it, and room for their text.
  struct Block {
    std::uint32_t size, capacity;  // entries
    std::uint32_t text_size, text_capacity;
    Entry* entries() { return reinterpret_cast<Entry*>(this + 1); }
    const Entry* entries() const { return reinterpret_cast<const Entry*>(this + 1); }
    char* text() { return reinterpret_cast<char*>(entries() + capacity); }
    const char* text() const { return reinterpret_cast<const char*>(entries() + capacity); }
  };
  // A block with the same pairs and at least that much room.
  static Block* copy_of(const Block& block, std::uint32_t capacity, std::uint32_t text_capacity);
  static Block* with_room(const Block* block, std::size_t text);

  Block* block_ = nullptr;  // null until the first pair: most calls have none, and several of these
};

// Why the pair cannot be sent as user metadata; empty if it can. Reasons: an empty key, a character in it
// outside 0-9 a-z _ - . , a reserved name (":…", "grpc-…", connection-specific headers, te, content-type,
// user-agent, content-length, host), or a value outside printable ASCII under a key without "-bin".
// Applications may set two of the "grpc-" names: grpc-previous-rpc-attempts and grpc-retry-pushback-ms. The
// text names the key and never the value, which may be a credential. Spaces around a value are allowed, and
// not sent.
std::string check_metadata(KV pair);

// Up to eight pairs of views for CallOptions: `.metadata = MetadataList({"a", "1"}, {"b", "2"})`; or all
// pairs of a Metadata object. Lifetime: the bytes, or the Metadata, must live until the call has started.
// Trivially destructible on purpose: g++ 12 destroys aggregate temporaries twice inside co_await.
class MetadataList {
 public:
  static constexpr std::size_t kInline = 8;

  MetadataList() : size_(0) {}
  MetadataList(const Metadata* all) : all_(all), size_(0) {}
  MetadataList(KV a, KV b = {}, KV c = {}, KV d = {}, KV e = {}, KV f = {}, KV g = {}, KV h = {}) : size_(0) {
    for (const KV& kv : {a, b, c, d, e, f, g, h}) {
      if (kv.key.data() != nullptr) pairs_[size_++] = kv;
    }
  }

  std::size_t size() const { return all_ ? all_->size() : size_; }
  bool empty() const { return size() == 0; }
  KV operator[](std::size_t i) const { return all_ ? (*all_)[i] : pairs_[i]; }

 private:
  const Metadata* all_ = nullptr;
  std::uint32_t size_;
  union {
    KV pairs_[kInline];  // the first size_ are set; the others cost nothing
  };
};
static_assert(std::is_trivially_destructible_v<MetadataList>);

}  // namespace sluice::inline v0
