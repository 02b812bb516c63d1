// Raw bytes as a message type: the operations on a Chain that stands for itself.
#include "sluice/rpc/message_traits.h"

#include <string>

namespace sluice::inline v0 {
namespace {

Chain& chain(void* object) { return *static_cast<Chain*>(object); }
const Chain& chain(const void* object) { return *static_cast<const Chain*>(object); }

// Shares the slices that own their bytes and copies those that borrow: the sender may let go of its object
// as soon as it is encoded, and a Conn of its scratch when decoding is done.
Chain kept(const Chain& bytes) {
  Chain copy = bytes;
  copy.keep();
  return copy;
}

Status encode(const void* object, Chain& out) {
  out.append(kept(chain(object)));
  return {};
}

Status encode_to(const void* object, std::byte* out, std::size_t size) {
  if (chain(object).size() != size) {
    return {StatusCode::kInternal, "message of " + std::to_string(chain(object).size()) +
                                       " bytes was to be encoded into " + std::to_string(size)};
  }
  chain(object).copy_to(out);
  return {};
}

Status decode(const Chain& bytes, void* object) {
  chain(object) = kept(bytes);
  return {};
}

constexpr MessageOps kChainOps = {
    .type_id = nullptr,
    .encoded_size = [](const void* o) { return chain(o).size(); },
    .encode = &encode,
    .encode_to = &encode_to,
    .decode = &decode,
    .make = []() -> void* { return new Chain; },
    .clone = [](const void* o) -> void* { return new Chain(kept(chain(o))); },
    .move = [](void* from, void* to) { chain(to) = std::move(chain(from)); },
    .clear = [](void* o) { chain(o).clear(); },
    .destroy = [](void* o) { delete static_cast<Chain*>(o); },
};

}  // namespace

const MessageOps& MessageTraits<Chain>::ops() { return kChainOps; }

Result<Chain> detail::to_bytes(const Message& message, const Codec* codec) {
  if (message.is_bytes()) return kept(message.bytes());
  if (message.codec()) codec = message.codec();
  Chain out;
  if (Status s = detail::encode(codec, *message.ops(), message.object(), out); !s.ok()) return s;
  return out;
}

Status detail::decode_object(const Codec* codec, const Message& message, const MessageOps& ops,
                             void* object) {
  const bool same = message.ops() == &ops || (ops.type_id && message.ops()->type_id == ops.type_id);
  if (same && ops.clone && ops.move && ops.destroy) {
    void* const copy = ops.clone(message.object());
    ops.move(copy, object);
    ops.destroy(copy);
    return {};
  }
  Result<Chain> bytes = to_bytes(message, codec);
  if (!bytes.ok()) return std::move(bytes).status();
  return codec ? decode_with(*codec, ops, *bytes, object) : ops.decode(*bytes, object);
}

Result<Chain> to_bytes(const Message& message) { return detail::to_bytes(message, nullptr); }

Status detail::encode_nothing(const void*, Chain&) {
  return {StatusCode::kInternal, "the message's type has no encoding of its own, and the call no codec"};
}

Status detail::decode_nothing(const Chain&, void*) {
  return {StatusCode::kInternal, "the message's type has no encoding of its own, and the call no codec"};
}

std::size_t message_size(const Message& message) {
  if (message.is_bytes()) return message.bytes().size();
  if (!message.codec()) {
    const std::size_t size = message.ops()->encoded_size(message.object());
    if (size != MessageOps::kUnknownSize) return size;
  }
  const Result<Chain> bytes = to_bytes(message);
  return bytes.ok() ? bytes->size() : 0;
}

}  // namespace sluice::inline v0
