// Calls whose messages go by a Codec: JSON with generated code, types of a program's own, all kinds of
// methods, and everything between an object and its bytes: interceptors, compression, limits, bytes of the
// wrong form.
#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "e2e/interceptor_kit.h"
#include "sluice/compression/compressors.h"
#include "sluice/proto/json.h"
#include "support/greeter.h"

namespace sluice::e2e {
namespace {

using namespace support;
using helloworld::HelloReply;
using helloworld::HelloRequest;

class Codecs : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, Codecs, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

// JSON, counted.
class Counted final : public Codec {
 public:
  std::string_view name() const override { return json_->name(); }
  Status encode(const MessageOps& ops, const void* object, Chain& out) const override {
    ++encoded;
    return json_->encode(ops, object, out);
  }
  Status decode(const MessageOps& ops, const Chain& bytes, void* object) const override {
    ++decoded;
    return json_->decode(ops, bytes, object);
  }
  mutable std::atomic<int> encoded{0}, decoded{0};

 private:
  const std::shared_ptr<const Codec> json_ = json_codec();
};

std::string text_of_reply(const Result<HelloReply>& reply) {
  return reply.ok() ? reply->message() : reply.status().to_string();
}

// All four kinds; what came of each, a line each.
Lines greet(Channel& channel, const std::string& name, const CallOptions& options = {}) {
  const helloworld::Greeter::Stub stub(channel);
  const HelloRequest request = request_of(name);
  Lines got;
  got.push_back(text_of_reply(stub.SayHello(request, options).get()));
  const auto read_all = [](auto& stream) {
    std::string all;
    HelloReply reply;
    while (stream.read_into(reply).get()) all += reply.message() + ",";
    return all + stream.finish().get().to_string();
  };
  {
    auto stream = stub.SayHelloReplyStream(request, options);
    got.push_back(read_all(stream));
  }
  {
    auto stream = stub.SayHelloRequestStream(options);
    EXPECT_EQ(stream.write(request).get(), Status());
    EXPECT_EQ(stream.write(request_of(name + "2")).get(), Status());
    got.push_back(text_of_reply(stream.finish().get()));
  }
  auto stream = stub.SayHelloBiStream(options);
  EXPECT_EQ(stream.write(request).get(), Status());
  EXPECT_EQ(stream.write(request, {.last = true}).get(), Status());
  got.push_back(read_all(stream));
  return got;
}

Lines greetings(const std::string& name) {
  return {"Hello " + name, "Hello " + name + ",Hello " + name + "_dup,OK", "Hello " + name + "2",
          "Hello " + name + ",Hello " + name + ",OK"};
}

constexpr int kMessages = 2 + 3 + 3 + 4;  // of greet()

TEST_P(Codecs, JsonForAllKindsOfGeneratedMethods) {
  Greeter service;
  const auto client = std::make_shared<Counted>(), server = std::make_shared<Counted>();
  Served served(runtime(), {.server = {.codecs = {server}}, .channel = {.codecs = {client}}}, service);
  const std::string name =
      "w\xc3\xb6rld \"quoted\" and long enough for a block of its own " + std::string(600, '.');
  EXPECT_EQ(greet(served.channel(), name, {.codec = "json"}), greetings(name));
  EXPECT_EQ(client->encoded + client->decoded, kMessages);
  EXPECT_EQ(server->encoded + server->decoded, kMessages);
  // Other calls of the same channel are protobuf's.
  EXPECT_EQ(greet(served.channel(), name), greetings(name));
  EXPECT_EQ(greet(served.channel(), name, {.codec = "proto"}), greetings(name));
  EXPECT_EQ(client->encoded + server->encoded, kMessages);
}

TEST_P(Codecs, ChannelsMayHaveTheirUsualOne) {
  Greeter service;
  const auto json = std::make_shared<Counted>();
  Served served(runtime(), {.server = {.codecs = {json}}, .channel = {.codecs = {json}, .codec = "json"}},
                service);
  EXPECT_EQ(greet(served.channel(), "world"), greetings("world"));
  EXPECT_EQ(json->encoded, kMessages);
  EXPECT_EQ(greet(served.channel(), "world", {.codec = "proto"}), greetings("world"));
  EXPECT_EQ(json->encoded, kMessages);
}

TEST_P(Codecs, ProtoIsTheMessagesOwnAndAlwaysKnown) {
  Greeter service;
  Served served(runtime(), {.channel = {.codec = "proto"}}, service);
  EXPECT_EQ(greet(served.channel(), "world", {.codec = "proto"}), greetings("world"));
}

TEST_P(Codecs, WhatTheChannelDoesNotKnowFailsBeforeAnythingIsSent) {
  struct Counts final : Greeter {
    Task<Result<HelloReply>> SayHello(ServerContext& context, const HelloRequest& request) override {
      ++calls;
      return Greeter::SayHello(context, request);
    }
    std::atomic<int> calls{0};
  } service;
  for (const bool intercepted : {false, true}) {
    Journal journal;
    ChannelOptions options = {.codecs = {json_codec()}};
    if (intercepted) options.interceptors = {std::make_shared<NotingClient>("i", journal)};
    Served served(runtime(), {.server = {.codecs = {json_codec()}}, .channel = options}, service);
    const helloworld::Greeter::Stub stub(served.channel());
    const std::string wanted = "INTERNAL: codec \"jsn\" is not among proto,json";
    EXPECT_EQ(text_of_reply(stub.SayHello(request_of("x"), {.codec = "jsn"}).get()), wanted);
    auto reader = stub.SayHelloReplyStream(request_of("x"), {.codec = "jsn"});
    EXPECT_EQ(reader.finish().get().to_string(), wanted);
    auto writer = stub.SayHelloRequestStream({.codec = "jsn"});
    EXPECT_EQ(writer.finish().get().status().to_string(), wanted);
    auto both = stub.SayHelloBiStream({.codec = "jsn"});
    EXPECT_EQ(both.finish().get().to_string(), wanted);
    EXPECT_EQ(text_of_reply(stub.SayHello(request_of("x"), {.codec = "a\r\nb: c"}).get()),
              "INTERNAL: codec \"a\\x0d\\x0ab: c\" is not among proto,json");
  }
  EXPECT_EQ(service.calls, 0);
}

TEST_P(Codecs, OptionsAreCheckedWhenTheyAreGiven) {
  EXPECT_EQ(dial(runtime(), "pipe:x", {.codecs = {json_codec()}, .codec = "cbor"}).status(),
            Status(StatusCode::kInvalidArgument, "codec \"cbor\" is not among proto,json"));
  EXPECT_EQ(dial(runtime(), "pipe:x", {.codecs = {nullptr}}).status().message(), "a codec is null");
  Server server(runtime(), {.codecs = {nullptr}});
  EXPECT_EQ(server.serve(runtime().listen("pipe:x").value()),
            Status(StatusCode::kInvalidArgument, "a codec is null"));
}

TEST_P(Codecs, WhatTheServerDoesNotKnowIsUnimplemented) {
  Greeter service;
  Served served(runtime(), {.channel = {.codecs = {json_codec()}, .codec = "json"}}, service);
  const helloworld::Greeter::Stub stub(served.channel());
  const std::string wanted = "UNIMPLEMENTED: no codec for content-subtype \"json\"";
  EXPECT_EQ(text_of_reply(stub.SayHello(request_of("x")).get()), wanted);
  auto both = stub.SayHelloBiStream();
  EXPECT_EQ(both.finish().get().to_string(), wanted);
  EXPECT_EQ(text_of_reply(stub.SayHello(request_of("x"), {.codec = "proto"}).get()), "Hello x");
}

constexpr UnaryMethod<Chain, Chain> kSayHello("/helloworld.Greeter/SayHello");
constexpr UnaryMethod<Chain, HelloReply> kSayHelloInBytes("/helloworld.Greeter/SayHello");

// A client of raw bytes and a typed server, and the other way round.
TEST_P(Codecs, RawBytesPassUnderAnyCodec) {
  Greeter service;
  Served served(runtime(), {.server = {.codecs = {json_codec()}}, .channel = {.codecs = {json_codec()}}},
                service);
  const Chain request = bytes("{\"name\": \"bytes\"}");
  EXPECT_EQ(text_of(served.channel().invoke(kSayHello, request, {.codec = "json"}).get()),
            "{\"message\":\"Hello bytes\"}");
  EXPECT_EQ(text_of_reply(served.channel().invoke(kSayHelloInBytes, request, {.codec = "json"}).get()),
            "Hello bytes");

  RawService raw;  // knows no codec, and needs none
  ServedRaw echo(runtime(), raw, {.address = "pipe:raw", .channel = {.codecs = {json_codec()}}});
  constexpr UnaryMethod<HelloRequest, HelloRequest> kEcho("/test.Raw/Unary");
  EXPECT_EQ(echo.channel().invoke(kEcho, request_of("typed"), {.codec = "json"}).get()->name(), "typed");
  constexpr UnaryMethod<HelloRequest, Chain> kEchoInBytes("/test.Raw/Unary");
  EXPECT_EQ(text_of(echo.channel().invoke(kEchoInBytes, request_of("typed"), {.codec = "json"}).get()),
            "{\"name\":\"typed\"}");
}

// Both ends tell why, and the connection goes on.
TEST_P(Codecs, WhatIsNoJsonIsInternalAndNamesTheReason) {
  Greeter service;
  Served served(runtime(), {.server = {.codecs = {json_codec()}}, .channel = {.codecs = {json_codec()}}},
                service);
  auto beside = helloworld::Greeter::Stub(served.channel()).SayHelloBiStream();
  EXPECT_EQ(beside.write(request_of("a")).get(), Status());
  const auto call = [&](std::string_view text) {
    return served.channel().invoke(kSayHello, bytes(text), {.codec = "json"}).get().status();
  };
  for (const std::string& bad : {std::string(), std::string("nonsense"), std::string("{\"name\": 1"),
                                 std::string("{\"nom\": \"x\"}"), std::string("{\"name\": \"\xff\"}"),
                                 std::string(300'000, '['), "{\"name\": \"" + std::string(100'000, 'x')}) {
    const Status status = call(bad);
    EXPECT_EQ(status.code(), StatusCode::kInternal) << bad.substr(0, 20);
    EXPECT_TRUE(status.message().starts_with(std::to_string(bad.size()) +
                                             " bytes are no JSON of helloworld.HelloRequest: "))
        << status;
    EXPECT_LT(status.message().size(), 300u);
  }
  // In a stream it ends the call too.
  ClientReaderWriter<Chain, Chain> stream(
      served.channel().new_stream({"/helloworld.Greeter/SayHelloBiStream", true, true}, {.codec = "json"}));
  EXPECT_EQ(stream.write(bytes("{\"name\": \"x\"}")).get(), Status());
  EXPECT_EQ(stream.read().get()->to_string(), "{\"message\":\"Hello x\"}");
  EXPECT_EQ(stream.write(bytes("[]")).get(), Status());
  EXPECT_FALSE(stream.read().get());
  EXPECT_EQ(stream.finish().get().code(), StatusCode::kInternal);
  // The connection is the one there was.
  EXPECT_EQ(beside.read().get()->message(), "Hello a");
  EXPECT_EQ(text_of_reply(helloworld::Greeter::Stub(served.channel()).SayHello(request_of("b")).get()),
            "Hello b");
  EXPECT_EQ(beside.write(request_of("c"), {.last = true}).get(), Status());
  EXPECT_EQ(beside.read().get()->message(), "Hello c");
  EXPECT_EQ(beside.finish().get(), Status());
}

TEST_P(Codecs, RepliesThatAreNoJsonFailTheCallOnly) {
  struct Nonsense final : RawService {
    Task<Result<Chain>> unary(ServerContext&, const Chain&) override { co_return bytes("nonsense"); }
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      const Chain reply = bytes("nonsense");
      co_return co_await stream.write(reply);
    }
  } service;
  constexpr UnaryMethod<HelloRequest, HelloReply> kTyped("/test.Raw/Unary");
  for (const bool intercepted : {false, true}) {
    Journal journal;
    ChannelOptions options = {.codecs = {json_codec()}, .codec = "json"};
    if (intercepted) options.interceptors = {std::make_shared<NotingClient>("i", journal)};
    ServedRaw served(runtime(), service, {.channel = options});
    const std::string wanted = "8 bytes are no JSON of helloworld.HelloReply: ";
    for (int i = 0; i < 2; ++i) {
      const Status status = served.channel().invoke(kTyped, request_of("x")).get().status();
      EXPECT_EQ(status.code(), StatusCode::kInternal);
      EXPECT_TRUE(status.message().starts_with(wanted)) << status;
    }
    // The server's OK has come by then, or has not.
    for (const bool wait : {false, true}) {
      ClientReaderWriter<HelloRequest, HelloReply> stream(
          served.channel().new_stream({"/test.Raw/Bidi", true, true}));
      if (wait) {
        EXPECT_EQ(served.unary(bytes("x")).get().status(), Status());
      }
      EXPECT_FALSE(stream.read().get());
      EXPECT_FALSE(stream.read().get());
      const Status status = stream.finish().get();
      EXPECT_EQ(status.code(), StatusCode::kInternal);
      EXPECT_TRUE(status.message().starts_with(wanted)) << status;
    }
  }
}

// A type that is nothing to protobuf.
struct Point {
  int x = 0, y = 0;
};

// Its own encoding throws where its text says so: "throw", "size" and "to" name the function.
struct Fragile {
  std::string text;
};
std::size_t size_of_fragile(const void* object) {
  const std::string& text = static_cast<const Fragile*>(object)->text;
  if (text == "size") throw std::runtime_error("broken");
  if (text == "memory") throw std::bad_alloc();
  return text == "to" ? text.size() : MessageOps::kUnknownSize;
}
Status encode_fragile_to(const void*, std::byte*, std::size_t) { throw std::runtime_error("broken"); }
Status encode_fragile(const void* object, Chain& out) {
  const std::string& text = static_cast<const Fragile*>(object)->text;
  if (text == "throw") throw std::runtime_error("broken");
  out.append(Bytes::copy(text));
  return {};
}
Status decode_fragile(const Chain& bytes, void* object) {
  static_cast<Fragile*>(object)->text = bytes.to_string();
  return {};
}

}  // namespace
}  // namespace sluice::e2e

template <>
struct sluice::MessageTraits<sluice::e2e::Fragile> {
  static constexpr MessageOps kOps = [] {
    MessageOps ops = value_ops<e2e::Fragile>({}, &e2e::encode_fragile, &e2e::decode_fragile);
    ops.encoded_size = &e2e::size_of_fragile;
    ops.encode_to = &e2e::encode_fragile_to;
    return ops;
  }();
  static const MessageOps& ops() { return kOps; }
};

template <>
struct sluice::MessageTraits<sluice::e2e::Point> {
  static constexpr MessageOps kOps = value_ops<e2e::Point>();
  static const MessageOps& ops() { return kOps; }
};

namespace sluice::e2e {
namespace {

// "x,y", and by the names of their type for protobuf messages.
class PointCodec final : public Codec {
 public:
  std::string_view name() const override { return "x-points"; }
  Status encode(const MessageOps& ops, const void* object, Chain& out) const override {
    if (ops.type_id == MessageTraits<Point>::ops().type_id) {
      const auto& point = *static_cast<const Point*>(object);
      out.append(Bytes::copy(std::to_string(point.x) + "," + std::to_string(point.y)));
      return {};
    }
    if (const auto* message = proto_cast(ops, object)) {
      out.append(Bytes::copy(message->GetTypeName() + ":" + message->SerializeAsString()));
      return {};
    }
    return {StatusCode::kInternal, "x-points knows neither points nor protobuf in it"};
  }
  Status decode(const MessageOps& ops, const Chain& bytes, void* object) const override {
    const std::string text = bytes.to_string();
    if (ops.type_id == MessageTraits<Point>::ops().type_id) {
      const std::size_t comma = text.find(',');
      if (comma == std::string::npos) return {StatusCode::kInternal, "a point has a comma"};
      *static_cast<Point*>(object) = {std::stoi(text), std::stoi(text.substr(comma + 1))};
      return {};
    }
    auto* message = proto_cast(ops, object);
    const std::size_t colon = text.find(':');
    if (!message || text.substr(0, colon) != message->GetTypeName())
      return {StatusCode::kInternal, "no such type"};
    return message->ParseFromString(text.substr(colon + 1)) ? Status()
                                                            : Status(StatusCode::kInternal, "does not parse");
  }
};

// Swaps the coordinates.
class Mirror {
 public:
  Task<Result<Point>> unary(ServerContext&, const Point& point) { co_return Point{point.y, point.x}; }
  Task<Status> bidi(ServerContext&, ServerReaderWriter<Point, Point>& stream) {
    Point point;
    while (co_await stream.read_into(point)) {
      const Point reply{point.y, point.x};
      if (Status status = co_await stream.write(reply); !status.ok()) co_return status;
    }
    co_return Status();
  }
  static const ServiceDesc& desc() {
    static constexpr MethodDesc kMethods[] = {{"Unary", &unary_method<Mirror, Point, Point, &Mirror::unary>}};
    static constexpr StreamDesc kStreams[] = {
        {"Bidi", true, true, &bidi_stream_method<Mirror, Point, Point, &Mirror::bidi>}};
    static constexpr ServiceDesc kDesc{"test.Mirror", kMethods, kStreams};
    return kDesc;
  }
};

TEST_P(Codecs, TypesAndCodecsMayBeAProgramsOwn) {
  Mirror mirror;
  const auto points = std::make_shared<PointCodec>();
  Served served(runtime(),
                {.server = {.codecs = {json_codec(), points}}, .channel = {.codecs = {json_codec(), points}}},
                Mirror::desc(), &mirror);
  constexpr UnaryMethod<Point, Point> kMirror("/test.Mirror/Unary");
  const auto call = [&](std::string_view codec) -> std::string {
    const Result<Point> reply = served.channel().invoke(kMirror, Point{3, -4}, {.codec = codec}).get();
    return reply.ok() ? std::to_string(reply->x) + "," + std::to_string(reply->y)
                      : reply.status().to_string();
  };
  EXPECT_EQ(call("x-points"), "-4,3");
  EXPECT_EQ(call("json"), "INTERNAL: codec json takes protobuf messages only");
  EXPECT_EQ(call("proto"), "INTERNAL: the message's type has no encoding of its own, and the call no codec");
  ClientReaderWriter<Point, Point> stream(
      served.channel().new_stream({"/test.Mirror/Bidi", true, true}, {.codec = "x-points"}));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(stream.write(Point{i, 2 * i}).get(), Status());
    EXPECT_EQ(stream.read().get()->x, 2 * i);
  }
  EXPECT_EQ(stream.finish().get(), Status());
  // What cannot be encoded is a write that failed, and no end of the call.
  ClientReaderWriter<Point, Point> json(
      served.channel().new_stream({"/test.Mirror/Bidi", true, true}, {.codec = "json"}));
  EXPECT_EQ(json.write(Point{1, 2}).get(),
            Status(StatusCode::kInternal, "codec json takes protobuf messages only"));
  EXPECT_EQ(json.finish().get(), Status());
}

// Sends back what it gets.
class Parrot {
 public:
  Task<Result<Fragile>> unary(ServerContext&, const Chain& request) {
    co_return Fragile{request.to_string()};
  }
  static const ServiceDesc& desc() {
    static constexpr MethodDesc kMethods[] = {
        {"Unary", &unary_method<Parrot, Chain, Fragile, &Parrot::unary>}};
    static constexpr ServiceDesc kDesc{"test.Parrot", kMethods, {}};
    return kDesc;
  }
};

TEST_P(Codecs, OwnEncodingsThatThrowFailTheCall) {
  Parrot parrot;
  for (const char* algorithm : {"", "gzip"}) {
    Served served(runtime(),
                  {.address = *algorithm ? "pipe:packed" : "pipe:plain",
                   .server = {.compressors = all_compressors(), .compression_algorithm = algorithm},
                   .channel = {.compressors = all_compressors(), .compression_algorithm = algorithm}},
                  Parrot::desc(), &parrot);
    constexpr UnaryMethod<Chain, Chain> kBytes("/test.Parrot/Unary");
    constexpr UnaryMethod<Fragile, Chain> kObject("/test.Parrot/Unary");
    const Status expected(StatusCode::kInternal, "UNKNOWN: encoding threw: broken");
    EXPECT_EQ(served.channel().invoke(kBytes, bytes("throw")).get().status(), expected);
    EXPECT_EQ(served.channel().invoke(kObject, Fragile{"throw"}).get().status(), expected);
    // A compressor gets what encode() gives; without one the size is asked first.
    for (const char* where : {"size", "to"}) {
      if (*algorithm) break;
      EXPECT_EQ(served.channel().invoke(kBytes, bytes(where)).get().status(), expected) << where;
      EXPECT_EQ(served.channel().invoke(kObject, Fragile{where}).get().status(), expected) << where;
      EXPECT_EQ(served.channel().invoke(kObject, Fragile{where}).start().get().status(), expected) << where;
    }
    const Status memory = served.channel().invoke(kObject, Fragile{"memory"}).get().status();
    if (!*algorithm) {
      EXPECT_EQ(memory, Status(StatusCode::kInternal, "UNKNOWN: encoding threw: std::bad_alloc"));
    }
    EXPECT_EQ(text_of(served.channel().invoke(kObject, Fragile{"whole"}).get()), "whole")
        << "nobody leads the loop for ever";
  }
}

TEST_P(Codecs, OfAProgramsOwnForProtobufMessages) {
  Greeter service;
  const auto points = std::make_shared<PointCodec>();
  Served served(runtime(),
                {.server = {.codecs = {points}}, .channel = {.codecs = {points}, .codec = "x-points"}},
                service);
  EXPECT_EQ(greet(served.channel(), "world"), greetings("world"));
  const std::string wire =
      text_of(served.channel().invoke(kSayHello, bytes("helloworld.HelloRequest:\n\x01x")).get());
  EXPECT_EQ(wire, "helloworld.HelloReply:\n\x07Hello x");
}

TEST_P(Codecs, LimitsCountWhatIsEncoded) {
  Greeter service;
  Served served(
      runtime(),
      {.server = {.max_receive_message_size = 200, .codecs = {json_codec()}},
       .channel = {.max_receive_message_size = 100, .max_send_message_size = 300, .codecs = {json_codec()}}},
      service);
  const helloworld::Greeter::Stub stub(served.channel());
  // Six bytes for each in JSON, one in protobuf.
  const auto call = [&](std::size_t size, std::string_view codec) {
    return stub.SayHello(request_of(std::string(size, '\x01')), {.codec = codec}).get().status();
  };
  EXPECT_EQ(call(80, "proto"), Status());
  EXPECT_EQ(call(80, "json").message(), "message of 491 bytes exceeds the limit of 300");
  EXPECT_EQ(call(80, "json").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(call(40, "json").message(), "message of 251 bytes exceeds the limit of 200");
  EXPECT_EQ(call(30, "json").message(), "message of 200 bytes exceeds the limit of 100");
  EXPECT_EQ(call(10, "json"), Status());
}

// The codec first, then the compressor.
TEST_P(Codecs, EncodedMessagesAreCompressed) {
  Greeter service;
  const auto json = std::make_shared<Counted>();
  Served served(
      runtime(),
      {.server = {.compressors = all_compressors(), .compression_algorithm = "gzip", .codecs = {json}},
       .channel = {.compressors = all_compressors(), .compression_algorithm = "gzip", .codecs = {json}}},
      service);
  const std::string name(20'000, 'x');
  EXPECT_EQ(greet(served.channel(), name, {.codec = "json"}), greetings(name));
  EXPECT_EQ(json->encoded, kMessages);
  EXPECT_EQ(json->decoded, kMessages);
  const Chain request = bytes("{\"name\":\"x\"}");
  EXPECT_EQ(text_of(served.channel().invoke(kSayHello, request, {.codec = "json"}).get()),
            "{\"message\":\"Hello x\"}");
}

// Notes every message as bytes and as an object, and says "!" behind names.
class Notes final : public ClientInterceptor, public ServerInterceptor, public MessageFilter {
 public:
  explicit Notes(Journal& journal) : journal_(journal) {}
  Task<Status> intercept(ClientInvocation& call) override { co_return co_await call.next(*this); }
  Task<Status> intercept(ServerInvocation& call) override { co_return co_await call.next(*this); }
  Status on_request(Message& request) override {
    Result<HelloRequest> read = decode_as<HelloRequest>(request);
    if (!read.ok()) return std::move(read).status();
    journal_.add(content_of(request) + " " + std::to_string(message_size(request)));
    read->set_name(read->name() + "!");
    request = to_message(std::move(*read));
    return {};
  }
  Status on_reply(Message& reply) override {
    const Result<HelloReply> read = decode_as<HelloReply>(reply);
    journal_.add(content_of(reply) + " " + (read.ok() ? read->message() : read.status().to_string()));
    return {};
  }

 private:
  Journal& journal_;
};

TEST_P(Codecs, InterceptorsReadAndReplaceMessages) {
  Greeter service;
  Journal client, server;
  const auto json = json_codec();
  Served served(
      runtime(),
      {.server = {.codecs = {json},
                  .interceptors = {InterceptorRef<ServerInterceptor>(std::make_shared<Notes>(server))}},
       .channel = {.codecs = {json},
                   .interceptors = {InterceptorRef<ClientInterceptor>(std::make_shared<Notes>(client))}}},
      service);
  const Lines got = greet(served.channel(), "x", {.codec = "json"});
  EXPECT_EQ(got, (Lines{"Hello x!!", "Hello x!!,Hello x!!_dup,OK", "Hello x2!!", "Hello x!!,Hello x!!,OK"}));
  const Lines sent = client.take(), received = server.take();
  ASSERT_EQ(sent.size(), static_cast<std::size_t>(kMessages));
  EXPECT_EQ(sent[0], "{\"name\":\"x\"} 12");
  EXPECT_EQ(sent[1], "{\"message\":\"Hello x!!\"} Hello x!!");
  ASSERT_EQ(received.size(), static_cast<std::size_t>(kMessages));
  EXPECT_EQ(received[0], "{\"name\":\"x!\"} 13");
  EXPECT_EQ(received[1], "{\"message\":\"Hello x!!\"} Hello x!!");
  // And of a call without: protobuf's bytes.
  EXPECT_EQ(greet(served.channel(), "x")[0], "Hello x!!");
  EXPECT_EQ(client.take()[0], "\n\x01x 3");
}

// Answers in place of the server, with an object, on either side.
class Answers final : public ClientInterceptor, public ServerInterceptor {
 public:
  Task<Status> intercept(ClientInvocation& call) override { return answer(call); }
  Task<Status> intercept(ServerInvocation& call) override { return answer(call); }

 private:
  Task<Status> answer(Invocation& call) {
    const Result<HelloRequest> request = decode_as<HelloRequest>(call.request());
    if (!request.ok()) co_return request.status();
    call.reply() = to_message(greeting_of("cached " + request->name()));
    co_return Status();
  }
};

TEST_P(Codecs, InterceptorsAnswerWithObjects) {
  Greeter service;
  const auto answers = std::make_shared<Answers>();
  for (const bool on_client : {false, true}) {
    Served::Options options = {.server = {.codecs = {json_codec()}}, .channel = {.codecs = {json_codec()}}};
    if (on_client) {
      options.channel.interceptors = {InterceptorRef<ClientInterceptor>(answers)};
    } else {
      options.server.interceptors = {InterceptorRef<ServerInterceptor>(answers)};
    }
    Served served(runtime(), options, service);
    const helloworld::Greeter::Stub stub(served.channel());
    EXPECT_EQ(text_of_reply(stub.SayHello(request_of("x"), {.codec = "json"}).get()), "Hello cached x");
    EXPECT_EQ(text_of_reply(stub.SayHello(request_of("x")).get()), "Hello cached x");
    EXPECT_EQ(text_of(served.channel().invoke(kSayHello, bytes("{\"name\":\"y\"}"), {.codec = "json"}).get()),
              "{\"message\":\"Hello cached y\"}");
  }
}

// Calls and writes whose start has to wait, so that they are encoded beforehand and their options are gone.
TEST_P(Codecs, AreTakenWithTheCall) {
  Greeter service;
  const auto json = std::make_shared<Counted>();
  Served served(runtime(), {.server = {.codecs = {json}}, .channel = {.codecs = {json}}}, service);
  const helloworld::Greeter::Stub stub(served.channel());
  std::vector<Call<HelloReply>> calls;
  for (int i = 0; i < 20; ++i) {
    std::string codec = i % 2 == 0 ? "json" : "proto";
    HelloRequest request = request_of(std::to_string(i));
    calls.push_back(stub.SayHello(request, {.codec = codec}).start());
    codec.assign("rubbish");
    request.set_name("rubbish");
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(text_of_reply(calls[i].get()), "Hello " + std::to_string(i));
  EXPECT_EQ(json->encoded, 20);
  auto stream = stub.SayHelloBiStream({.codec = "json"});
  for (int i = 0; i < 20; ++i) {
    HelloRequest request = request_of(std::to_string(i));
    Call<Status> write = stream.write(request).start();
    request.set_name("rubbish");
    EXPECT_EQ(write.get(), Status());
    EXPECT_EQ(stream.read().get()->message(), "Hello " + std::to_string(i));
  }
  EXPECT_EQ(stream.finish().get(), Status());
  EXPECT_EQ(json->encoded, 60);
  EXPECT_EQ(json->decoded, 60);
}

// The set keeps the codec, and a stream what it needs of the channel.
TEST_P(Codecs, LiveAsLongAsTheCall) {
  Greeter service;
  Served served(runtime(), {.server = {.codecs = {json_codec()}}}, service);
  Channel channel = dial(runtime(), "pipe:served", {.codecs = {json_codec()}, .codec = "json"}).value();
  auto stream = helloworld::Greeter::Stub(channel).SayHelloReplyStream(request_of("x"));
  EXPECT_EQ(stream.wait_header().get(), Status());
  EXPECT_EQ(stream.read().get()->message(), "Hello x");
  channel = Channel();
  HelloReply reply;
  while (stream.read_into(reply).get()) {
  }
  (void)stream.finish().get();
}

}  // namespace
}  // namespace sluice::e2e
