// MessageTraits: which C++ types can be messages, and their MessageOps.
#pragma once

#include <memory>
#include <utility>

#include "sluice/base/message.h"
#include "sluice/base/result.h"

namespace sluice {

// Specialised for each message type: `static const MessageOps& ops();`. sluice/proto does it for protobuf's.
template <class T>
struct MessageTraits;

// Raw bytes: a Chain is sent and received as it is.
template <>
struct MessageTraits<Chain> {
  static const MessageOps& ops();
};

// For code that is handed Messages of whatever form, such as interceptors.

// A message that owns its object: `call.reply() = to_message(reply);`.
template <class T>
Message to_message(T object) {
  return Message(std::make_shared<const T>(std::move(object)), MessageTraits<T>::ops());
}
// The message as bytes, shared or encoded.
Result<Chain> to_bytes(const Message& message);
// The number of bytes it takes when sent.
std::size_t message_size(const Message& message);
// The object inside, if the message is a T; null: it is bytes, or something else.
template <class T>
const T* message_cast(const Message& message) {
  if (message.is_bytes()) return nullptr;
  const MessageOps& ops = MessageTraits<T>::ops();
  const bool same = message.ops() == &ops || (ops.type_id && message.ops()->type_id == ops.type_id);
  return same ? static_cast<const T*>(message.object()) : nullptr;
}
// The message as a T, copied or decoded. INTERNAL if the bytes are none.
template <class T>
Result<T> decode_as(const Message& message) {
  if (const T* object = message_cast<T>(message)) return *object;
  Result<Chain> bytes = to_bytes(message);
  if (!bytes.ok()) return std::move(bytes).status();
  Result<T> decoded{T()};
  if (Status s = MessageTraits<T>::ops().decode(*bytes, &*decoded); !s.ok()) return s;
  return decoded;
}

}  // namespace sluice
