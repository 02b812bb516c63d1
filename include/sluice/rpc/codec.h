// Codec and CodecSet: encodings that replace a message type's own one (grpc-go: encoding.Codec, without its
// global registry). A call, a channel, or the content-subtype of a request chooses the codec.
// sluice/proto/json.h has one for JSON; a program may bring its own.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/message.h"

namespace sluice::inline v0 {

// One encoding, under the content-type "application/grpc+NAME".
// A codec is given objects of every type that calls have, and learns the type from `ops`: type_id is the C++
// type (`ops.type_id == MessageTraits<Point>::ops().type_id`), family the common base of several types, such
// as protobuf messages (proto_cast() in sluice/proto/message.h). It is not given raw bytes.
// Thread: all members may be called concurrently, on different objects. Errors: INTERNAL or
// RESOURCE_EXHAUSTED with a text; other codes and exceptions become INTERNAL. The client receives the text
// about its request: keep it short, and do not quote the whole request.
class Codec {
 public:
  virtual ~Codec() = default;

  // The content-subtype: lower-case letters, digits, '-', '_' and '.'. Always the same.
  virtual std::string_view name() const = 0;
  // Appends the encoded object to `out`, which is empty. The slices may borrow from the object.
  virtual Status encode(const MessageOps& ops, const void* object, Chain& out) const = 0;
  // Replaces the object's content, which is unspecified after a failure. May keep slices of `bytes` only if
  // they own their bytes.
  virtual Status decode(const MessageOps& ops, const Chain& bytes, void* object) const = 0;
};

// The codecs that a server or channel knows, besides "proto": that name always means the types' own
// encodings, which for protobuf messages is protobuf. A value; copies share the Codecs. Thread: const members
// may be called concurrently.
class CodecSet {
 public:
  static constexpr std::size_t kMaxSize = 32;

  CodecSet() = default;
  CodecSet(std::initializer_list<std::shared_ptr<const Codec>> codecs);

  // Replaces a codec of the same name. check() tells if the codec cannot be added.
  void add(std::shared_ptr<const Codec> codec);
  // INVALID_ARGUMENT: the first codec that could not be added, and why.
  Status check() const { return content_ ? content_->problem : Status(); }
  // The same; and INVALID_ARGUMENT for a name that is not in the set, not "proto" and not empty.
  Status check(std::string_view name) const;

  bool empty() const { return size() == 0; }
  std::size_t size() const { return content_ ? content_->entries.size() : 0; }
  // Null: not in the set, or "proto".
  const Codec* find(std::string_view name) const { return share(name).get(); }
  // The same, for a caller that may outlive this set.
  std::shared_ptr<const Codec> share(std::string_view name) const;

 private:
  struct Content {
    std::vector<std::shared_ptr<const Codec>> entries;  // shared: with other sets, and calls under way
    Status problem;
  };
  std::shared_ptr<const Content> content_;  // shared: by copies of the set; null: empty
};

namespace detail {

// By `codec`; raw bytes are passed on. Turns other codes and exceptions into INTERNAL. The slices appended to
// `out` own their bytes.
Status encode_with(const Codec& codec, const MessageOps& ops, const void* object, Chain& out);
Status decode_with(const Codec& codec, const MessageOps& ops, const Chain& bytes, void* object);

// By the codec of a call; null: the type's own encoding.
inline Status encode(const Codec* codec, const MessageOps& ops, const void* object, Chain& out) {
  if (codec) [[unlikely]]
    return encode_with(*codec, ops, object, out);
  return ops.encode(object, out);
}

}  // namespace detail
}  // namespace sluice::inline v0
