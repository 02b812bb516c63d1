// Message: what a call carries, as bytes or as an object with the operations that turn one into the other.
// Knows no encoding: the layers above fill MessageOps, and bring Codecs (rpc/codec.h). Encoding happens late,
// in the transport's stream, so that below one and the same Channel an object may also be handed over inside
// the process.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "sluice/base/bytes.h"
#include "sluice/base/status.h"

namespace sluice {

class Codec;

// The operations of one message type, with its own encoding. Constant, lives as long as the program. Thread:
// all may be called concurrently on different objects.
struct MessageOps {
  // The same for the same C++ type, everywhere; null: raw bytes, which are passed on as they are under any
  // content-subtype, and which no Codec is asked for.
  const void* type_id = nullptr;
  // The content-subtype that names the type's own encoding ("proto"); empty: it has no name.
  std::string_view codec = {};
  // What the types of one kind have in common, for Codecs that take any of a kind: the same for all of them,
  // and the object as their common base. Null: none. For protobuf messages see proto_cast().
  const void* family = nullptr;
  const void* (*as_family)(const void* object) = nullptr;
  // The exact number of bytes encode() will write, or kUnknownSize.
  std::size_t (*encoded_size)(const void* object) = nullptr;
  // Appends the encoded object to `out`, leaving what stands there alone.
  Status (*encode)(const void* object, Chain& out) = nullptr;
  // Writes exactly encoded_size() bytes, which was called just before; null when sizes are unknown.
  Status (*encode_to)(const void* object, std::byte* out, std::size_t size) = nullptr;
  // Replaces the object's content. A failure is INTERNAL with a text; the object is then unspecified.
  Status (*decode)(const Chain& bytes, void* object) = nullptr;
  void* (*make)() = nullptr;                     // a default object on the heap
  void* (*clone)(const void* object) = nullptr;  // a copy on the heap
  void (*move)(void* from, void* to) = nullptr;  // assigns, leaving `from` valid
  void (*clear)(void* object) = nullptr;         // back to default, keeping memory for reuse
  void (*destroy)(void* object) = nullptr;       // ends what make or clone returned

  static constexpr std::size_t kUnknownSize = ~std::size_t{0};
};

// Bytes, or an object that is borrowed or shared and constant.
//
// Lifetime: a borrowed object must outlive the operation the Message was given to. Copying shares. The codec
// must outlive the message; that of a call lives as long as its channel or server, and the call.
class Message {
 public:
  Message() = default;  // empty bytes
  Message(Chain bytes) : bytes_(std::move(bytes)) {}
  // Borrows.
  Message(const void* object, const MessageOps& ops) : object_(object), ops_(&ops) {}
  // Shares.
  Message(std::shared_ptr<const void> object, const MessageOps& ops)
      : object_(object.get()), ops_(&ops), owner_(std::move(object)) {}

  bool is_bytes() const { return ops_ == nullptr; }
  const Chain& bytes() const { return bytes_; }
  Chain take_bytes() { return std::move(bytes_); }
  const void* object() const { return object_; }
  const MessageOps* ops() const { return ops_; }

  // What the bytes are encoded with, or the object is going to be; null: the type's own encoding.
  const Codec* codec() const { return codec_; }
  void set_codec(const Codec* codec) { codec_ = codec; }

 private:
  Chain bytes_;
  const void* object_ = nullptr;
  const MessageOps* ops_ = nullptr;
  const Codec* codec_ = nullptr;
  std::shared_ptr<const void> owner_;
};

}  // namespace sluice
