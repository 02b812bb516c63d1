// The JSON codec: protobuf's mapping both ways, its options, and everything that has no JSON form or is none.
#include "sluice/proto/json.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/implicit_weak_message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/stubs/common.h>
#include <google/protobuf/type.pb.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "sluice/proto/message.h"

namespace sluice::inline v0 {
namespace {

namespace pb = google::protobuf;

template <class M>
std::string to_json(const M& message, const JsonOptions& options = {}) {
  Chain out;
  const Status status = json_codec(options)->encode(MessageTraits<M>::ops(), &message, out);
  return status.ok() ? out.to_string() : status.to_string();
}

template <class M>
Status from_json(const std::string& json, M& message, const JsonOptions& options = {}) {
  return json_codec(options)->decode(MessageTraits<M>::ops(), Chain::copy(json), &message);
}

template <class M>
M parsed(const std::string& json, const JsonOptions& options = {}) {
  M message;
  const Status status = from_json(json, message, options);
  EXPECT_EQ(status, Status()) << json;
  return message;
}

// Nothing of what follows may reach the program's standard error.
class Json : public ::testing::Test {
 protected:
  Json() { ::testing::internal::CaptureStderr(); }
  ~Json() override { EXPECT_EQ(::testing::internal::GetCapturedStderr(), ""); }
};

TEST_F(Json, IsNamedAsItsContentType) { EXPECT_EQ(json_codec()->name(), "json"); }

TEST_F(Json, IsProtobufsMapping) {
  pb::FieldDescriptorProto field;
  field.set_name("caf\xc3\xa9 \"x\"");
  field.set_json_name("other");
  field.set_number(7);
  field.set_type(pb::FieldDescriptorProto::TYPE_INT64);
  EXPECT_EQ(
      to_json(field),
      "{\"name\":\"caf\xc3\xa9 \\\"x\\\"\",\"number\":7,\"type\":\"TYPE_INT64\",\"jsonName\":\"other\"}");
  EXPECT_EQ(to_json(pb::FieldDescriptorProto()), "{}");
  pb::Duration duration;
  duration.set_seconds(1);
  duration.set_nanos(500'000'000);
  EXPECT_EQ(to_json(duration), "\"1.500s\"");
  pb::Int64Value number;
  number.set_value(std::int64_t{1} << 60);
  EXPECT_EQ(to_json(number), "\"1152921504606846976\"");
}

TEST_F(Json, ReadsWhatItWrites) {
  const auto round = [](const auto& message) {
    const auto again = parsed<std::decay_t<decltype(message)>>(to_json(message));
    EXPECT_EQ(again.SerializeAsString(), message.SerializeAsString());
  };
  pb::FileDescriptorProto file;
  pb::Duration::descriptor()->file()->CopyTo(&file);
  round(file);
  pb::BytesValue bytes;
  bytes.set_value(std::string("\0\xff\x80 bytes", 9));
  round(bytes);
  pb::Any any;
  any.PackFrom(bytes);
  round(any);
}

TEST_F(Json, ReplacesWhatTheObjectHad) {
  pb::FieldDescriptorProto field;
  field.set_name("gone");
  EXPECT_EQ(from_json("{\"number\": 3}", field), Status());
  EXPECT_FALSE(field.has_name());
  EXPECT_EQ(field.number(), 3);
}

TEST_F(Json, ReadsBothSpellingsOfNamesAndEnums) {
  for (const char* json : {"{\"jsonName\":\"a\",\"type\":\"TYPE_INT64\"}", "{\"json_name\":\"a\",\"type\":3}",
                           " {\n\"type\" : 3 , \"jsonName\":\"a\"}\n"}) {
    const auto field = parsed<pb::FieldDescriptorProto>(json);
    EXPECT_EQ(field.json_name(), "a");
    EXPECT_EQ(field.type(), pb::FieldDescriptorProto::TYPE_INT64);
  }
}

TEST_F(Json, HasOptions) {
  pb::FieldDescriptorProto field;
  field.set_json_name("a");
  field.set_type(pb::FieldDescriptorProto::TYPE_INT64);
  EXPECT_EQ(to_json(field, {.preserve_proto_field_names = true}),
            "{\"type\":\"TYPE_INT64\",\"json_name\":\"a\"}");
  EXPECT_EQ(to_json(field, {.always_print_enums_as_ints = true}), "{\"type\":3,\"jsonName\":\"a\"}");
  pb::UInt32Value nothing;
  EXPECT_EQ(to_json(nothing), "0");
  pb::Option option;  // of proto3, whose fields have no presence
  EXPECT_EQ(to_json(option), "{}");
  EXPECT_EQ(to_json(option, {.always_print_fields_with_no_presence = true}), "{\"name\":\"\"}");
  pb::EnumValueDescriptorProto value;
  EXPECT_EQ(from_json("{\"nothing\": 1}", value).code(), StatusCode::kInternal);
  EXPECT_EQ(from_json("{\"nothing\": 1, \"number\": 2}", value, {.ignore_unknown_fields = true}), Status());
  EXPECT_EQ(value.number(), 2);
}

TEST_F(Json, TextsNameTheTypeTheReasonAndNotAllOfTheMessage) {
  pb::EnumValueDescriptorProto value;
  EXPECT_EQ(from_json("", value).message().substr(0, 64),
            "0 bytes are no JSON of google.protobuf.EnumValueDescriptorProto:");
  const std::vector<std::string> bad = {"",
                                        "{",
                                        "}",
                                        "nonsense",
                                        "[1]",
                                        "{\"number\": \"x\"}",
                                        "{\"number\": 1e99}",
                                        "{\"name\": \"\xff\"}",
                                        "{\"name\": \"\\ud800\"}",
                                        "{\"number\": 1}}",
                                        "{\"number\" 1}",
                                        "{\"nothing\":1}",
                                        std::string(1, '\0'),
                                        "{\"name\": \"" + std::string(5000, 'x'),
                                        "{\"number\": \"" + std::string(5000, 'x') + "\"}",
                                        "{\"" + std::string(5000, 'x') + "\": 1}"};
  for (const std::string& json : bad) {
    const Status status = from_json(json, value);
    EXPECT_EQ(status.code(), StatusCode::kInternal) << json.substr(0, 50);
    const std::string_view start = "bytes are no JSON of google.protobuf.EnumValueDescriptorProto: ";
    EXPECT_NE(status.message().find(start), std::string_view::npos) << status;
    EXPECT_LT(status.message().size(), 300u);
    EXPECT_GT(status.message().size(), start.size() + 5);
    EXPECT_EQ(status.message().find('\n'), std::string_view::npos) << status;
  }
}

// Of time, too: protobuf alone takes the square of the depth.
TEST_F(Json, IsLimitedInDepth) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  pb::Value value;
  EXPECT_EQ(from_json(nested(20), value), Status());
  EXPECT_EQ(from_json(nested(100), value).message(),
            "200 bytes are no JSON of google.protobuf.Value: nested too deep for protobuf");
  for (const std::size_t depth : {101, 1000, 1'000'000}) {
    const std::string text = " bytes are no JSON of google.protobuf.Value: nested more than 100 deep";
    EXPECT_EQ(from_json(nested(depth), value).message(), std::to_string(2 * depth) + text);
    EXPECT_EQ(from_json(std::string(depth, '['), value).message(), std::to_string(depth) + text);
  }
  std::string objects = "1";
  for (int i = 0; i < 101; ++i) objects = "{\"a\":" + objects + "}";
  EXPECT_NE(from_json(objects, value).message().find("100 deep"), std::string_view::npos);
  // What stands in a string is not nested, nor what comes side by side.
  const std::string brackets(200, '[');
  EXPECT_EQ(from_json("\"" + brackets + "\\\"" + brackets + "\"", value), Status());
  EXPECT_EQ(value.string_value(), brackets + "\"" + brackets);
  std::string list = "[[]";
  for (int i = 0; i < 200; ++i) list += ",[]";
  EXPECT_EQ(from_json(list + "]", value), Status());
}

// An Any of Anys, each with its type behind its value.
std::string late_anys(int levels, std::string_view core) {
  std::string text =
      R"({"value":)" + std::string(core) + R"(,"@type":"type.googleapis.com/google.protobuf.Value"})";
  for (int i = 0; i < levels; ++i)
    text = R"({"value":)" + text + R"(,"@type":"type.googleapis.com/google.protobuf.Any"})";
  return text;
}

TEST_F(Json, AnysWhoseTypeComesLateAreLimited) {
  pb::Any any;
  EXPECT_EQ(from_json(late_anys(0, "[1,2]"), any), Status());
  EXPECT_EQ(any.type_url(), "type.googleapis.com/google.protobuf.Value");
  EXPECT_EQ(from_json(late_anys(3, "[1,2]"), any), Status());
  std::string zeros = "[0";
  for (int i = 0; i < 2'000; ++i) zeros += ",0";
  zeros += "]";
  EXPECT_EQ(from_json(late_anys(5, zeros), any), Status());
  const std::string late = "more than 65536 bytes in front of \"@type\"";
  for (const char* key : {"\"@type\"", "'@type'", "\"\\u0040type\"", "\"@\\u0074\\u0079pe\""}) {
    std::string text = late_anys(30, zeros);
    for (std::size_t at = 0; (at = text.find("\"@type\"", at)) != std::string::npos;)
      text.replace(at, 7, key), at += std::strlen(key);
    const Status status = from_json(text, any);
    EXPECT_NE(status.message().find(late), std::string_view::npos) << key << " " << status;
  }
  // In front it may have as much behind it as anything else.
  EXPECT_EQ(from_json(R"({"@type":"type.googleapis.com/google.protobuf.Value","value":)" + zeros + "}", any),
            Status());
  // Elsewhere "@type" is a name like others.
  pb::Value value;
  std::string text = "{\"a\":\"" + std::string(70'000, 'x') + "\",\"@type\":1}";
  EXPECT_EQ(from_json(text, value), Status());
}

TEST_F(Json, ValuesBesideAnAnyAreLimited) {
  std::string zeros = "[0";
  for (int i = 0; i < 100'000; ++i) zeros += ",0";
  zeros += "]";
  pb::Any any;
  const Status status = from_json("{\"value\":" + zeros + "}", any);
  EXPECT_NE(status.message().find("more than 100000 values where there may be an Any"),
            std::string_view::npos)
      << status;
  pb::Value value;
  EXPECT_EQ(from_json(zeros, value), Status());
}

// protobuf warns of it itself.
TEST(JsonOfDeepMessages, IsRefused) {
  ::testing::internal::CaptureStderr();
  pb::Value deep;
  for (int i = 0; i < 500; ++i) {
    pb::Value outer;
    outer.mutable_list_value()->add_values()->Swap(&deep);
    deep.Swap(&outer);
  }
  EXPECT_EQ(to_json(deep).substr(0, 42), "INTERNAL: google.protobuf.Value has no JSO");
  (void)::testing::internal::GetCapturedStderr();
}

using NamePart = pb::UninterpretedOption_NamePart;  // proto2, with two required fields

TEST_F(Json, RequiredFieldsAreRequiredBothWays) {
  const std::string lacks =
      "google.protobuf.UninterpretedOption.NamePart lacks required fields: is_extension";
  NamePart part;
  part.set_name_part("name");
  EXPECT_EQ(to_json(part), "INTERNAL: " + lacks);
  // protobuf's reader says it before 22, later the codec does.
  const std::string reader_says =
      "20 bytes are no JSON of google.protobuf.UninterpretedOption.NamePart: : missing field is_extension";
  const Status status = from_json("{\"namePart\": \"name\"}", part);
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_EQ(status.message(), GOOGLE_PROTOBUF_VERSION < 4'000'000 ? reader_says : lacks);
  EXPECT_EQ(from_json("{\"namePart\": \"name\", \"isExtension\": true}", part), Status());
  EXPECT_TRUE(part.is_extension());
}

TEST_F(Json, AnyOfATypeThatIsNotHere) {
  pb::Any any;
  any.set_type_url("type.googleapis.com/test.Nowhere");
  any.set_value("x");
  EXPECT_EQ(to_json(any).substr(0, 40), "INTERNAL: google.protobuf.Any has no JSO");
  EXPECT_EQ(from_json("{\"@type\": \"type.googleapis.com/test.Nowhere\", \"a\": 1}", any).code(),
            StatusCode::kInternal);
}

// What is no protobuf message, and one without a description: libprotobuf has one such type.
using Lite = pb::internal::ImplicitWeakMessage;

TEST_F(Json, TakesNothingButProtobufMessages) {
  const MessageOps other = value_ops<std::string>("text");
  std::string text = "text";
  Chain out;
  const Status wanted(StatusCode::kInternal, "codec json takes protobuf messages only");
  EXPECT_EQ(json_codec()->encode(other, &text, out), wanted);
  EXPECT_EQ(json_codec()->decode(other, Chain::copy("{}"), &text), wanted);
  const MessageOps lite = [] {
    MessageOps ops;
    ops.family = &detail::kProtoFamily;
    ops.as_family = [](const void* o) -> const void* {
      return static_cast<const pb::MessageLite*>(static_cast<const Lite*>(o));
    };
    return ops;
  }();
  Lite message;
  EXPECT_EQ(json_codec()->encode(lite, &message, out),
            Status(StatusCode::kInternal,
                   "codec json: " + std::string(message.GetTypeName()) + " is of protobuf's lite runtime"));
  EXPECT_TRUE(out.empty());
}

// Types that a program made of a description at run time are described by their own pool.
TEST_F(Json, KnowsTypesOfOtherPools) {
  pb::FileDescriptorProto file;
  file.set_name("made.proto");
  file.set_package("made");
  pb::DescriptorProto& type = *file.add_message_type();
  type.set_name("Thing");
  pb::FieldDescriptorProto& field = *type.add_field();
  field.set_name("long_name");
  field.set_number(1);
  field.set_type(pb::FieldDescriptorProto::TYPE_INT32);
  field.set_label(pb::FieldDescriptorProto::LABEL_OPTIONAL);
  pb::DescriptorPool pool;
  const pb::Descriptor* thing = pool.BuildFile(file)->FindMessageTypeByName("Thing");
  pb::DynamicMessageFactory factory;
  const std::unique_ptr<pb::Message> message(factory.GetPrototype(thing)->New());
  MessageOps ops;
  ops.type_id = thing;
  ops.family = &detail::kProtoFamily;
  ops.as_family = [](const void* o) -> const void* {
    return static_cast<const pb::MessageLite*>(static_cast<const pb::Message*>(o));
  };
  Chain out;
  EXPECT_EQ(json_codec()->decode(ops, Chain::copy("{\"longName\": 5}"), message.get()), Status());
  EXPECT_EQ(json_codec()->encode(ops, message.get(), out), Status());
  EXPECT_EQ(out.to_string(), "{\"longName\":5}");
}

TEST_F(Json, OneCodecServesSeveralThreads) {
  const auto codec = json_codec();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&codec, t] {
      pb::StringValue value;
      value.set_value("thread " + std::to_string(t));
      for (int i = 0; i < 50; ++i) {
        Chain out;
        EXPECT_EQ(codec->encode(MessageTraits<pb::StringValue>::ops(), &value, out), Status());
        pb::StringValue again;
        EXPECT_EQ(codec->decode(MessageTraits<pb::StringValue>::ops(), out, &again), Status());
        EXPECT_EQ(again.value(), value.value());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace sluice::inline v0
