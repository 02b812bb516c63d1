// Metadata where it is set, on either side: what may be sent, how, and what is refused before anything is.
#include <string>
#include <utility>
#include <vector>

#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

using support::HeaderList;

// What custom metadata a block holds.
HeaderList custom_of(const HeaderList& block) {
  HeaderList custom;
  for (const auto& field : block) {
    if (field.first.starts_with("x")) custom.push_back(field);
  }
  return custom;
}

class ClientMetadata : public ClientTest {
 protected:
  ClientMetadata() {
    beside_.emplace(bidi(channel()));
    accept();
  }
  // The custom fields of the next call's head.
  HeaderList sent(const Metadata& metadata) {
    const Chain request = bytes("m");
    Call<Chain> call = channel().invoke(kUnary, request, {.metadata = &metadata}).start();
    settle();
    call.cancel();
    EXPECT_EQ(call.get().status().code(), StatusCode::kCancelled);
    settle();
    return custom_of(server().stream(id_ += 2).blocks.at(0));
  }
  // How calls of two kinds fail with this pair. Nothing of them is sent.
  Status refused(const Channel& channel, const Metadata& metadata) {
    settle();
    const std::size_t frames = server().frames().size();
    const Chain request = bytes("m");
    const Status unary = channel.invoke(kUnary, request, {.metadata = &metadata}).get().status();
    auto stream = bidi(channel, {.metadata = &metadata});
    EXPECT_EQ(stream.write(request).get(), unary);
    EXPECT_EQ(stream.finish().get(), unary);
    settle();
    EXPECT_EQ(server().frames().size(), frames) << "something was sent";
    return unary;
  }

  http2::StreamId id_ = 1;
  std::optional<ClientReaderWriter<Chain, Chain>> beside_;
};
INSTANTIATE_TEST_SUITE_P(All, ClientMetadata, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(ClientMetadata, R17_KeysAreLowerCased) {
  EXPECT_EQ(sent({{"X-Mixed-Case_1.2", "Value"}}), (HeaderList{{"x-mixed-case_1.2", "Value"}}));
}

TEST_P(ClientMetadata, R17_KeyThatIsNoneFailsItsCallHere) {
  for (const std::string key : {"", "x y", "x:y", "x/y", "x\n", "x\xc3\xa9", "(x)", "x=y"}) {
    expect_names(refused(channel(), {{key, "v"}}), StatusCode::kInternal,
                 key.empty() ? "empty key" : "none of 0-9 a-z _ - .");
  }
}

// What credentials and other interceptors add is held to the same rules.
TEST_P(ClientMetadata, R17_WhatInterceptorsAddIsCheckedToo) {
  struct Adds final : ClientInterceptor {
    Status on_headers(OutgoingHeaders& headers) override {
      headers.metadata.add(pair.key, pair.value);
      return {};
    }
    KV pair;
  } interceptor;
  beside_.reset();
  const Channel intercepted = dial(runtime(), "pipe:scripted", {.interceptors = {interceptor}}).value();
  interceptor.pair = {"X-Added", "1"};
  auto stream = bidi(intercepted);
  accept();
  EXPECT_EQ(custom_of(server().stream(1).blocks.at(0)), (HeaderList{{"x-added", "1"}}));
  for (const KV pair : {KV{"bad key", "v"}, KV{"grpc-timeout", "1S"}, KV{"x-text", "a\nb"}}) {
    interceptor.pair = pair;
    expect_names(refused(intercepted, {}), StatusCode::kInternal, pair.key);
  }
}

TEST_P(ClientMetadata, R18_ValuesThatAreNoPrintableAsciiAreNotSent) {
  std::string printable = "!";  // no blank at the ends
  for (char c = 0x20; c < 0x7f; ++c) printable.push_back(c);
  EXPECT_EQ(sent({{"x-all", printable}}), (HeaderList{{"x-all", printable}}));
  for (const char c : {'\0', '\t', '\n', '\r', '\x1f', '\x7f', '\x80', '\xff'}) {
    expect_names(refused(channel(), {{"x-one", std::string("a") + c}}), StatusCode::kInternal,
                 "at offset 1, which is not printable ascii");
  }
}

TEST_P(ClientMetadata, R20_BinaryMetadataIsSentWithoutPadding) {
  EXPECT_EQ(sent({{"x-bin", "a"}, {"x-bin", "bb"}, {"x-bin", "ccc"}, {"x-bin", "\xfb\xff\xbf"}}),
            (HeaderList{{"x-bin", "YQ"}, {"x-bin", "YmI"}, {"x-bin", "Y2Nj"}, {"x-bin", "+/+/"}}));
}

TEST_P(ClientMetadata, R23_EmptyValuesAreSent) {
  EXPECT_EQ(sent({{"x-bin", ""}, {"x-text", ""}}), (HeaderList{{"x-bin", ""}, {"x-text", ""}}));
}

TEST_P(ClientMetadata, R23_EmptyValuesAreReceived) {
  Metadata header, trailer;
  const Chain request = bytes("m");
  Call<Chain> call = channel().invoke(kUnary, request, {.header = &header, .trailer = &trailer}).start();
  settle();
  const Headers empty = {{"x-bin", ""}, {"x-text", ""}};
  Headers head = kResponseHead, trailers = kOkTrailers;
  head.insert(head.end(), empty.begin(), empty.end());
  trailers.insert(trailers.end(), empty.begin(), empty.end());
  server().send(Wire().headers(3, head).data(3, message("r")).headers(3, trailers, kEnd));
  EXPECT_EQ(support::text_of(call.get()), "r");
  EXPECT_EQ(header, (Metadata{{"x-bin", ""}, {"x-text", ""}}));
  EXPECT_EQ(trailer, header);
}

TEST_P(ClientMetadata, R24_ReservedNamesAreRefusedWithTheReason) {
  for (const auto& [key, why] : std::vector<std::pair<std::string, std::string>>{
           {":path", "it is a pseudo-header of HTTP/2"},
           {":made-up", "it is a pseudo-header of HTTP/2"},
           {"grpc-timeout", "names that begin with grpc- are gRPC's own"},
           {"grpc-made-up", "names that begin with grpc- are gRPC's own"},
           {"GRPC-Status", "names that begin with grpc- are gRPC's own"},
           {"te", "gRPC sends its own"},
           {"content-type", "gRPC sends its own"},
           {"user-agent", "it is an option of the channel"},
           {"host", "the channel's authority stands for it"},
           {"connection", "HTTP/2 forbids it"},
           {"keep-alive", "HTTP/2 forbids it"},
           {"proxy-connection", "HTTP/2 forbids it"},
           {"transfer-encoding", "HTTP/2 forbids it"},
           {"upgrade", "HTTP/2 forbids it"}}) {
    expect_names(refused(channel(), {{key, "v"}}), StatusCode::kInternal, "\" is reserved: " + why);
  }
  EXPECT_EQ(sent({{"grpc-previous-rpc-attempts", "1"}, {"grpc-retry-pushback-ms", "5"}, {"x", "y"}}),
            (HeaderList{{"x", "y"}}));
  const std::string head = support::text_of(server().stream(id_).blocks.at(0));
  EXPECT_NE(head.find("grpc-previous-rpc-attempts 1, grpc-retry-pushback-ms 5, x y"), head.npos) << head;
}

// The same on the server's side: a handler that adds what it likes, and keeps what it was told.
class Adding final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    received = context.metadata();
    said.clear();
    for (const KV kv : echo ? received : add) {
      said.push_back(context.add_header(kv.key, kv.value));
      said.push_back(context.add_trailer(kv.key, kv.value));
    }
    co_return Chain(request);
  }
  bool echo = false;
  Metadata add;
  Metadata received;
  std::vector<Status> said;
};

class ServerMetadata : public WireTest {
 protected:
  ServerMetadata() : served_(runtime(), service_), client_(runtime(), "pipe:served") { client_.greet(); }

  // The custom fields of header and trailers.
  std::vector<HeaderList> answered(const Headers& more = {}) {
    const http2::StreamId id = std::exchange(next_id_, next_id_ + 2);
    client_.send(unary_request(id, "m", more));
    EXPECT_EQ(client_.outcome(id), "0");
    std::vector<HeaderList> blocks;
    for (const HeaderList& block : client_.stream(id).blocks) blocks.push_back(custom_of(block));
    return blocks;
  }

  Adding service_;
  ServedRaw served_;
  ScriptedClient client_;
  http2::StreamId next_id_ = 1;
};
INSTANTIATE_TEST_SUITE_P(All, ServerMetadata, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(ServerMetadata, R17_HandlersKeysAreLowerCased) {
  // Not by way of Metadata, which does it by itself.
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
      EXPECT_EQ(context.add_header("X-Mixed", "Value"), Status());
      EXPECT_EQ(context.add_trailer("X-MIXED-BIN", "a"), Status());
      co_return Chain(request);
    }
  } service;
  ServedRaw served(runtime(), service, {.address = "pipe:mixed"});
  ScriptedClient client(runtime(), "pipe:mixed");
  client.greet();
  client.send(unary_request(1));
  EXPECT_EQ(custom_of(client.stream(1).blocks.at(0)), (HeaderList{{"x-mixed", "Value"}}));
  EXPECT_EQ(custom_of(client.stream(1).blocks.at(1)), (HeaderList{{"x-mixed-bin", "YQ"}}));
}

// Metadata that a handler gives as header arrives as header, whatever it says then.
TEST_P(ServerMetadata, R39_HeaderMetadataIsSentAsHeaderWithoutAMessageToo) {
  struct Refuses final : ServerInterceptor {
    Status on_headers(ServerContext& context) override {
      if (!context.metadata().get("x-refuse")) return {};
      EXPECT_EQ(context.add_header("x-h", "refused"), Status());
      return {StatusCode::kPermissionDenied, "no"};
    }
  } interceptor;
  struct Impl final : RawService {
    static Status answer(ServerContext& context) {
      EXPECT_EQ(context.add_header("x-h", "1"), Status());
      EXPECT_EQ(context.add_trailer("x-t", "2"), Status());
      return context.metadata().get("x-fail") ? Status(StatusCode::kNotFound, "gone") : Status();
    }
    Task<Result<Chain>> unary(ServerContext& context, const Chain&) override {
      (void)answer(context);
      co_return Status(StatusCode::kNotFound, "gone");
    }
    Task<Status> reply_stream(ServerContext& context, const Chain&, ServerWriter<Chain>&) override {
      co_return answer(context);
    }
    Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>&) override {
      co_return answer(context);
    }
  } service;
  ServedRaw served(runtime(), service, {.address = "pipe:header", .server = {.interceptors = {interceptor}}});
  ScriptedClient client(runtime(), "pipe:header");
  client.greet();
  const std::string head = "[:status 200, content-type application/grpc, x-h ";
  const std::string gone = "[grpc-status 5, x-t 2, grpc-message gone]";
  http2::StreamId id = 1;
  const auto answer = [&](const char* method, const Headers& more) {
    client.send(Wire()
                    .headers(id, request_head("/test.Raw/" + std::string(method), more))
                    .data(id, message("m"), kEnd));
    std::string text;
    for (const HeaderList& block : client.stream(id).blocks) text += support::text_of(block);
    id += 2;
    return text;
  };
  EXPECT_EQ(answer("Unary", {}), head + "1]" + gone);
  for (const char* method : {"ReplyStream", "Bidi"}) {
    EXPECT_EQ(answer(method, {}), head + "1][grpc-status 0, x-t 2]");
    EXPECT_EQ(answer(method, {{"x-fail", "1"}}), head + "1]" + gone);
  }
  for (const char* method : {"Unary", "ReplyStream", "RequestStream", "Bidi"}) {
    EXPECT_EQ(answer(method, {{"x-refuse", "1"}}), head + "refused][grpc-status 7, grpc-message no]");
  }
}

// What the client's limit keeps back takes nothing else with it.
TEST_P(ServerMetadata, R39_HeaderOverTheClientsLimitLeavesTheStatus) {
  struct Impl final : RawService {
    Task<Status> reply_stream(ServerContext& context, const Chain&, ServerWriter<Chain>&) override {
      EXPECT_EQ(context.add_header("x-h", std::string(1000, 'h')), Status());
      EXPECT_EQ(context.add_trailer("x-t", "2"), Status());
      if (context.metadata().get("x-fail")) co_return Status(StatusCode::kNotFound, "gone");
      co_return Status();
    }
  } service;
  ServedRaw served(runtime(), service, {.address = "pipe:limit"});
  ScriptedClient client(runtime(), "pipe:limit");
  client.greet({{SettingId::kMaxHeaderListSize, 500}});
  const auto send = [&](http2::StreamId id, const Headers& more) {
    client.send(Wire().headers(id, request_head("/test.Raw/ReplyStream", more)).data(id, message("m"), kEnd));
  };
  send(1, {});
  EXPECT_EQ(client.outcome(1).substr(0, 25), "8 response header list of");
  EXPECT_EQ(client.stream(1).field("x-t"), "2");
  send(3, {{"x-fail", "1"}});
  EXPECT_EQ(client.outcome(3), "5 gone");
  EXPECT_EQ(client.stream(3).field("x-t"), "2");
}

// Other libraries send metadata with blanks around it. They are no part of it, and are never sent.
TEST_P(ServerMetadata, R18_BlanksAroundReceivedValuesAreTakenAway) {
  service_.echo = true;
  const Headers sent = {
      {"x-1", " a b "}, {"x-2", "\tc\t"}, {"x-3", " \t "}, {"x-bin", " YQ , Yg "}, {"user-agent", " me "}};
  const HeaderList echoed = {{"x-1", "a b"}, {"x-2", "c"}, {"x-3", ""}, {"x-bin", "YQ"}, {"x-bin", "Yg"}};
  EXPECT_EQ(answered(sent), (std::vector<HeaderList>{echoed, echoed}));
  EXPECT_EQ(answered(sent), (std::vector<HeaderList>{echoed, echoed})) << "the same again";
  for (const Status& said : service_.said) EXPECT_EQ(said, Status());
}

TEST_P(ClientMetadata, R18_BlanksAroundReceivedValuesAreTakenAway) {
  Metadata header, trailer;
  const Chain request = bytes("m");
  Call<Chain> call = channel().invoke(kUnary, request, {.header = &header, .trailer = &trailer}).start();
  settle();
  Headers head = kResponseHead;
  head.push_back({"x-h", " \ta b "});
  server().send(Wire()
                    .headers(3, head)
                    .data(3, message("r"))
                    .headers(3, {{"grpc-status", "0"}, {"x-t", "c\t"}, {"x-bin", " YQ "}}, kEnd));
  EXPECT_EQ(support::text_of(call.get()), "r");
  EXPECT_EQ(header, (Metadata{{"x-h", "a b"}}));
  EXPECT_EQ(trailer, (Metadata{{"x-t", "c"}, {"x-bin", "a"}}));
}

TEST_P(ServerMetadata, R17_HandlerIsToldWhatItMayNotAdd) {
  const std::vector<std::pair<KV, std::string>> table = {{{"", "v"}, "empty key"},
                                                         {{"x y", "v"}, "none of 0-9 a-z _ - ."},
                                                         {{"x", "a\nb"}, "not printable ascii"},
                                                         {{"grpc-status", "0"}, "gRPC's own"},
                                                         {{":status", "200"}, "pseudo-header"},
                                                         {{"te", "trailers"}, "gRPC sends its own"}};
  for (const auto& [pair, why] : table) {
    service_.add = {{pair.key, pair.value}, {"x-good", "1"}};
    EXPECT_EQ(answered(), (std::vector<HeaderList>{{{"x-good", "1"}}, {{"x-good", "1"}}}));
    ASSERT_EQ(service_.said.size(), 4u);
    expect_names(service_.said[0], StatusCode::kInternal, why);
    expect_names(service_.said[1], StatusCode::kInternal, why);
    EXPECT_EQ(service_.said[2], Status());
  }
}

TEST_P(ServerMetadata, R19_WhatWasReceivedMayBeSentBack) {
  service_.echo = true;
  const Headers sent = {{"x-odd", "\xff\x80\t~"}, {"x-text", "1"},   {"x-bin", "YQ"},
                        {"user-agent", "me/1"},   {"x!odd", "name"}, {"grpc-previous-rpc-attempts", "2"},
                        {"x-text", "2, 3"}};
  const HeaderList echoed = {{"x-odd", "\xff\x80\t~"}, {"x-text", "1"}, {"x-bin", "YQ"}, {"x-text", "2, 3"}};
  EXPECT_EQ(answered(sent), (std::vector<HeaderList>{echoed, echoed}));
  EXPECT_EQ(service_.said.size(), 2 * 8u) << "with :authority";
  for (const Status& said : service_.said) EXPECT_EQ(said, Status());
  // But nothing else of the kind.
  service_.echo = false;
  service_.add = {{"x-odd", "\xff\x80"}, {"x-other", "\xff\x80\t~"}, {"user-agent", "you/1"}};
  EXPECT_EQ(answered(sent), (std::vector<HeaderList>{{}, {}}));
  for (const Status& said : service_.said) EXPECT_EQ(said.code(), StatusCode::kInternal);
}

TEST_P(ServerMetadata, R23_EmptyValuesComeAndGo) {
  service_.echo = true;
  const HeaderList empty = {{"x-bin", ""}, {"x-text", ""}};
  EXPECT_EQ(answered({{"x-bin", ""}, {"x-text", ""}}), (std::vector<HeaderList>{empty, empty}));
}

}  // namespace
}  // namespace sluice::inline v0::wire
