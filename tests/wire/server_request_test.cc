// What a server makes of a request's head, and what it answers to one that is none.
#include <google/protobuf/wrappers.pb.h>

#include <string>
#include <vector>

#include "sluice/proto/json.h"
#include "sluice/proto/message.h"
#include "sluice/stub/handlers.h"
#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

// Echoes, and keeps what it was called with.
class Seeing final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    ++calls;
    method = context.method();
    metadata = context.metadata();
    EXPECT_EQ(context.metadata(), metadata) << "asked once more";
    co_return Chain(request);
  }
  int calls = 0;
  std::string method;
  Metadata metadata;
};

class ServerRequests : public WireTest {
 protected:
  ServerRequests() : served_(runtime(), service_), client_(runtime(), "pipe:served") { client_.greet(); }

  // How the server answers a whole unary request with this head.
  std::string answer(const Headers& head) {
    const http2::StreamId id = next_id();
    client_.send(Wire().headers(id, head).data(id, message("m"), kEnd));
    return client_.outcome(id);
  }
  // The same for the fields beside the usual ones.
  std::string answer_with(const Headers& more) { return answer(request_head("/test.Raw/Unary", more)); }
  http2::StreamId next_id() { return std::exchange(next_id_, next_id_ + 2); }
  // Whatever it was, another call is still served.
  void TearDown() override {
    const int before = service_.calls;
    EXPECT_EQ(answer_with({}), "0");
    EXPECT_EQ(service_.calls, before + 1);
    EXPECT_EQ(client_.frames("GOAWAY"), std::vector<std::string>());
  }

  Seeing service_;
  ServedRaw served_;
  ScriptedClient client_;
  http2::StreamId next_id_ = 1;
};
INSTANTIATE_TEST_SUITE_P(All, ServerRequests, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

// The usual head with one field given another value, or left out.
Headers head_with(const std::string& name, const std::string& value,
                  const std::string& path = "/test.Raw/Unary", const Headers& more = {}) {
  Headers head = request_head(path, more);
  for (auto& h : head) {
    if (h.name == name) h.value = value;
  }
  return head;
}
Headers head_without(const std::string& name) {
  Headers head = request_head("/test.Raw/Unary");
  std::erase_if(head, [&](const auto& h) { return h.name == name; });
  return head;
}

// What HTTP says of the request was refused before its body had come.
const std::string kStopped = ", RST_STREAM NO_ERROR";

TEST_P(ServerRequests, R37_UnaryCallIsAnsweredByHeadersMessageAndTrailers) {
  client_.send(unary_request(1, "hello"));
  EXPECT_EQ(client_.take(), (std::vector<std::string>{
                                "HEADERS 1 [:status 200, content-type application/grpc]",
                                "DATA 1 10 bytes",
                                "HEADERS 1 END [grpc-status 0]",
                            }));
  EXPECT_EQ(client_.stream(1).data, message("hello"));
  next_id_ = 3;
}

TEST_P(ServerRequests, R39_ErrorBeforeAnyMessageIsTrailersOnly) {
  const http2::StreamId id = next_id();
  client_.send(Wire().headers(id, request_head("/test.Raw/Nothing"), kEnd));
  EXPECT_EQ(client_.take(), (std::vector<std::string>{
                                "HEADERS 1 END [:status 200, content-type application/grpc, grpc-status 12, "
                                "grpc-message unknown method Nothing for service test.Raw]"}));
}

TEST_P(ServerRequests, R02_ContentTypeOtherThanGrpcIs415) {
  for (const char* type : {"", "text/html", "application/json", "application/grpcfoo", "Application/grpc",
                           "application/grpc-web", "application/gRPC"}) {
    EXPECT_EQ(answer(head_with("content-type", type)),
              "HTTP 415, 13 content-type is not application/grpc" + kStopped)
        << type;
  }
  EXPECT_EQ(answer(head_without("content-type")),
            "HTTP 415, 13 content-type is not application/grpc" + kStopped);
  EXPECT_EQ(service_.calls, 0);
}

TEST_P(ServerRequests, R03_ContentTypeMayNameACodecAndParameters) {
  for (const char* type : {"application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8",
                           "application/grpc+proto;x=y"}) {
    EXPECT_EQ(answer(head_with("content-type", type)), "0") << type;
  }
}

// With whatever the answer begins: header, error without one, refusal.
TEST_P(ServerRequests, R03_SubtypeIsAnsweredByItself) {
  for (const auto& [type, answered] : std::vector<std::pair<std::string, std::string>>{
           {"application/grpc", "application/grpc"},
           {"application/grpc+proto", "application/grpc+proto"},
           {"application/grpc+json", "application/grpc+json"},
           {"application/grpc+json;charset=utf-8", "application/grpc+json"},
           {"application/grpc;charset=utf-8", "application/grpc"},
           {"application/grpc+", "application/grpc"}}) {
    for (const auto& [head, outcome] : std::vector<std::pair<Headers, std::string>>{
             {head_with("content-type", type), "0"},
             {head_with("content-type", type), "0"},
             {head_with("content-type", type, "/test.Raw/No"), "12"},
             {head_with("content-type", type, "/test.Raw/Unary", {{"grpc-timeout", "x"}}), "HT"}}) {
      EXPECT_EQ(answer(head).substr(0, outcome.size()), outcome) << type;
      const auto& block = client_.stream(next_id_ - 2).blocks.at(0);
      EXPECT_EQ(block.at(1), (std::pair<std::string, std::string>("content-type", answered)));
    }
  }
}

// Of all four kinds, and nothing is run.
class Typed {
 public:
  using Text = google::protobuf::StringValue;
  Task<Result<Text>> unary(ServerContext&, const Text& text) {
    ++calls;
    co_return Text(text);
  }
  Task<Status> reply_stream(ServerContext&, const Text&, ServerWriter<Text>&) {
    ++calls;
    co_return Status();
  }
  Task<Result<Text>> request_stream(ServerContext&, ServerReader<Text>&) {
    ++calls;
    co_return Text();
  }
  Task<Status> bidi(ServerContext&, ServerReaderWriter<Text, Text>&) {
    ++calls;
    co_return Status();
  }
  static const ServiceDesc& desc() {
    static constexpr MethodDesc kMethods[] = {{"Unary", &unary_method<Typed, Text, Text, &Typed::unary>}};
    static constexpr StreamDesc kStreams[] = {
        {"ReplyStream", true, false, &server_stream_method<Typed, Text, Text, &Typed::reply_stream>},
        {"RequestStream", false, true, &client_stream_method<Typed, Text, Text, &Typed::request_stream>},
        {"Bidi", true, true, &bidi_stream_method<Typed, Text, Text, &Typed::bidi>}};
    static constexpr ServiceDesc kDesc{"test.Typed", kMethods, kStreams};
    return kDesc;
  }
  int calls = 0;
};

TEST_P(ServerRequests, R03_SubtypeWithoutACodecIsUnimplemented) {
  struct Wraps final : ServerInterceptor {
    Task<Status> intercept(ServerInvocation& call) override { co_return co_await call.next(); }
  } wraps;
  for (const bool intercepted : {false, true}) {
    Typed typed;
    ServerOptions options;
    if (intercepted) options.interceptors = {wraps};
    Server server(runtime(), options);
    ASSERT_EQ(server.register_service(Typed::desc(), &typed), Status());
    ASSERT_EQ(server.serve(runtime().listen("pipe:typed").value()), Status());
    ScriptedClient client(runtime(), "pipe:typed");
    client.greet();
    http2::StreamId id = 1;
    for (const char* method : {"Unary", "ReplyStream", "RequestStream", "Bidi"}) {
      const std::string path = std::string("/test.Typed/") + method;
      for (const auto& [type, outcome] : std::vector<std::pair<std::string, std::string>>{
               {"application/grpc", "0"},
               {"application/grpc+proto", "0"},
               {"application/grpc+json", "12 no codec for content-subtype \"json\""},
               {"application/grpc+protox", "12 no codec for content-subtype \"protox\""}}) {
        client.send(Wire().headers(id, head_with("content-type", type, path)).data(id, message(""), kEnd));
        EXPECT_EQ(client.outcome(id).substr(0, outcome.size()), outcome) << method << " " << type;
        EXPECT_TRUE(client.stream(id).ended);
        id += 2;
      }
    }
    EXPECT_EQ(typed.calls, 8);
  }
}

// Beside the messages' own; the response has the subtype that was asked for, whatever becomes of the call.
TEST_P(ServerRequests, R03_SubtypeMayBeThatOfACodecOfTheServer) {
  struct Wraps final : ServerInterceptor {
    Task<Status> intercept(ServerInvocation& call) override { co_return co_await call.next(); }
  } wraps;
  for (const bool intercepted : {false, true}) {
    Typed typed;
    ServerOptions options;
    options.codecs = {json_codec()};
    if (intercepted) options.interceptors = {wraps};
    Server server(runtime(), options);
    ASSERT_EQ(server.register_service(Typed::desc(), &typed), Status());
    ASSERT_EQ(server.serve(runtime().listen("pipe:typed").value()), Status());
    ScriptedClient client(runtime(), "pipe:typed");
    client.greet();
    http2::StreamId id = 1;
    for (const auto& [type, request, reply] : std::vector<std::array<std::string, 3>>{
             {"application/grpc+json", "\"text\"", "\"text\""},
             {"application/grpc+json;charset=utf-8", "\"text\"", "\"text\""},
             {"application/grpc+proto", "\n\x04text", "\n\x04text"},
             {"application/grpc", "\n\x04text", "\n\x04text"}}) {
      client.send(Wire().headers(id, head_with("content-type", type, "/test.Typed/Unary")));
      client.send(Wire().data(id, message(request), kEnd));
      EXPECT_EQ(client.outcome(id), "0") << type;
      EXPECT_EQ(client.stream(id).blocks.at(0).at(1).second, type.substr(0, type.find(';')));
      EXPECT_EQ(client.stream(id).data, message(reply)) << type;
      id += 2;
    }
    client.send(Wire().headers(id, head_with("content-type", "application/grpc+json", "/test.Typed/Unary")));
    client.send(Wire().data(id, message("\n\x04text"), kEnd));
    EXPECT_EQ(client.outcome(id).substr(0, 64),
              "13 6 bytes are no JSON of google.protobuf.StringValue: Expected ");
    EXPECT_EQ(client.stream(id).field("content-type"), "application/grpc+json");
    EXPECT_EQ(typed.calls, 4);
  }
}

TEST_P(ServerRequests, R01_MethodOtherThanPostIs405) {
  for (const char* method : {"GET", "PUT", "post", "M-SEARCH"}) {
    EXPECT_EQ(answer(head_with(":method", method)), "HTTP 405, 13 :method is not POST" + kStopped) << method;
  }
  EXPECT_EQ(answer({{":method", "CONNECT"}, {":authority", "x:1"}, {"content-type", "application/grpc"}}),
            "HTTP 405, 13 :method is not POST" + kStopped);
}

TEST_P(ServerRequests, WhatIsNoRequestOfHttpResetsTheStream) {
  for (const char* name : {":method", ":scheme", ":path"}) {
    EXPECT_EQ(answer(head_without(name)), "open, RST_STREAM PROTOCOL_ERROR") << name;
  }
  EXPECT_EQ(answer(head_with(":method", "")), "open, RST_STREAM PROTOCOL_ERROR");
  EXPECT_EQ(answer(head_with(":method", "CONNECT")), "open, RST_STREAM PROTOCOL_ERROR");
  EXPECT_EQ(answer(head_with(":scheme", "")), "open, RST_STREAM PROTOCOL_ERROR");
  EXPECT_EQ(answer(head_with(":authority", "user@host")), "open, RST_STREAM PROTOCOL_ERROR");
  for (const char* timeout : {" 1S", "1S "})
    EXPECT_EQ(answer_with({{"grpc-timeout", timeout}}), "open, RST_STREAM PROTOCOL_ERROR");
  EXPECT_EQ(answer(head_with("te", "trailers ")), "open, RST_STREAM PROTOCOL_ERROR");
  EXPECT_EQ(answer(head_with("content-type", "application/grpc ")), "open, RST_STREAM PROTOCOL_ERROR");
  EXPECT_EQ(answer_with({{"host", " a"}}), "open, RST_STREAM PROTOCOL_ERROR");
  EXPECT_EQ(answer_with({{"content-length", "1"}}), "open, RST_STREAM PROTOCOL_ERROR");
  EXPECT_EQ(service_.calls, 0);
}

TEST_P(ServerRequests, R07_TeMayBeTrailersOrMissing) {
  EXPECT_EQ(answer(head_without("te")), "0");
  for (const char* te : {"gzip", "", "trailers, deflate", "Trailers"}) {
    EXPECT_EQ(answer(head_with("te", te)), "open, RST_STREAM PROTOCOL_ERROR") << te;
  }
}

TEST_P(ServerRequests, R08_FieldsOfAConnectionResetTheStream) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"connection", "close"},
                                                        {"keep-alive", "timeout=5"},
                                                        {"proxy-connection", "close"},
                                                        {"transfer-encoding", "chunked"},
                                                        {"upgrade", "h2c"}}) {
    EXPECT_EQ(answer_with({{name, value}}), "open, RST_STREAM PROTOCOL_ERROR") << name;
  }
  EXPECT_EQ(service_.calls, 0);
}

TEST_P(ServerRequests, MalformedFieldsResetTheStream) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"X-Upper", "x"},
                                                        {"bad name", "x"},
                                                        {"x-bad-value", std::string("a\0b", 3)},
                                                        {"x-line-feed", "a\nb"},
                                                        {":path", "/again"},
                                                        {":unknown", "x"}}) {
    EXPECT_EQ(answer_with({{name, value}}), "open, RST_STREAM PROTOCOL_ERROR") << name;
  }
  EXPECT_EQ(service_.calls, 0);
}

TEST_P(ServerRequests, R96_SchemeMayBeAnything) {
  for (const char* scheme : {"http", "https", "ftp", "grpc"}) {
    EXPECT_EQ(answer(head_with(":scheme", scheme)), "0") << scheme;
  }
}

TEST_P(ServerRequests, R09_HostStandsInForAMissingAuthority) {
  Headers head = head_without(":authority");
  head.push_back({"host", "by.host"});
  EXPECT_EQ(answer(head), "0");
  EXPECT_EQ(service_.metadata.get_all(":authority"), std::vector<std::string_view>{"by.host"});
  EXPECT_FALSE(service_.metadata.get("host"));
}

TEST_P(ServerRequests, R09_HostBesideAuthorityIsDropped) {
  EXPECT_EQ(answer_with({{"host", "by.host"}}), "0");
  EXPECT_EQ(service_.metadata.get_all(":authority"), std::vector<std::string_view>{"the.server"});
  EXPECT_FALSE(service_.metadata.get("host"));
}

// More than a connection remembers, and longer.
TEST_P(ServerRequests, ManyAuthoritiesAreNoError) {
  for (int i = 0; i < 100; ++i) {
    const std::string authority = "host" + std::to_string(i);
    EXPECT_EQ(answer(head_with(":authority", authority)), "0") << i;
    EXPECT_EQ(service_.metadata.get_all(":authority"), std::vector<std::string_view>{authority});
  }
  const std::string authority(2'000, 'a');
  EXPECT_EQ(answer(head_with(":authority", authority)), "0");
  EXPECT_EQ(service_.metadata.get_all(":authority"), std::vector<std::string_view>{authority});
}

TEST_P(ServerRequests, NeitherHostNorAuthorityIsNoError) {
  EXPECT_EQ(answer(head_without(":authority")), "0");
  EXPECT_FALSE(service_.metadata.get(":authority"));
}

TEST_P(ServerRequests, R09_TwoHostsAreRefused) {
  EXPECT_EQ(answer_with({{"host", "a"}, {"host", "b"}}),
            "HTTP 400, 13 the request has 2 host headers" + kStopped);
  EXPECT_EQ(answer_with({{"host", "a"}, {"host", "a"}, {"host", "a"}}),
            "HTTP 400, 13 the request has 3 host headers" + kStopped);
}

TEST_P(ServerRequests, R09_TwoAuthoritiesAreRefused) {
  Headers head = request_head("/test.Raw/Unary");
  head.insert(head.begin() + 4, {":authority", "another.server"});
  EXPECT_EQ(answer(head), "HTTP 400, 13 the request has 2 :authority headers" + kStopped);
  // Also when both come out of the table, and when they are the same.
  for (auto& h : head) h.indexing = http2::Indexing::kIndex;
  http2::HpackEncoder encoder;
  for (int i = 0; i < 3; ++i) {
    const http2::StreamId id = next_id();
    const auto block = http2::testing::encode(encoder, head);
    client_.send(Wire().headers(id, as_text(block)).data(id, message("m"), kEnd));
    EXPECT_EQ(client_.outcome(id), "HTTP 400, 13 the request has 2 :authority headers" + kStopped) << i;
    head[4].value = head[3].value;
  }
  EXPECT_EQ(service_.calls, 0);
}

TEST_P(ServerRequests, R05_PathThatIsNoneIsUnimplemented) {
  for (const char* path : {"x", "/", "/x", "test.Raw/Unary", "*", "?", "\xff"}) {
    EXPECT_EQ(answer(head_with(":path", path)).substr(0, 26), "12 malformed method name: ") << path;
  }
  EXPECT_EQ(answer(head_with(":path", "")), "open, RST_STREAM PROTOCOL_ERROR");
  EXPECT_EQ(answer(head_with(":path", "//x/y")), "12 unknown service /x" + kStopped);
  EXPECT_EQ(answer(head_with(":path", "/a/b/c")), "12 unknown service a/b" + kStopped);
  EXPECT_EQ(answer(head_with(":path", "//")), "12 unknown service%20" + kStopped);
}

TEST_P(ServerRequests, R06_PathIsTakenAsItIs) {
  for (const char* path : {"/test.Raw/unary", "/Test.Raw/Unary", "/test.Raw/%55nary", "/test.Raw/Unary/",
                           "/test.Raw//Unary", "/test.Raw/Unary?x", "/test.Raw/./Unary", "/test.Raw/"}) {
    EXPECT_EQ(answer(head_with(":path", path)).substr(0, 11), "12 unknown ") << path;
  }
  EXPECT_EQ(service_.calls, 0);
}

TEST_P(ServerRequests, R10_TimeoutThatIsNoneIsRefused) {
  for (const char* timeout :
       {"", "1", "S", "123456789S", "-1S", "+1S", "1.5S", "1 S", "1s", "1h", "1SS", "0x1S", "S1", "\xff"}) {
    EXPECT_EQ(answer_with({{"grpc-timeout", timeout}}), "HTTP 400, 13 malformed grpc-timeout" + kStopped)
        << timeout;
  }
  EXPECT_EQ(service_.calls, 0);
}

TEST_P(ServerRequests, R22_BinaryMetadataThatIsNoBase64FailsItsCallOnly) {
  const http2::StreamId good = next_id();
  client_.send(Wire().headers(good, request_head("/test.Raw/Unary")));
  for (const char* value : {"!", "a", "ab=c", "====", "YQ==YQ=="}) {
    EXPECT_EQ(answer_with({{"x-bin", value}}), "HTTP 400, 13 a -bin header is no base64" + kStopped) << value;
  }
  EXPECT_EQ(client_.outcome(good), "open");
  client_.send(Wire().data(good, message("m"), kEnd));
  EXPECT_EQ(client_.outcome(good), "0");
}

TEST_P(ServerRequests, R20_BinaryMetadataIsTakenPaddedOrNot) {
  for (const auto& [sent, value] :
       std::vector<std::pair<std::string, std::string>>{{"YQ", "a"},
                                                        {"YQ==", "a"},
                                                        {"YmI", "bb"},
                                                        {"YmI=", "bb"},
                                                        {"Y2Nj", "ccc"},
                                                        {"+/+/", "\xfb\xff\xbf"}}) {
    EXPECT_EQ(answer_with({{"x-bin", sent}}), "0");
    EXPECT_EQ(service_.metadata.get("x-bin"), value) << sent;
  }
}

TEST_P(ServerRequests, R21_BinaryMetadataIsSplitAtCommasBeforeItIsDecoded) {
  EXPECT_EQ(answer_with({{"x-bin", "YQ"}, {"x-bin", "YmI=, Y2Nj,"}, {"x-bin", ""}, {"x-bin", "ZA,ZQ=="}}),
            "0");
  EXPECT_EQ(service_.metadata.get_all("x-bin"),
            (std::vector<std::string_view>{"a", "bb", "ccc", "", "", "d", "e"}));
}

TEST_P(ServerRequests, R18_ValuesOutsideAsciiAreNoError) {
  EXPECT_EQ(answer_with({{"x-odd", "\xff\x80\t~"}, {"x-two", "1"}, {"x-two", "2"}}), "0");
  EXPECT_EQ(service_.metadata.get("x-odd"), "\xff\x80\t~");
  EXPECT_EQ(service_.metadata.get_all("x-two"), (std::vector<std::string_view>{"1", "2"}));
}

TEST_P(ServerRequests, R24_WhatIsGrpcsOwnDoesNotReachTheHandler) {
  EXPECT_EQ(answer_with({{"grpc-timeout", "1H"},
                         {"grpc-accept-encoding", "gzip"},
                         {"grpc-trace-bin", "AA"},
                         {"grpc-made-up", "x"},
                         {"user-agent", "me/1"},
                         {"grpc-previous-rpc-attempts", "2"}}),
            "0");
  EXPECT_EQ(
      service_.metadata,
      (Metadata{{"grpc-previous-rpc-attempts", "2"}, {":authority", "the.server"}, {"user-agent", "me/1"}}));
  EXPECT_EQ(service_.method, "/test.Raw/Unary");
}

TEST_P(ServerRequests, R25_HeaderListOverTheLimitFailsItsCallOnly) {
  const std::string over = "8 the request's header list exceeds the limit of 8192 bytes" + kStopped;
  EXPECT_EQ(answer_with({{"x-long", std::string(9'000, 'x')}}), over);
  EXPECT_EQ(answer_with({{"x-very-long", std::string(50'000, 'x')}}), over);
  // Name, value and 32 of each; of binary values what travels, not what it stands for.
  std::size_t usual = 0;
  for (const auto& h : request_head("/test.Raw/Unary")) usual += h.name.size() + h.value.size() + 32;
  const std::size_t room = 8192 - usual - 32;
  EXPECT_EQ(answer_with({{"x-text", std::string(room - 6, 'x')}}), "0");
  EXPECT_EQ(answer_with({{"x-text", std::string(room - 5, 'x')}}), over);
  EXPECT_EQ(answer_with({{"x-bin", std::string(7'200, 'A')}}), "0");
  EXPECT_EQ(answer_with({{"x-bin", std::string(8'400, 'A')}}), over) << "6,300 bytes are 8,400 characters";
  EXPECT_EQ(service_.calls, 2);
}

TEST_P(ServerRequests, R26_FieldsAreCountedWhateverTheirSize) {
  Headers many;
  for (int i = 0; i < 95; ++i) many.push_back({"x", ""});
  EXPECT_EQ(answer_with(many), "8 the request's header list exceeds the limit of 100 fields" + kStopped);
  many.pop_back();
  EXPECT_EQ(answer_with(many), "0");
  EXPECT_EQ(service_.calls, 1);
}

// What was not delivered is in the table all the same.
TEST_P(ServerRequests, R25_HeaderListOverTheLimitLeavesHpackInStep) {
  http2::HpackEncoder encoder;
  const auto send = [&](const Headers& more) {
    const http2::StreamId id = next_id();
    Headers head = request_head("/test.Raw/Unary", more);
    head.back().indexing = http2::Indexing::kIndex;
    client_.send(
        Wire().headers(id, as_text(http2::testing::encode(encoder, head))).data(id, message("m"), kEnd));
    return client_.outcome(id).substr(0, 2);
  };
  const support::Headers::value_type first{"x-first", "alpha"}, last{"x-last", "omega"};
  for (const std::size_t length : {9'000, 17'000, 60'000}) {
    EXPECT_EQ(send({first, {"x-long", std::string(length, 'x'), http2::Indexing::kPlain}, last}), "8 ");
    EXPECT_EQ(send({first, last}), "0");
    EXPECT_EQ(service_.metadata,
              (Metadata{{"x-first", "alpha"}, {"x-last", "omega"}, {":authority", "the.server"}}));
  }
}

TEST_P(ServerRequests, EncodingThatIsNotKnownIsUnimplemented) {
  EXPECT_EQ(answer_with({{"grpc-encoding", "gzip"}}),
            "12 grpc-encoding \"gzip\" is not among identity" + kStopped);
  EXPECT_EQ(client_.stream(next_id_ - 2).field("grpc-accept-encoding"), "identity");
  EXPECT_EQ(answer_with({{"grpc-encoding", "identity"}}), "0");
}

TEST_P(ServerRequests, R04_UnknownServiceHandlerSeesNoPathThatIsNone) {
  struct Unknown {
    static void serve(void* object, ServerCall& call) {
      ++*static_cast<int*>(object);
      call.reject(Status(StatusCode::kAborted, "seen"));
    }
  };
  struct Admits final : ServerInterceptor {
    Status on_headers(ServerContext& context) override {
      paths.emplace_back(context.method());
      return {};
    }
    std::vector<std::string> paths;
  } interceptor;
  int seen = 0;
  Server server(
      runtime(),
      {.interceptors = {interceptor}, .unknown_service = &Unknown::serve, .unknown_service_object = &seen});
  ASSERT_EQ(server.serve(runtime().listen("pipe:unknown").value()), Status());
  ScriptedClient client(runtime(), "pipe:unknown");
  client.greet();
  http2::StreamId id = 1;
  for (int round = 0; round < 2; ++round) {
    for (const char* path : {"x", "/", "/x", "a/b"}) {
      client.send(Wire().headers(id, head_with(":path", path), kEnd));
      EXPECT_EQ(client.outcome(id).substr(0, 25), "12 malformed method name:") << path;
      id += 2;
    }
  }
  EXPECT_EQ(seen, 0);
  EXPECT_EQ(interceptor.paths, std::vector<std::string>());
  for (const char* path : {"/a/b", "//x/y", "/a/b/c"}) {
    client.send(Wire().headers(id, head_with(":path", path), kEnd));
    EXPECT_EQ(client.outcome(id), "10 seen") << path;
    id += 2;
  }
  EXPECT_EQ(seen, 3);
}

TEST_P(ServerRequests, R06_WhoeverLooksAtThePathSeesWhatCame) {
  struct Sees final : ServerInterceptor {
    Status on_headers(ServerContext& context) override {
      path = context.method();
      return {};
    }
    std::string path;
  } interceptor;
  struct Unknown {
    static void serve(void* object, ServerCall& call) {
      *static_cast<std::string*>(object) = call.context().method();
      call.reject(Status(StatusCode::kAborted, "seen"));
    }
  };
  std::string handled;
  Server server(runtime(), {.interceptors = {interceptor},
                            .unknown_service = &Unknown::serve,
                            .unknown_service_object = &handled});
  ASSERT_EQ(server.serve(runtime().listen("pipe:unknown").value()), Status());
  ScriptedClient client(runtime(), "pipe:unknown");
  client.greet();
  http2::StreamId id = 1;
  for (const std::string path :
       {"/a/b", "/A/b", "/%61/b", "/a/%2e%2E/b", "/a/../b", "/a//b/", "/a/b?c#d", "//a/b", "/\xc3\xa9/b"}) {
    client.send(Wire().headers(id, head_with(":path", path), kEnd));
    EXPECT_EQ(client.outcome(id), "10 seen") << path;
    EXPECT_EQ(interceptor.path, path);
    EXPECT_EQ(handled, path);
    id += 2;
  }
}

}  // namespace
}  // namespace sluice::inline v0::wire
