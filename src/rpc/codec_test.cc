// CodecSet, what becomes of what Codecs say and throw, and Messages that go by a codec.
#include "sluice/rpc/codec.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "sluice/rpc/message_traits.h"

namespace sluice::inline v0 {
namespace {

// Has no encoding of its own.
struct Point {
  int x = 0, y = 0;
};

}  // namespace

template <>
struct MessageTraits<Point> {
  static constexpr MessageOps kOps = value_ops<Point>();
  static const MessageOps& ops() { return kOps; }
};

namespace {

const MessageOps& point_ops() { return MessageTraits<Point>::ops(); }

// "x y", for Points only; borrows what it can.
class PointCodec final : public Codec {
 public:
  explicit PointCodec(std::string name = "points") : name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  Status encode(const MessageOps& ops, const void* object, Chain& out) const override {
    if (ops.type_id != point_ops().type_id) return {StatusCode::kInternal, "no point"};
    const auto& point = *static_cast<const Point*>(object);
    if (point.x == 13) throw std::runtime_error("unlucky");
    if (point.x == 14) return {StatusCode::kNotFound, "nowhere"};
    if (point.x == 15) return {StatusCode::kResourceExhausted, "too far"};
    out.append(Bytes::copy(std::to_string(point.x)));
    scratch_ = " " + std::to_string(point.y);
    out.append(Bytes::borrow(as_bytes(scratch_)));
    return {};
  }
  Status decode(const MessageOps&, const Chain& bytes, void* object) const override {
    const std::string text = bytes.to_string();
    if (text == "throw") throw std::runtime_error("unlucky");
    if (text == "odd") return {StatusCode::kOutOfRange, "odd"};
    const std::size_t blank = text.find(' ');
    if (blank == std::string::npos) return {StatusCode::kInternal, "no blank"};
    *static_cast<Point*>(object) = {std::stoi(text.substr(0, blank)), std::stoi(text.substr(blank))};
    return {};
  }

 private:
  const std::string name_;
  mutable std::string scratch_;
};

std::shared_ptr<const Codec> point_codec_named(std::string name) {
  return std::make_shared<PointCodec>(std::move(name));
}

TEST(CodecSet, FindsByTheWholeName) {
  const auto json = point_codec_named("json");
  const CodecSet set{json, point_codec_named("x-json.2")};
  EXPECT_EQ(set.find("json"), json.get());
  EXPECT_EQ(set.share("json"), json);
  EXPECT_EQ(set.size(), 2u);
  EXPECT_EQ(set.check(), Status());
  for (const char* name : {"", "proto", "jso", "json2", "JSON", "json ", "x-json"}) {
    EXPECT_EQ(set.find(name), nullptr) << name;
  }
  EXPECT_TRUE(CodecSet().empty());
  EXPECT_EQ(CodecSet().find("json"), nullptr);
}

TEST(CodecSet, KeepsTheLastOfAName) {
  const auto second = point_codec_named("json");
  CodecSet set{point_codec_named("json"), point_codec_named("thrift")};
  const CodecSet before = set;
  set.add(second);
  EXPECT_EQ(set.find("json"), second.get());
  EXPECT_EQ(set.size(), 2u);
  EXPECT_NE(before.find("json"), second.get());
}

TEST(CodecSet, SaysWhatCannotBeAdded) {
  EXPECT_EQ(CodecSet({nullptr}).check(), Status(StatusCode::kInvalidArgument, "a codec is null"));
  EXPECT_EQ(CodecSet({point_codec_named("proto")}).check().message(),
            "codec name \"proto\" stands for the messages' own encoding");
  for (const char* name : {"", "Json", "a+b", "a;b", "a b", "a,b"}) {
    const CodecSet set{point_codec_named(name), nullptr, point_codec_named("good")};
    EXPECT_EQ(set.check().message(), "codec name \"" + std::string(name) + "\" is no content-subtype");
    EXPECT_EQ(set.size(), 1u);
  }
  EXPECT_EQ(CodecSet({point_codec_named("a\n\xff")}).check().message(),
            "codec name \"a\\x0a\\xff\" is no content-subtype");
  EXPECT_EQ(CodecSet({point_codec_named(std::string(5000, 'a'))}).check().message(),
            "codec name \"" + std::string(64, 'a') + "\" is no content-subtype");
  CodecSet many;
  for (std::size_t i = 0; i < CodecSet::kMaxSize; ++i) many.add(point_codec_named("c" + std::to_string(i)));
  EXPECT_EQ(many.check(), Status());
  many.add(point_codec_named("last"));
  EXPECT_EQ(many.check().message(), "codec \"last\" is one more than 32");
}

TEST(CodecSet, ChecksNames) {
  const CodecSet set{point_codec_named("json"), point_codec_named("cbor")};
  for (const char* known : {"", "proto", "json", "cbor"}) EXPECT_EQ(set.check(known), Status());
  EXPECT_EQ(set.check("x"), Status(StatusCode::kInvalidArgument, "codec \"x\" is not among proto,json,cbor"));
  EXPECT_EQ(CodecSet().check("x").message(), "codec \"x\" is not among proto");
  EXPECT_EQ(CodecSet({nullptr}).check("").message(), "a codec is null");
}

std::string encoded(Point point) {
  Chain out = Chain::copy("before ");
  const Status status = detail::encode_with(PointCodec(), point_ops(), &point, out);
  return status.ok() ? out.to_string() : status.to_string() + ", " + out.to_string();
}

// The codec is gone when its bytes are read.
TEST(Codec, EncodesBehindWhatIsThereIntoBytesThatLast) { EXPECT_EQ(encoded({3, 4}), "before 3 4"); }

TEST(Codec, FailuresHaveACodeThatALibraryMayGive) {
  EXPECT_EQ(encoded({13, 0}),
            "INTERNAL: codec points does not encode: UNKNOWN: codec threw: unlucky, before ");
  EXPECT_EQ(encoded({14, 0}), "INTERNAL: codec points does not encode: NOT_FOUND: nowhere, before ");
  EXPECT_EQ(encoded({15, 0}), "RESOURCE_EXHAUSTED: too far, before ");
  const auto decoded = [](const char* text) {
    Point point;
    return detail::decode_with(PointCodec(), point_ops(), Chain::copy(text), &point).to_string();
  };
  EXPECT_EQ(decoded("1 2"), "OK");
  EXPECT_EQ(decoded("1"), "INTERNAL: no blank");
  EXPECT_EQ(decoded("throw"), "INTERNAL: codec points does not decode: UNKNOWN: codec threw: unlucky");
  EXPECT_EQ(decoded("odd"), "INTERNAL: codec points does not decode: OUT_OF_RANGE: odd");
}

TEST(Codec, IsNotAskedForRawBytes) {
  const MessageOps& raw = MessageTraits<Chain>::ops();
  const Chain bytes = Chain::copy("odd");
  Chain out, in;
  EXPECT_EQ(detail::encode_with(PointCodec(), raw, &bytes, out), Status());
  EXPECT_EQ(detail::decode_with(PointCodec(), raw, out, &in), Status());
  EXPECT_EQ(in.to_string(), "odd");
}

TEST(ValueOps, OfATypeWithoutAnEncodingOfItsOwn) {
  Chain out;
  Point point{1, 2};
  const Status none(StatusCode::kInternal,
                    "the message's type has no encoding of its own, and the call no codec");
  EXPECT_EQ(point_ops().encode(&point, out), none);
  EXPECT_EQ(point_ops().decode(out, &point), none);
  EXPECT_EQ(point_ops().encoded_size(&point), MessageOps::kUnknownSize);
  EXPECT_EQ(point_ops().codec, "");
}

TEST(ValueOps, MakeCloneMoveClearAndDestroy) {
  constexpr MessageOps ops = value_ops<std::string>("text");
  EXPECT_EQ(ops.codec, "text");
  EXPECT_NE(ops.type_id, point_ops().type_id);
  using Owned = std::unique_ptr<void, void (*)(void*)>;
  const Owned made(ops.make(), ops.destroy);
  auto& text = *static_cast<std::string*>(made.get());
  EXPECT_EQ(text, "");
  text = "a text that is too long to lie in the object itself";
  const Owned cloned(ops.clone(&text), ops.destroy);
  ops.clear(&text);
  EXPECT_EQ(text, "");
  ops.move(cloned.get(), &text);
  EXPECT_EQ(text, "a text that is too long to lie in the object itself");
}

// What interceptors do with the messages of a call that has a codec.
TEST(AnyMessage, GoesByItsCodec) {
  const PointCodec codec;
  Message object = to_message(Point{3, -4});
  EXPECT_EQ(to_bytes(object).status().code(), StatusCode::kInternal);
  EXPECT_EQ(detail::to_bytes(object, &codec)->to_string(), "3 -4");
  object.set_codec(&codec);
  EXPECT_EQ(to_bytes(object)->to_string(), "3 -4");
  EXPECT_EQ(message_size(object), 4u);
  EXPECT_EQ(decode_as<Point>(object)->y, -4);
  EXPECT_EQ(decode_as<Chain>(object)->to_string(), "3 -4");

  Message bytes(Chain::copy("5 6"));
  EXPECT_EQ(decode_as<Point>(bytes).status().code(), StatusCode::kInternal);
  bytes.set_codec(&codec);
  const Message copy = bytes;
  EXPECT_EQ(decode_as<Point>(copy)->x, 5);
  EXPECT_EQ(to_bytes(copy)->to_string(), "5 6");
  EXPECT_EQ(message_size(copy), 3u);
  EXPECT_EQ(decode_as<Point>([&] {
              Message bad(Chain::copy("5"));
              bad.set_codec(&codec);
              return bad;
            }())
                .status(),
            Status(StatusCode::kInternal, "no blank"));
}

// What a Codec borrows is the object's, or its own of the moment.
TEST(EncodeWith, KeepsWhatTheCodecBorrows) {
  const PointCodec codec;
  Chain first, second;
  const Point point{1, 2}, other{3, 45};
  EXPECT_EQ(detail::encode_with(codec, point_ops(), &point, first), Status());
  EXPECT_EQ(detail::encode_with(codec, point_ops(), &other, second), Status());
  EXPECT_EQ(first.to_string(), "1 2");
  EXPECT_EQ(second.to_string(), "3 45");
}

}  // namespace
}  // namespace sluice::inline v0
