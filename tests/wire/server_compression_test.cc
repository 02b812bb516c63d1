// A server and compressed messages: what it takes, what it answers to what it does not, and when it
// compresses itself (gRPC's compression.md).
#include <string>
#include <vector>

#include "wire/encodings.h"

namespace sluice::inline v0::wire {
namespace {

constexpr std::size_t kLimitOfServer = 10'000;

// Echoes, and compresses as the client's metadata says.
class ChoosingService final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    ++calls;
    if (const auto name = context.metadata().get("x-algorithm"))
      chosen = context.set_compression_algorithm(*name);
    co_return Chain(request);
  }
  // What begins with '-' is not to be compressed.
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    ++calls;
    if (const auto name = context.metadata().get("x-algorithm")) {
      (void)stream.send_header();
      chosen = context.set_compression_algorithm(*name);
    }
    while (const Read<Chain> request = co_await stream.read()) {
      const bool plain = request->to_string().starts_with('-');
      if (Status s = co_await stream.write(*request, {.no_compression = plain}); !s.ok()) co_return s;
    }
    co_return Status();
  }
  int calls = 0;
  Status chosen;
};

class ServerCompression : public WireTest {
 protected:
  explicit ServerCompression(std::string algorithm = {})
      : served_(runtime(), service_,
                {.server = {.max_receive_message_size = kLimitOfServer,
                            .compressors = all_compressors(),
                            .compression_algorithm = std::move(algorithm)}}),
        client_(runtime(), "pipe:served") {
    client_.greet({{SettingId::kInitialWindowSize, 8 << 20}});
    client_.send(Wire().window_update(0, 64 << 20));
  }

  // How the server answers a request of these messages.
  std::string answer(std::string_view method, const Headers& more, const std::string& messages) {
    const http2::StreamId id = id_ += 2;
    client_.send(
        Wire().headers(id, request_head("/test.Raw/" + std::string(method), more)).data(id, messages, kEnd));
    return client_.outcome(id);
  }
  // The same, and its messages before it.
  std::string reply(std::string_view method, const Headers& more, const std::string& messages,
                    std::string_view algorithm = "gzip") {
    const std::string outcome = answer(method, more, messages);
    return unpacked(client_.stream(id_).data, algorithm) + ", " + outcome;
  }
  // A field of the first block of the last response.
  std::string header(std::string_view name) {
    PeerFields fields = client_.stream(id_).blocks.empty() ? PeerFields() : client_.stream(id_).blocks[0];
    for (const auto& [n, value] : fields) {
      if (n == name) return value;
    }
    return "";
  }

  using PeerFields = support::HeaderList;
  ChoosingService service_;
  ServedRaw served_;
  ScriptedClient client_;
  http2::StreamId id_ = static_cast<http2::StreamId>(-1);
};
INSTANTIATE_TEST_SUITE_P(All, ServerCompression, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

constexpr const char* kMethods[] = {"Unary", "ReplyStream", "RequestStream", "Bidi"};
const Headers kGzip = {{"grpc-encoding", "gzip"}};

TEST_P(ServerCompression, R76_CompressedMessageWithoutAnEncodingIsInternal) {
  const Headers heads[] = {{}, {{"grpc-encoding", "identity"}}, {{"grpc-encoding", ""}}};
  for (const char* method : kMethods) {
    for (const Headers& head : heads) {
      EXPECT_EQ(answer(method, head, packed_message("m")),
                "13 compressed flag set with identity or empty encoding");
    }
  }
  EXPECT_EQ(reply("Unary", {}, message("m")), "m, 0");
}

TEST_P(ServerCompression, R77_EncodingThatIsNotKnownIsUnimplementedWithThoseThatAre) {
  for (const char* name : {"snappy", "GZIP", "gzip,deflate", "x-gzip"}) {
    for (const char* method : kMethods) {
      // Whether a message is flagged or not.
      for (const std::string& m : {message("m"), packed_message("m")}) {
        EXPECT_EQ(answer(method, {{"grpc-encoding", name}}, m),
                  "12 grpc-encoding \"" + std::string(name) +
                      "\" is not among identity,gzip,deflate,zstd, RST_STREAM NO_ERROR");
        EXPECT_EQ(header("grpc-accept-encoding"), "identity,gzip,deflate,zstd");
      }
    }
  }
  EXPECT_EQ(service_.calls, 0);
  EXPECT_EQ(reply("Unary", kGzip, packed_message("m")), "m, 0");
  EXPECT_EQ(header("grpc-accept-encoding"), "");
}

TEST_P(ServerCompression, R77_TextNamesNoMoreThanALittle) {
  const std::string text = answer("Unary", {{"grpc-encoding", std::string(5'000, 'x')}}, message("m"));
  EXPECT_EQ(text.substr(0, 23), "12 grpc-encoding \"xxxxx");
  EXPECT_LT(text.size(), 400u);
}

TEST_P(ServerCompression, EveryKnownEncodingIsTaken) {
  for (const std::string_view algorithm : kAlgorithms) {
    const Headers head = {{"grpc-encoding", std::string(algorithm)}};
    const std::string m = packed_message("some text", algorithm);
    EXPECT_EQ(reply("Unary", head, m), "some text, 0");
    EXPECT_EQ(reply("ReplyStream", head, m), "some text some text some text, 0");
    EXPECT_EQ(reply("RequestStream", head, m + m), "some textsome text, 0");
    EXPECT_EQ(reply("Bidi", head, m + m), "some text some text, 0");
    EXPECT_EQ(header("grpc-encoding"), "") << "what was not asked for is not compressed";
  }
}

// The same block again is known by its bytes.
TEST_P(ServerCompression, EncodingIsKeptInMindWithRepeatedBlocks) {
  http2::HpackEncoder encoder;
  const auto call = [&](const Headers& more, const std::string& m) {
    const http2::StreamId id = id_ += 2;
    Headers head = request_head("/test.Raw/Unary", more);
    for (auto& field : head) field.indexing = http2::Indexing::kIndex;
    client_.send(Wire().headers(id, as_text(http2::testing::encode(encoder, head))).data(id, m, kEnd));
    return unpacked(client_.stream(id).data) + ", " + client_.outcome(id);
  };
  const Headers one = {{"grpc-encoding", "gzip"}, {"grpc-accept-encoding", "identity, gzip"}};
  const Headers other = {{"grpc-encoding", "deflate"}, {"grpc-accept-encoding", "gzip"}};
  const std::string none = "13 compressed flag set with identity or empty encoding";
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(call(one, packed_message("one")), "one, 0");
    EXPECT_EQ(call(other, packed_message("other", "deflate")), "other, 0");
    EXPECT_EQ(call({}, packed_message("none")), ", " + none);
    EXPECT_EQ(call({}, message("none")), "none, 0");
    EXPECT_EQ(call({{"grpc-encoding", "snappy"}}, message("none")).substr(0, 5), ", 12 ");
  }
}

TEST_P(ServerCompression, R79_DamagedMessageIsInternal) {
  for (const std::string_view algorithm : kAlgorithms) {
    const std::string good = packed("some text and more text", algorithm);
    std::string flipped = good;
    flipped[good.size() - 2] = static_cast<char>(flipped[good.size() - 2] ^ 1);
    for (const std::string& bad : {flipped, good.substr(0, good.size() - 1), good + "x", std::string("x"),
                                   std::string("some text and more text")}) {
      for (const char* method : kMethods) {
        const std::string text = answer(method, {{"grpc-encoding", std::string(algorithm)}}, message(bad, 1));
        EXPECT_EQ(text.substr(0, 11), "13 corrupt ") << algorithm << " " << method << ": " << text;
      }
    }
  }
  EXPECT_EQ(reply("Unary", kGzip, packed_message("m")), "m, 0");
}

TEST_P(ServerCompression, R79_GoodMessagesBeforeADamagedOneAreRead) {
  EXPECT_EQ(reply("Bidi", kGzip, packed_message("1") + message("2") + message("damaged", 1) + message("4")),
            "1 2, 13 corrupt gzip message: incorrect header check");
}

TEST_P(ServerCompression, R80_DecompressedSizeIsLimited) {
  const std::string over =
      "8 message exceeds the limit of " + std::to_string(kLimitOfServer) + " bytes once it is decompressed";
  for (const std::string_view algorithm : kAlgorithms) {
    const Headers head = {{"grpc-encoding", std::string(algorithm)}};
    for (const char* method : kMethods) {
      EXPECT_EQ(answer(method, head, packed_message(dull(kLimitOfServer), algorithm)), "0");
      EXPECT_EQ(answer(method, head, packed_message(dull(kLimitOfServer + 1), algorithm)), over);
      EXPECT_EQ(answer(method, head, packed_message(dull(100 * kLimitOfServer), algorithm)), over);
    }
  }
}

TEST_P(ServerCompression, R80_CompressedSizeIsLimitedToo) {
  EXPECT_EQ(answer("Unary", kGzip, message(std::string(kLimitOfServer + 1, 'x'), 1)),
            "8 message of 10001 bytes exceeds the limit of 10000");
}

TEST_P(ServerCompression, R81_EachMessageStandsForItselfAndMayBeFlaggedOrNot) {
  EXPECT_EQ(reply("Bidi", kGzip,
                  packed_message("same") + packed_message("same") + message("plain") + packed_message("end")),
            "same same plain end, 0");
}

TEST_P(ServerCompression, R81_EmptyMessageMayBeFlaggedOrNot) {
  for (const std::string& empty : {message("", 0), message("", 1), packed_message("")}) {
    EXPECT_EQ(reply("Unary", kGzip, empty), ", 0");
    EXPECT_EQ(client_.stream(id_).data, message(""));
    EXPECT_EQ(reply("Bidi", kGzip, message("a") + empty + message("b")), "a  b, 0");
  }
}

TEST_P(ServerCompression, HandlerChooses) {
  for (const std::string_view algorithm : kAlgorithms) {
    const std::string name(algorithm);
    EXPECT_EQ(reply("Unary", {{"x-algorithm", name}, {"grpc-accept-encoding", "identity," + name}},
                    message(dull()), algorithm),
              "[" + dull() + "], 0");
    EXPECT_EQ(header("grpc-encoding"), name);
    EXPECT_EQ(service_.chosen, Status());
  }
  EXPECT_EQ(reply("Unary", {{"x-algorithm", "gzip"}, {"grpc-accept-encoding", "gzip"}}, message("m")), "m, 0")
      << "what does not get smaller goes as it is";
}

TEST_P(ServerCompression, R82_HandlersChoiceIsForClientsThatAcceptIt) {
  const Headers heads[] = {{{"x-algorithm", "gzip"}},
                           {{"x-algorithm", "gzip"}, {"grpc-accept-encoding", "identity,deflate"}},
                           {{"x-algorithm", "gzip"}, {"grpc-accept-encoding", "agzip,gzip2,Gzip"}},
                           {{"x-algorithm", "gzip"}, {"grpc-encoding", "gzip"}}};
  for (const Headers& head : heads) {
    EXPECT_EQ(reply("Unary", head, message(dull())), dull() + ", 0");
    EXPECT_EQ(header("grpc-encoding"), "");
    EXPECT_EQ(service_.chosen,
              Status(StatusCode::kFailedPrecondition, "the client does not accept the encoding \"gzip\""));
  }
}

TEST_P(ServerCompression, HandlersChoiceIsOneThatIsKnownAndInTime) {
  EXPECT_EQ(reply("Unary", {{"x-algorithm", "snappy"}, {"grpc-accept-encoding", "snappy"}}, message(dull())),
            dull() + ", 0");
  EXPECT_EQ(service_.chosen, Status(StatusCode::kInternal,
                                    "compression algorithm \"snappy\" is not among "
                                    "identity,gzip,deflate,zstd"));
  EXPECT_EQ(reply("Bidi", {{"x-algorithm", "gzip"}, {"grpc-accept-encoding", "gzip"}}, message(dull())),
            dull() + ", 0");
  EXPECT_EQ(service_.chosen, Status(StatusCode::kFailedPrecondition, "the header has been sent"));
}

TEST_P(ServerCompression, R83_AcceptEncodingMayComeInPieces) {
  const Headers heads[] = {{{"grpc-accept-encoding", "identity"},
                            {"grpc-accept-encoding", "deflate"},
                            {"grpc-accept-encoding", "gzip"}},
                           {{"grpc-accept-encoding", "deflate ,\tgzip"}},
                           {{"grpc-accept-encoding", "identity,deflate,gzip"}},
                           {{"grpc-accept-encoding", ",,gzip,"}},
                           {{"grpc-accept-encoding", std::string(300, 'x') + ", gzip"}}};
  for (Headers head : heads) {
    head.push_back({"x-algorithm", "gzip"});
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(reply("Unary", head, message(dull())), "[" + dull() + "], 0") << head.front().value;
    }
  }
}

class CompressingServer : public ServerCompression {
 protected:
  CompressingServer() : ServerCompression("gzip") {}
};
INSTANTIATE_TEST_SUITE_P(All, CompressingServer, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(CompressingServer, R82_RepliesToThoseWhoAcceptIt) {
  const std::string whole = "[" + dull() + "]";
  EXPECT_EQ(reply("Unary", {{"grpc-accept-encoding", "deflate,gzip"}}, message(dull())), whole + ", 0");
  EXPECT_EQ(header("grpc-encoding"), "gzip");
  EXPECT_EQ(reply("ReplyStream", {{"grpc-accept-encoding", "gzip"}}, message(dull())),
            whole + " " + whole + " " + whole + ", 0");
  const Headers heads[] = {{},
                           {{"grpc-accept-encoding", "identity"}},
                           {{"grpc-accept-encoding", "deflate,zstd"}},
                           {{"grpc-encoding", "gzip"}}};
  for (const Headers& head : heads) {
    EXPECT_EQ(reply("Unary", head, message(dull())), dull() + ", 0");
    EXPECT_EQ(header("grpc-encoding"), "");
  }
}

TEST_P(CompressingServer, R82_MessageMayBeExempted) {
  EXPECT_EQ(reply("Bidi", {{"grpc-accept-encoding", "gzip"}},
                  message(dull()) + message("-" + dull()) + message(dull())),
            "[" + dull() + "] -" + dull() + " [" + dull() + "], 0");
}

TEST_P(CompressingServer, HandlerMayChooseOtherwise) {
  const auto with = [&](const char* name, std::string_view algorithm) {
    return reply("Unary", {{"grpc-accept-encoding", "zstd,gzip"}, {"x-algorithm", name}}, message(dull()),
                 algorithm);
  };
  EXPECT_EQ(with("identity", "gzip"), dull() + ", 0");
  EXPECT_EQ(with("zstd", "zstd"), "[" + dull() + "], 0");
}

TEST_P(CompressingServer, FailureBeforeAnyMessageSaysNothingOfIt) {
  EXPECT_EQ(answer("Unary", {{"grpc-accept-encoding", "gzip"}}, ""), "12 the client sent no request message");
  EXPECT_EQ(header("grpc-encoding"), "");
}

class ServerWithout : public WireTest {};
INSTANTIATE_TEST_SUITE_P(All, ServerWithout, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(ServerWithout, ServeRefusesCompressorsThatAreNone) {
  Server unknown(runtime(), {.compressors = all_compressors(), .compression_algorithm = "snappy"});
  EXPECT_EQ(unknown.serve(runtime().listen("pipe:a").value()),
            Status(StatusCode::kInvalidArgument,
                   "compression algorithm \"snappy\" is not among identity,gzip,deflate,zstd"));
  Server null(runtime(), {.compressors = {nullptr}});
  EXPECT_EQ(null.serve(runtime().listen("pipe:b").value()),
            Status(StatusCode::kInvalidArgument, "a compressor is null"));
}

}  // namespace
}  // namespace sluice::inline v0::wire
