// MessageOps for protobuf messages.
#pragma once

#include <google/protobuf/message_lite.h>

#include <concepts>

#include "sluice/rpc/message_traits.h"

namespace sluice::inline v0 {

namespace detail {
// The operations that need no type: shared by all protobuf messages.
std::size_t proto_encoded_size(const void* object);
Status proto_encode(const void* object, Chain& out);
Status proto_encode_to(const void* object, std::byte* out, std::size_t size);
Status proto_decode(const Chain& bytes, void* object);
void proto_clear(void* object);
inline constexpr char kProtoFamily = 0;

template <class M>
struct ProtoOps {
  // MessageLite may stand at an offset in M; every operation goes through the same static type.
  static const google::protobuf::MessageLite* lite(const void* object) {
    return static_cast<const M*>(object);
  }
  static google::protobuf::MessageLite* lite(void* object) { return static_cast<M*>(object); }
  static inline const char kType = 0;
  static constexpr MessageOps kOps = {
      .type_id = &kType,
      .codec = "proto",
      .family = &kProtoFamily,
      .as_family = [](const void* o) -> const void* { return lite(o); },
      .encoded_size = [](const void* o) { return proto_encoded_size(lite(o)); },
      .encode = [](const void* o, Chain& out) { return proto_encode(lite(o), out); },
      .encode_to = [](const void* o, std::byte* out,
                      std::size_t n) { return proto_encode_to(lite(o), out, n); },
      .decode = [](const Chain& bytes, void* o) { return proto_decode(bytes, lite(o)); },
      .make = []() -> void* { return new M; },
      .clone = [](const void* o) -> void* { return new M(*static_cast<const M*>(o)); },
      .move = [](void* from, void* to) { *static_cast<M*>(to) = std::move(*static_cast<M*>(from)); },
      .clear = [](void* o) { proto_clear(lite(o)); },
      .destroy = [](void* o) { delete static_cast<M*>(o); },
  };
};
}  // namespace detail

template <std::derived_from<google::protobuf::MessageLite> M>
struct MessageTraits<M> {
  static const MessageOps& ops() { return detail::ProtoOps<M>::kOps; }
};

// For Codecs: the object as a protobuf message; null if it is none.
inline const google::protobuf::MessageLite* proto_cast(const MessageOps& ops, const void* object) {
  if (ops.family != &detail::kProtoFamily) return nullptr;
  return static_cast<const google::protobuf::MessageLite*>(ops.as_family(object));
}
inline google::protobuf::MessageLite* proto_cast(const MessageOps& ops, void* object) {
  return const_cast<google::protobuf::MessageLite*>(proto_cast(ops, static_cast<const void*>(object)));
}

}  // namespace sluice::inline v0
