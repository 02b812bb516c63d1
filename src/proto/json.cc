// protobuf's JSON mapping as a Codec: through protobuf's binary form, as its own utilities do, but with
// checks that do not print.
#include "sluice/proto/json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string>
#include <vector>

#include "base/escape.h"
#include "proto/checks.h"
#include "sluice/proto/message.h"

namespace sluice::inline v0 {
namespace {

namespace pb = google::protobuf;

constexpr char kTypePrefix[] = "type.googleapis.com";
constexpr std::size_t kMaxReason = 160;
// As deep as protobuf's binary form may be nested.
constexpr int kMaxDepth = 100;

// The option is called so since protobuf 26, and has another name before.
template <class Options>
void always_print_fields(Options& options, bool always) {
  if constexpr (requires { options.always_print_fields_with_no_presence; }) {
    options.always_print_fields_with_no_presence = always;
  } else {
    options.always_print_primitive_fields = always;
  }
}

// What it says may have any part of the message in it.
template <class PbStatus>
std::string reason_of(const PbStatus& status) {
  const auto text = status.message();
  return escaped(std::string_view(text.data(), text.size()).substr(0, kMaxReason), Keep::kUnicode);
}

// What protobuf's reader does not limit.
struct Shape {
  bool too_deep = false;
  std::size_t values = 0;
  // Bytes in front of each "@type" within its object, all together.
  std::size_t before_types = 0;
};

// `key` as it stands between its quotes, where a letter may be written as its number.
bool is_type_key(std::string_view key) {
  for (const char letter : std::string_view("@type")) {
    if (key.starts_with(letter)) {
      key.remove_prefix(1);
      continue;
    }
    unsigned code = 0;
    if (!key.starts_with("\\u") || key.size() < 6) return false;
    const auto read = std::from_chars(key.data() + 2, key.data() + 6, code, 16);
    if (read.ptr != key.data() + 6 || code != static_cast<unsigned char>(letter)) return false;
    key.remove_prefix(6);
  }
  return key.empty();
}

// Takes time by the square of the depth there: a few megabytes of "[" would keep it busy for hours. So it is
// found out here, in one look at the bytes.
Shape shape_of(std::string_view json) {
  Shape shape;
  std::size_t begins[kMaxDepth + 1] = {};
  int depth = 0;
  for (std::size_t i = 0; i < json.size(); ++i) {
    switch (json[i]) {
      case '[':
      case '{':
        if (++depth > kMaxDepth) return shape.too_deep = true, shape;
        if (depth > 0) begins[depth] = i;
        ++shape.values;
        break;
      case ']':
      case '}':
        --depth;
        break;
      case ',':
      case ':':
        ++shape.values;
        break;
      case '"':
      case '\'': {  // which that reader takes for quotes too
        const std::size_t begin = i + 1;
        for (const char quote = json[i++]; i < json.size() && json[i] != quote; ++i) {
          if (json[i] == '\\') ++i;
        }
        const std::string_view text = json.substr(begin, std::min(i, json.size()) - begin);
        if (depth > 0 && is_type_key(text)) shape.before_types += begin - begins[depth];
        break;
      }
      default:
        break;
    }
  }
  return shape;
}

// An Any whose "@type" does not come first is kept in pieces of a hundred bytes until it comes, and once more
// for each Any around it that is the same.
constexpr std::size_t kMaxBeforeTypes = 64 << 10;
constexpr std::size_t kMaxValuesWithAny = 100'000;

bool reaches_any(const pb::Descriptor* type) {
  std::set<const pb::Descriptor*> seen = {type};
  std::vector<const pb::Descriptor*> to_do = {type};
  while (!to_do.empty()) {
    type = to_do.back();
    to_do.pop_back();
    if (type->full_name() == "google.protobuf.Any") return true;
    for (int i = 0; i < type->field_count(); ++i) {
      const pb::Descriptor* part = type->field(i)->message_type();
      if (part && seen.insert(part).second) to_do.push_back(part);
    }
  }
  return false;
}

// Why protobuf is not asked; empty: it is.
std::string refusal_of(std::string_view json, const pb::Message& message) {
  const Shape shape = shape_of(json);
  if (shape.too_deep) return "nested more than " + std::to_string(kMaxDepth) + " deep";
  if (shape.values <= kMaxValuesWithAny && shape.before_types <= kMaxBeforeTypes) return {};
  if (!reaches_any(message.GetDescriptor())) return {};
  if (shape.before_types > kMaxBeforeTypes)
    return "more than " + std::to_string(kMaxBeforeTypes) + " bytes in front of \"@type\"";
  return "more than " + std::to_string(kMaxValuesWithAny) + " values where there may be an Any";
}

// The message with its description; null: it has none.
const pb::Message* described(const MessageOps& ops, const void* object) {
  return dynamic_cast<const pb::Message*>(proto_cast(ops, object));
}

Status not_described(const MessageOps& ops, const void* object) {
  const pb::MessageLite* lite = proto_cast(ops, object);
  if (!lite) return {StatusCode::kInternal, "codec json takes protobuf messages only"};
  return {StatusCode::kInternal, "codec json: " + lite->GetTypeName() + " is of protobuf's lite runtime"};
}

class JsonCodec final : public Codec {
 public:
  explicit JsonCodec(const JsonOptions& options)
      : resolver_(
            pb::util::NewTypeResolverForDescriptorPool(kTypePrefix, pb::DescriptorPool::generated_pool())) {
    printing_.preserve_proto_field_names = options.preserve_proto_field_names;
    always_print_fields(printing_, options.always_print_fields_with_no_presence);
    printing_.always_print_enums_as_ints = options.always_print_enums_as_ints;
    parsing_.ignore_unknown_fields = options.ignore_unknown_fields;
  }

  std::string_view name() const override { return "json"; }

  Status encode(const MessageOps& ops, const void* object, Chain& out) const override {
    const pb::Message* message = described(ops, object);
    if (!message) return not_described(ops, object);
    if (!message->IsInitialized()) return detail::missing_fields(*message);
    const std::size_t size = message->ByteSizeLong();
    if (size > detail::kMaxProtoSize)
      return detail::too_large(StatusCode::kResourceExhausted, *message, size);
    std::string binary, json;
    message->AppendPartialToString(&binary);
    const Resolver resolver(*this, *message);
    const auto done =
        pb::util::BinaryToJsonString(resolver.get(), url_of(*message), binary, &json, printing_);
    if (!done.ok()) {
      return {StatusCode::kInternal, message->GetTypeName() + " has no JSON form: " + reason_of(done)};
    }
    out.append(Bytes::copy(json));
    return {};
  }

  Status decode(const MessageOps& ops, const Chain& bytes, void* object) const override {
    // The object is not constant: it was given as one that is to be written.
    auto* message = const_cast<pb::Message*>(described(ops, object));
    if (!message) return not_described(ops, object);
    if (bytes.size() > detail::kMaxProtoSize)
      return detail::too_large(StatusCode::kInternal, *message, bytes.size());
    const std::string json = bytes.to_string();
    if (const std::string why = refusal_of(json, *message); !why.empty())
      return no_json(bytes, *message, why);
    std::string binary;
    const Resolver resolver(*this, *message);
    const auto done = pb::util::JsonToBinaryString(resolver.get(), url_of(*message), json, &binary, parsing_);
    if (!done.ok()) return no_json(bytes, *message, reason_of(done));
    if (!message->ParsePartialFromString(binary))
      return no_json(bytes, *message, "nested too deep for protobuf");
    if (!message->IsInitialized()) return detail::missing_fields(*message);
    return {};
  }

 private:
  // Of the messages' own pool: that of generated code, or one that a program has made.
  class Resolver {
   public:
    Resolver(const JsonCodec& codec, const pb::Message& message) : resolver_(codec.resolver_.get()) {
      const pb::DescriptorPool* pool = message.GetDescriptor()->file()->pool();
      if (pool == pb::DescriptorPool::generated_pool()) return;
      own_.reset(pb::util::NewTypeResolverForDescriptorPool(kTypePrefix, pool));
      resolver_ = own_.get();
    }
    pb::util::TypeResolver* get() const { return resolver_; }

   private:
    pb::util::TypeResolver* resolver_;
    std::unique_ptr<pb::util::TypeResolver> own_;
  };

  static std::string url_of(const pb::Message& message) {
    return std::string(kTypePrefix) + "/" + std::string(message.GetDescriptor()->full_name());
  }
  static Status no_json(const Chain& bytes, const pb::Message& message, const std::string& why) {
    return {StatusCode::kInternal, std::to_string(bytes.size()) + " bytes are no JSON of " +
                                       std::string(message.GetTypeName()) + ": " + why};
  }

  // Constant after construction; the resolver has no state of its own.
  pb::util::JsonPrintOptions printing_;
  pb::util::JsonParseOptions parsing_;
  const std::unique_ptr<pb::util::TypeResolver> resolver_;
};

}  // namespace

std::shared_ptr<const Codec> json_codec(JsonOptions options) { return std::make_shared<JsonCodec>(options); }

}  // namespace sluice::inline v0
