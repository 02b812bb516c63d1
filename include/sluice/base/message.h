// Message: the content that a call sends or receives: bytes, or an object with the operations that encode and
// decode it. Layers above fill MessageOps and bring Codecs (rpc/codec.h). A message is encoded late and
// decoded late, so that a transport can hand the object over inside the process.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "sluice/base/bytes.h"
#include "sluice/base/status.h"

namespace sluice::inline v0 {

class Codec;

// The operations of one message type, with the type's own encoding. Constant; lives as long as the program.
// Thread: all functions may be called concurrently, on different objects.
struct MessageOps {
  // Identifies the C++ type. Null: raw bytes, which are sent unchanged under every content-subtype; no Codec
  // is asked.
  const void* type_id = nullptr;
  // The content-subtype that names the type's own encoding ("proto"); empty: it has no name.
  std::string_view codec = {};
  // For Codecs that handle all types with a common base: `family` identifies the base, as_family() casts an
  // object to it. Null: no family. For protobuf messages see proto_cast().
  const void* family = nullptr;
  const void* (*as_family)(const void* object) = nullptr;
  // The exact number of bytes encode() will write, or kUnknownSize.
  std::size_t (*encoded_size)(const void* object) = nullptr;
  // Appends the encoded object to `out`.
  Status (*encode)(const void* object, Chain& out) = nullptr;
  // Writes exactly encoded_size() bytes; that function was called just before. Null if sizes are unknown.
  Status (*encode_to)(const void* object, std::byte* out, std::size_t size) = nullptr;
  // Replaces the object's content, which is unspecified after a failure. Fails with INTERNAL and a text.
  Status (*decode)(const Chain& bytes, void* object) = nullptr;
  void* (*make)() = nullptr;                     // a default object on the heap
  void* (*clone)(const void* object) = nullptr;  // a copy on the heap
  void (*move)(void* from, void* to) = nullptr;  // assigns, leaving `from` valid
  void (*clear)(void* object) = nullptr;         // back to default, keeping memory for reuse
  void (*destroy)(void* object) = nullptr;       // frees the result of make or clone

  static constexpr std::size_t kUnknownSize = ~std::size_t{0};
};

// Bytes, or a constant object, borrowed or shared.
//
// Lifetime: a borrowed object must outlive the operation that the Message was given to. Copies share. The
// codec must outlive the message; a call's codec lives as long as the call, and its channel or server.
class Message {
 public:
  Message() = default;  // empty bytes
  Message(Chain&& bytes) noexcept : bytes_(std::move(bytes)) {}
  Message(const Chain& bytes) : bytes_(bytes) {}
  // Borrows.
  Message(const void* object, const MessageOps& ops) : object_(object), ops_(&ops) {}
  // Shares.
  Message(std::shared_ptr<const void> object, const MessageOps& ops)
      : object_(object.get()), ops_(&ops), owner_(std::move(object)) {}
  Message(const Message&) = default;
  Message& operator=(const Message&) = default;
  // Most are bytes: the object's part is looked at only where there is one.
  Message(Message&& other) noexcept : bytes_(std::move(other.bytes_)), codec_(other.codec_) {
    if (other.ops_ != nullptr) [[unlikely]]
      take_object(other);
  }
  Message& operator=(Message&& other) noexcept {
    bytes_ = std::move(other.bytes_);
    codec_ = other.codec_;
    if (ops_ != nullptr || other.ops_ != nullptr) [[unlikely]]
      take_object(other);
    return *this;
  }

  bool is_bytes() const { return ops_ == nullptr; }
  const Chain& bytes() const { return bytes_; }
  Chain& bytes() { return bytes_; }
  Chain take_bytes() { return std::move(bytes_); }
  // Borrows the object. REQUIRES: an empty message.
  void borrow(const void* object, const MessageOps& ops) {
    assert(ops_ == nullptr && bytes_.empty());
    object_ = object;
    ops_ = &ops;
  }
  // Empty bytes again. The codec stays.
  void clear() {
    bytes_.clear();
    if (ops_ != nullptr) [[unlikely]]
      forget_object();
  }
  const void* object() const { return object_; }
  const MessageOps* ops() const { return ops_; }

  // The encoding of the bytes, or the future encoding of the object. Null: the type's own.
  const Codec* codec() const { return codec_; }
  void set_codec(const Codec* codec) { codec_ = codec; }

 private:
  void take_object(Message& other) noexcept {
    if (this == &other) return;
    object_ = std::exchange(other.object_, nullptr);
    ops_ = std::exchange(other.ops_, nullptr);
    owner_ = std::move(other.owner_);
  }
  void forget_object() {
    object_ = nullptr;
    ops_ = nullptr;
    owner_.reset();
  }

  Chain bytes_;
  const void* object_ = nullptr;
  const MessageOps* ops_ = nullptr;
  const Codec* codec_ = nullptr;
  std::shared_ptr<const void> owner_;  // shared: with the message's copies, and with who made it
};

}  // namespace sluice::inline v0
