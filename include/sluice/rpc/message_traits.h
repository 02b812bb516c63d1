// MessageTraits: which C++ types can be messages, and their MessageOps.
#pragma once

#include <memory>
#include <utility>

#include "sluice/base/message.h"
#include "sluice/base/result.h"
#include "sluice/rpc/codec.h"

namespace sluice::inline v0 {

// Specialised for each message type: `static const MessageOps& ops();`. sluice/proto does so for protobuf
// messages; value_ops() helps with types of your own.
template <class T>
struct MessageTraits;

// Raw bytes: a Chain is sent and received as it is. A received Chain may share a block of up to 64 KiB with
// other messages: call keep_tight() before storing it for long.
template <>
struct MessageTraits<Chain> {
  static const MessageOps& ops();
};

namespace detail {
Status encode_nothing(const void* object, Chain& out);
Status decode_nothing(const Chain& bytes, void* object);
template <class T>
inline constexpr char kTypeId = 0;

// By the codec of a call; null: the type's own encoding.
template <class T>
Status decode(const Codec* codec, const Chain& bytes, T& object) {
  if (codec) [[unlikely]]
    return decode_with(*codec, MessageTraits<T>::ops(), bytes, &object);
  return MessageTraits<T>::ops().decode(bytes, &object);
}
// Copies an object of the same type, and encodes and decodes any other.
Status decode_object(const Codec* codec, const Message& message, const MessageOps& ops, void* object);
template <class T>
[[gnu::always_inline]] inline Status decode(const Codec* codec, const Message& message, T& object) {
  if (message.is_bytes()) [[likely]]
    return decode(codec, message.bytes(), object);
  return decode_object(codec, message, MessageTraits<T>::ops(), &object);
}
}  // namespace detail

// The operations of a type with a default constructor, copy and move. `encode` and `decode` are its own
// encoding, named by the content-subtype `codec`. Without them, only calls with a Codec can send the type.
//   template <> struct MessageTraits<Point> {
//     static constexpr MessageOps kOps = value_ops<Point>();
//     static const MessageOps& ops() { return kOps; }
//   };
template <class T>
constexpr MessageOps value_ops(std::string_view codec = {},
                               Status (*encode)(const void* object, Chain& out) = &detail::encode_nothing,
                               Status (*decode)(const Chain& bytes, void* object) = &detail::decode_nothing) {
  MessageOps ops;
  ops.type_id = &detail::kTypeId<T>;
  ops.codec = codec;
  ops.encoded_size = [](const void*) { return MessageOps::kUnknownSize; };
  ops.encode = encode;
  ops.decode = decode;
  ops.make = []() -> void* { return new T(); };
  ops.clone = [](const void* o) -> void* { return new T(*static_cast<const T*>(o)); };
  ops.move = [](void* from, void* to) { *static_cast<T*>(to) = std::move(*static_cast<T*>(from)); };
  ops.clear = [](void* o) { *static_cast<T*>(o) = T(); };
  ops.destroy = [](void* o) { delete static_cast<T*>(o); };
  return ops;
}

// For code that gets Messages of any form, such as interceptors. These functions use the message's codec; a
// call sets its own codec on the messages that it hands out.

// A message that owns its object: `call.reply() = to_message(reply);`. The codec of the call will encode it.
template <class T>
Message to_message(T object) {
  return Message(std::make_shared<const T>(std::move(object)), MessageTraits<T>::ops());
}
// The message as bytes, shared or encoded.
Result<Chain> to_bytes(const Message& message);
// Its size in bytes when sent, before compression. Encodes the message if the size is not known otherwise.
std::size_t message_size(const Message& message);
// The object inside; null: the message is bytes, or not a T.
template <class T>
const T* message_cast(const Message& message) {
  if (message.is_bytes()) return nullptr;
  const MessageOps& ops = MessageTraits<T>::ops();
  const bool same = message.ops() == &ops || (ops.type_id && message.ops()->type_id == ops.type_id);
  return same ? static_cast<const T*>(message.object()) : nullptr;
}
// The message as a T, copied or decoded. INTERNAL if the bytes do not decode.
template <class T>
Result<T> decode_as(const Message& message) {
  if (const T* object = message_cast<T>(message)) return *object;
  Result<Chain> bytes = to_bytes(message);
  if (!bytes.ok()) return std::move(bytes).status();
  Result<T> decoded{T()};
  if (Status s = detail::decode(message.codec(), *bytes, *decoded); !s.ok()) return s;
  return decoded;
}

namespace detail {
// The message as bytes; an object that has no codec is encoded by `codec`.
Result<Chain> to_bytes(const Message& message, const Codec* codec);
}  // namespace detail

}  // namespace sluice::inline v0
