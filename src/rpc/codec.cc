// CodecSet, and the border between the library and what a Codec says or throws.
#include "sluice/rpc/codec.h"

#include "base/escape.h"
#include "rpc/encoding_name.h"
#include "sluice/rpc/interceptor.h"

namespace sluice::inline v0 {
namespace {

// Of a name that nobody checked, in a text.
std::string quoted(std::string_view name) {
  std::string text(1, '"');
  return text.append(escaped(name.substr(0, 64), Keep::kAscii)).append(1, '"');
}

Status failure_of(const Codec& codec, const char* verb, Status status) {
  if (status.code() == StatusCode::kResourceExhausted || status.code() == StatusCode::kInternal)
    return status;
  return {StatusCode::kInternal,
          "codec " + std::string(codec.name()) + " does not " + verb + ": " + status.to_string()};
}

}  // namespace

CodecSet::CodecSet(std::initializer_list<std::shared_ptr<const Codec>> codecs) {
  for (const auto& codec : codecs) add(codec);
}

// Into a copy: other sets may share what there is.
void CodecSet::add(std::shared_ptr<const Codec> codec) {
  auto content = content_ ? std::make_shared<Content>(*content_) : std::make_shared<Content>();
  content_ = content;
  const auto refuse = [&](std::string why) {
    if (content->problem.ok()) content->problem = Status(StatusCode::kInvalidArgument, std::move(why));
  };
  if (!codec) return refuse("a codec is null");
  const std::string_view name = codec->name();
  if (!is_encoding_name(name)) return refuse("codec name " + quoted(name) + " is no content-subtype");
  if (name == "proto") return refuse("codec name \"proto\" stands for the messages' own encoding");
  for (auto& entry : content->entries) {
    if (entry->name() == name) return void(entry = std::move(codec));
  }
  if (content->entries.size() == kMaxSize)
    return refuse("codec " + quoted(name) + " is one more than " + std::to_string(kMaxSize));
  content->entries.push_back(std::move(codec));
}

Status CodecSet::check(std::string_view name) const {
  Status problem = check();
  if (!problem.ok() || name.empty() || name == "proto" || find(name)) return problem;
  std::string known = "proto";
  if (content_) {
    for (const auto& entry : content_->entries) known.append(",").append(entry->name());
  }
  return {StatusCode::kInvalidArgument, "codec " + quoted(name) + " is not among " + known};
}

std::shared_ptr<const Codec> CodecSet::share(std::string_view name) const {
  if (!content_) return nullptr;
  for (const auto& entry : content_->entries) {
    if (entry->name() == name) return entry;
  }
  return nullptr;
}

namespace detail {

Status encode_with(const Codec& codec, const MessageOps& ops, const void* object, Chain& out) {
  if (!ops.type_id) return ops.encode(object, out);
  Chain encoded;
  Status status;
  try {
    status = codec.encode(ops, object, encoded);
  } catch (...) {
    status = status_of_exception("codec");
  }
  if (!status.ok()) return failure_of(codec, "encode", std::move(status));
  encoded.keep();
  out.append(std::move(encoded));
  return {};
}

Status decode_with(const Codec& codec, const MessageOps& ops, const Chain& bytes, void* object) {
  if (!ops.type_id) return ops.decode(bytes, object);
  Status status;
  try {
    status = codec.decode(ops, bytes, object);
  } catch (...) {
    status = status_of_exception("codec");
  }
  if (!status.ok()) return failure_of(codec, "decode", std::move(status));
  return {};
}

}  // namespace detail
}  // namespace sluice::inline v0
