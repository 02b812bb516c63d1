// A client and compressed messages: what it says it accepts, what it takes, and when it compresses itself
// (gRPC's compression.md).
#include <string>
#include <utility>
#include <vector>

#include "wire/encodings.h"

namespace sluice::inline v0::wire {
namespace {

constexpr std::size_t kLimit = 10'000;

class ClientCompression : public WireTest {
 protected:
  explicit ClientCompression(std::string algorithm = {})
      : listener_(runtime(), "pipe:scripted"),
        channel_(dial(runtime(), "pipe:scripted",
                      {.max_receive_message_size = kLimit,
                       .compressors = all_compressors(),
                       .compression_algorithm = std::move(algorithm)})
                     .value()),
        beside_(bidi(channel_)),
        server_(listener_.accept()) {
    server_->send(Wire().settings().settings_ack());
  }

  // What a unary call comes to when the server says this on its stream.
  std::string unary(const std::function<void(Wire&, http2::StreamId)>& response,
                    const Chain& request = bytes("m"), const CallOptions& options = {}) {
    Call<Chain> call = channel_.invoke(kUnary, request, options).start();
    settle();
    Wire wire;
    response(wire, id_ += 2);
    server_->send(wire);
    Result<Chain> reply = call.get();
    settle();
    return support::text_of(reply);
  }
  // With this encoding, if any, and this DATA.
  std::string reply(const std::string& encoding, const std::string& data) {
    return unary([&](Wire& w, auto id) {
      Headers head = kResponseHead;
      if (!encoding.empty()) head.push_back({"grpc-encoding", encoding});
      w.headers(id, head).data(id, data).headers(id, kOkTrailers, kEnd);
    });
  }
  // A unary request as it came, with its encoding in front.
  std::string request(const Chain& message, const CallOptions& options = {},
                      std::string_view algorithm = "gzip") {
    EXPECT_EQ(unary([](Wire& w, auto id) { echo_nothing(w, id); }, message, options), "");
    const std::string& encoding = server_->stream(id_).field("grpc-encoding");
    return encoding + ": " + unpacked(server_->stream(id_).data, algorithm);
  }
  static void echo_nothing(Wire& w, http2::StreamId id) {
    w.headers(id, kResponseHead).data(id, message("")).headers(id, kOkTrailers, kEnd);
  }

  ScriptedListener listener_;
  Channel channel_;
  ClientReaderWriter<Chain, Chain> beside_;  // a call that stays open on the connection
  std::unique_ptr<ScriptedPeer> server_;
  http2::StreamId id_ = 1;
};
INSTANTIATE_TEST_SUITE_P(All, ClientCompression, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(ClientCompression, SaysWhatItAccepts) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(request(bytes("m")), ": m");
    EXPECT_EQ(server_->stream(id_).field("grpc-accept-encoding"), "identity,gzip,deflate,zstd");
    EXPECT_EQ(request(bytes("m"), {.deadline = runtime().now() + 1h, .metadata = {{"k", "v"}}}), ": m");
    EXPECT_EQ(server_->stream(id_).field("grpc-accept-encoding"), "identity,gzip,deflate,zstd");
  }
}

// Messages that wait are of the encoding that the header named.
TEST_P(ClientCompression, EncodingNamedInTrailersMeansNothing) {
  http2::StreamId id = id_;
  for (const char* named : {"x", "deflate", "identity", ""}) {
    auto reader = reply_stream(channel_, bytes("m"));
    settle();
    Headers head = kResponseHead, trailers = kOkTrailers;
    head.push_back({"grpc-encoding", "gzip"});
    trailers.push_back({"grpc-encoding", named});
    id += 2;
    server_->send(Wire()
                      .headers(id, head)
                      .data(id, packed_message(dull()) + packed_message(dull(500)))
                      .headers(id, trailers, kEnd));
    settle();
    for (const std::size_t size : {1000, 500}) {
      const Read<Chain> reply = reader.read().get();
      ASSERT_TRUE(reply) << named;
      EXPECT_TRUE(reply->to_string() == dull(size)) << named;
    }
    EXPECT_FALSE(reader.read().get());
    EXPECT_EQ(reader.finish().get(), Status()) << named;
  }
}

TEST_P(ClientCompression, CallChooses) {
  const Chain text = bytes(dull());
  for (const std::string_view algorithm : kAlgorithms) {
    const std::string expected = std::string(algorithm) + ": [" + dull() + "]";
    EXPECT_EQ(request(text, {.compression_algorithm = algorithm}, algorithm), expected);
    EXPECT_EQ(
        request(
            text,
            {.deadline = runtime().now() + 1h, .metadata = {{"k", "v"}}, .compression_algorithm = algorithm},
            algorithm),
        expected);
  }
  EXPECT_EQ(request(text, {.compression_algorithm = "identity"}), ": " + dull());
  EXPECT_EQ(request(text), ": " + dull());
}

TEST_P(ClientCompression, WhatDoesNotGetSmallerGoesAsItIs) {
  EXPECT_EQ(request(bytes("m"), {.compression_algorithm = "gzip"}), "gzip: m");
  EXPECT_EQ(request(bytes(""), {.compression_algorithm = "gzip"}), "gzip: ");
}

TEST_P(ClientCompression, AlgorithmThatIsNotKnownFailsHere) {
  const Chain text = bytes("m");
  const Status expected(StatusCode::kInternal,
                        "compression algorithm \"snappy\" is not among identity,gzip,deflate,zstd");
  server_->take();
  EXPECT_EQ(channel_.invoke(kUnary, text, {.compression_algorithm = "snappy"}).get().status(), expected);
  auto stream = bidi(channel_, {.compression_algorithm = "snappy"});
  EXPECT_EQ(stream.finish().get(), expected);
  auto reader = reply_stream(channel_, text, {.compression_algorithm = "snappy"});
  EXPECT_EQ(reader.finish().get(), expected);
  settle();
  EXPECT_EQ(server_->take(), std::vector<std::string>());
}

TEST_P(ClientCompression, MessageMayBeExempted) {
  auto stream = bidi(channel_, {.compression_algorithm = "gzip"});
  const Chain text = bytes(dull());
  EXPECT_EQ(stream.write(text).get(), Status());
  EXPECT_EQ(stream.write(text, {.no_compression = true}).get(), Status());
  EXPECT_EQ(stream.write(text, {.last = true}).get(), Status());
  settle();
  EXPECT_EQ(unpacked(server_->stream(3).data), "[" + dull() + "] " + dull() + " [" + dull() + "]");
  EXPECT_EQ(server_->stream(3).field("grpc-encoding"), "gzip");
  server_->send(Wire().headers(3, kResponseHead).headers(3, kOkTrailers, kEnd));
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(ClientCompression, SendLimitIsThatOfTheMessage) {
  const Channel channel =
      dial(runtime(), "pipe:scripted", {.max_send_message_size = 999, .compressors = all_compressors()})
          .value();
  const Chain text = bytes(dull());
  EXPECT_EQ(channel.invoke(kUnary, text, {.compression_algorithm = "gzip"}).get().status(),
            Status(StatusCode::kResourceExhausted, "message of 1000 bytes exceeds the limit of 999"));
}

TEST_P(ClientCompression, EveryKnownEncodingIsTaken) {
  for (const std::string_view algorithm : kAlgorithms) {
    const std::string name(algorithm);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(reply(name, packed_message("some text", algorithm)), "some text");
      EXPECT_EQ(reply(name, message("some text")), "some text");
      EXPECT_EQ(reply("", message("some text")), "some text");
    }
  }
}

TEST_P(ClientCompression, R76_CompressedMessageWithoutAnEncodingIsInternal) {
  EXPECT_EQ(reply("gzip", packed_message("m")), "m");
  for (const char* encoding : {"", "identity"}) {
    EXPECT_EQ(reply(encoding, packed_message("m")),
              "INTERNAL: compressed flag set with identity or empty encoding");
  }
}

TEST_P(ClientCompression, R78_EncodingThatIsNotKnownIsInternal) {
  for (const std::string& m : {message("m"), packed_message("m")}) {
    EXPECT_EQ(reply("snappy", m), "INTERNAL: the response's grpc-encoding \"snappy\" is not known here");
  }
  EXPECT_EQ(reply("gzip", packed_message("m")), "m");
}

TEST_P(ClientCompression, R79_DamagedMessageIsInternal) {
  for (const std::string_view algorithm : kAlgorithms) {
    const std::string good = packed("some text and more text", algorithm);
    for (const std::string& bad : {good.substr(0, good.size() - 1), good + "x", std::string("damaged")}) {
      const std::string text = reply(std::string(algorithm), message(bad, 1));
      EXPECT_EQ(text.substr(0, 18), "INTERNAL: corrupt ") << algorithm << ": " << text;
    }
  }
}

// Messages are decompressed when they are read, and the status may have come by then.
TEST_P(ClientCompression, R79_DamagedMessageIsInternalHoweverLateItIsRead) {
  const Headers head = {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-encoding", "gzip"}};
  const std::string before = packed_message("1") + message("2") + message("damaged", 1) + message("4");
  const Status corrupt(StatusCode::kInternal, "corrupt gzip message: incorrect header check");
  for (const char* code : {"open", "0", "5"}) {
    for (const bool early : {true, false}) {
      auto stream = bidi(channel_);
      settle();
      const http2::StreamId id = id_ += 2;
      std::optional<Call<Read<Chain>>> first;
      if (early) first.emplace(stream.read().start());
      Wire wire;
      wire.headers(id, head).data(id, before);
      const std::string_view text(code);
      if (text != "open") wire.headers(id, {{"grpc-status", code}}, kEnd);
      server_->send(wire);
      const Read<Chain> one = early ? first->get() : stream.read().get();
      EXPECT_EQ(one ? one->to_string() : "none", "1");
      first.reset();
      const Read<Chain> two = stream.read().get();
      EXPECT_EQ(two ? two->to_string() : "none", "2");
      EXPECT_FALSE(stream.read().get());
      EXPECT_FALSE(stream.read().get());
      EXPECT_EQ(stream.finish().get(), text == "5" ? Status(StatusCode::kNotFound, "") : corrupt) << code;
    }
  }
}

TEST_P(ClientCompression, WhatNobodyReadsIsNotLookedAt) {
  auto stream = bidi(channel_);
  settle();
  server_->send(
      Wire()
          .headers(3, {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-encoding", "gzip"}})
          .data(3, message("damaged", 1))
          .headers(3, kOkTrailers, kEnd));
  EXPECT_EQ(stream.finish().get(), Status());
}

// A stream may be read when its channel has gone, and with it the compressors of its options.
TEST_P(ClientCompression, MessagesAreReadWhenTheChannelHasGone) {
  ScriptedListener listener(runtime(), "pipe:other");
  std::optional<Channel> channel = dial(runtime(), "pipe:other", {.compressors = all_compressors()}).value();
  auto stream = bidi(*channel);
  std::unique_ptr<ScriptedPeer> server = listener.accept();
  server->send(
      Wire()
          .settings()
          .settings_ack()
          .headers(1, {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-encoding", "gzip"}})
          .data(1, packed_message("1") + packed_message("2"))
          .headers(1, kOkTrailers, kEnd));
  channel.reset();
  server.reset();
  settle();
  for (const char* text : {"1", "2"}) {
    const Read<Chain> m = stream.read().get();
    EXPECT_EQ(m ? m->to_string() : "none", text);
  }
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(ClientCompression, R80_DecompressedSizeIsLimited) {
  const std::string over = "RESOURCE_EXHAUSTED: message exceeds the limit of " + std::to_string(kLimit) +
                           " bytes once it is decompressed";
  for (const std::string_view algorithm : kAlgorithms) {
    const std::string name(algorithm);
    EXPECT_EQ(reply(name, packed_message(dull(kLimit), algorithm)), dull(kLimit));
    EXPECT_EQ(reply(name, packed_message(dull(kLimit + 1), algorithm)), over);
    EXPECT_EQ(reply(name, packed_message(dull(100 * kLimit), algorithm)), over);
  }
}

TEST_P(ClientCompression, R81_EmptyMessageMayBeFlaggedOrNot) {
  for (const std::string& empty : {message("", 0), message("", 1), packed_message("")}) {
    EXPECT_EQ(reply("gzip", empty), "");
  }
}

class CompressingClient : public ClientCompression {
 protected:
  CompressingClient() : ClientCompression("gzip") {}
};
INSTANTIATE_TEST_SUITE_P(All, CompressingClient, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(CompressingClient, EveryCallUnlessItSaysOtherwise) {
  const Chain text = bytes(dull());
  EXPECT_EQ(request(text), "gzip: [" + dull() + "]");
  EXPECT_EQ(request(text), "gzip: [" + dull() + "]");
  EXPECT_EQ(request(text, {.compression_algorithm = "identity"}), ": " + dull());
  EXPECT_EQ(request(text, {.compression_algorithm = "zstd"}, "zstd"), "zstd: [" + dull() + "]");
  auto reader = reply_stream(channel_, text);
  settle();
  EXPECT_EQ(unpacked(server_->stream(id_ += 2).data), "[" + dull() + "]");
}

class ClientWithout : public ClientTest {};
INSTANTIATE_TEST_SUITE_P(All, ClientWithout, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(ClientWithout, SaysNothingOfEncodings) {
  const Chain text = bytes("m");
  Call<Chain> call = channel().invoke(kUnary, text).start();
  accept();
  EXPECT_EQ(server().stream(1).field("grpc-accept-encoding"), "");
  EXPECT_EQ(server().stream(1).field("grpc-encoding"), "");
}

TEST_P(ClientWithout, DialRefusesCompressorsThatAreNone) {
  EXPECT_EQ(dial(runtime(), "pipe:scripted", {.compression_algorithm = "gzip"}).status(),
            Status(StatusCode::kInvalidArgument, "compression algorithm \"gzip\" is not among identity"));
  EXPECT_EQ(dial(runtime(), "pipe:scripted", {.compressors = {nullptr}}).status(),
            Status(StatusCode::kInvalidArgument, "a compressor is null"));
  EXPECT_EQ(dial(runtime(), "pipe:scripted", {.compression_algorithm = "identity"}).status(), Status());
}

}  // namespace
}  // namespace sluice::inline v0::wire
