// Codec and CodecSet: encodings of messages beside the one that a type has of its own, chosen by a call, a
// channel, or the content-subtype of a request (grpc-go: encoding.Codec, without its global registry).
// Protobuf's JSON is in sluice/proto/json.h; a program may bring its own.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/message.h"

namespace sluice {

// One encoding, under the content-type "application/grpc+NAME".
//
// It is given objects of whatever type a call has. What it can do with one it sees in `ops`: type_id is the
// C++ type (`ops.type_id == MessageTraits<Point>::ops().type_id`), family a kind of types with a common base,
// such as protobuf messages (proto_cast() in sluice/proto/message.h). Raw bytes never come here.
// Thread: all members may be called at once, on different objects.
// Errors: INTERNAL or RESOURCE_EXHAUSTED with a text; other codes, and what is thrown, become INTERNAL. A
// text about a request goes to the client: say what is wrong in few words, and do not quote all of it.
class Codec {
 public:
  virtual ~Codec() = default;

  // The content-subtype: lower-case letters, digits, '-', '_' and '.'. Always the same.
  virtual std::string_view name() const = 0;
  // Appends the encoded object to `out`, which is empty. It may borrow from the object.
  virtual Status encode(const MessageOps& ops, const void* object, Chain& out) const = 0;
  // Replaces the object's content, which after a failure is unspecified. Must not keep slices of `bytes` that
  // do not own their bytes.
  virtual Status decode(const MessageOps& ops, const Chain& bytes, void* object) const = 0;
};

// The codecs that one end knows, beside "proto", by which every one means the types' own encodings: protobuf,
// for protobuf messages. A value: copies share the Codecs. Thread: const members may be called at once.
class CodecSet {
 public:
  static constexpr std::size_t kMaxSize = 32;

  CodecSet() = default;
  CodecSet(std::initializer_list<std::shared_ptr<const Codec>> codecs);

  // Takes the place of one of the same name. What cannot be added is told by check().
  void add(std::shared_ptr<const Codec> codec);
  // INVALID_ARGUMENT: what was wrong with the first that could not be added.
  Status check() const { return content_ ? content_->problem : Status(); }
  // The same, and of a name that is neither known nor "proto" nor empty.
  Status check(std::string_view name) const;

  bool empty() const { return size() == 0; }
  std::size_t size() const { return content_ ? content_->entries.size() : 0; }
  // Null: not known, or "proto".
  const Codec* find(std::string_view name) const { return share(name).get(); }
  // The same, for who may outlive this set.
  std::shared_ptr<const Codec> share(std::string_view name) const;

 private:
  struct Content {
    std::vector<std::shared_ptr<const Codec>> entries;  // shared: with other sets, and calls under way
    Status problem;
  };
  std::shared_ptr<const Content> content_;  // shared: by copies of the set; null: empty
};

namespace detail {

// Asks `codec`, or for raw bytes nobody; makes one of the codes that there are for it of whatever comes. What
// is appended to `out` owns its bytes.
Status encode_with(const Codec& codec, const MessageOps& ops, const void* object, Chain& out);
Status decode_with(const Codec& codec, const MessageOps& ops, const Chain& bytes, void* object);

// By the codec of a call; null: by the type's own encoding.
inline Status encode(const Codec* codec, const MessageOps& ops, const void* object, Chain& out) {
  if (codec) [[unlikely]]
    return encode_with(*codec, ops, object, out);
  return ops.encode(object, out);
}

}  // namespace detail
}  // namespace sluice
