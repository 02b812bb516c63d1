// Metadata both ways, and what a handler and a caller know of each other.
#include <chrono>
#include <string>
#include <vector>

#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

class MetadataCalls : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, MetadataCalls, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

std::string all_bytes() {
  std::string text;
  for (int i = 0; i < 256; ++i) text.push_back(static_cast<char>(i));
  return text;
}

// The pairs that a test sent, without what every request has.
Metadata custom_of(const Metadata& received) {
  Metadata custom;
  for (const KV kv : received) {
    if (kv.key != "user-agent" && kv.key != ":authority") custom.add(kv.key, kv.value);
  }
  return custom;
}

// Sends back what it was sent: in the header, and in the trailer in reverse.
class MetadataEcho final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    if (Status status = echo(context); !status.ok()) co_return status;
    co_return Chain(request);
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    if (Status status = echo(context); !status.ok()) co_return status;
    if (Status status = stream.send_header(); !status.ok()) co_return status;
    Chain request;
    while (co_await stream.read_into(request)) {
      if (Status status = co_await stream.write(request); !status.ok()) co_return status;
    }
    co_return Status();
  }
  Metadata received;

 private:
  Status echo(ServerContext& context) {
    received = context.metadata();
    const Metadata custom = custom_of(received);
    for (const KV kv : custom) {
      if (Status status = context.add_header(kv.key, kv.value); !status.ok()) return status;
    }
    for (std::size_t i = custom.size(); i-- > 0;) {
      if (Status status = context.add_trailer(custom[i].key, custom[i].value); !status.ok()) return status;
    }
    return {};
  }
};

Metadata reversed(const Metadata& md) {
  Metadata out;
  for (std::size_t i = md.size(); i-- > 0;) out.add(md[i].key, md[i].value);
  return out;
}

TEST_P(MetadataCalls, UnaryCallCarriesItBothWaysInOrder) {
  MetadataEcho service;
  ServedRaw served(runtime(), service);
  const std::string any = all_bytes();
  const Metadata sent = {{"key", "one"}, {"other", "x y ~!"}, {"key", "two"},   {"key-bin", any},
                         {"empty", ""},  {"empty-bin", ""},   {"a.b_c-0", "1"}, {"key-bin", "\xff"},
                         {"key", "one"}, {"comma", "a, b,c"}};
  const Chain request = bytes("m");
  for (int round = 0; round < 3; ++round) {  // from the second on most of it comes out of HPACK's table
    Metadata header, trailer;
    Addr peer;
    const Result<Chain> reply =
        served.unary(request, {.metadata = &sent, .header = &header, .trailer = &trailer, .peer = &peer})
            .get();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(custom_of(service.received), sent);
    EXPECT_EQ(header, sent);
    EXPECT_EQ(trailer, reversed(sent));
    EXPECT_EQ(peer.to_string(), "pipe:served");
  }
}

TEST_P(MetadataCalls, StreamCarriesItBothWaysInOrder) {
  MetadataEcho service;
  ServedRaw served(runtime(), service);
  const std::string any = all_bytes();
  const Metadata sent = {{"key", "one"}, {"key-bin", any}, {"key", "two"}};
  auto stream = served.bidi({.metadata = &sent});
  // The header comes before any message.
  EXPECT_EQ(stream.wait_header().get(), Status());
  EXPECT_EQ(stream.header(), sent);
  const Chain request = bytes("m");
  EXPECT_EQ(stream.write(request).get(), Status());
  EXPECT_TRUE(stream.read().get());
  EXPECT_EQ(stream.finish().get(), Status());
  EXPECT_EQ(stream.header(), sent);
  EXPECT_EQ(stream.trailer(), reversed(sent));
  EXPECT_EQ(stream.peer().to_string(), "pipe:served");
}

TEST_P(MetadataCalls, ListInTheOptionsIsSentAsWritten) {
  MetadataEcho service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  const Result<Chain> reply =
      served.unary(request, {.metadata = MetadataList({"a", "1"}, {"b-bin", std::string_view("\0\1", 2)})})
          .get();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(custom_of(service.received), (Metadata{{"a", "1"}, {"b-bin", std::string_view("\0\1", 2)}}));
}

TEST_P(MetadataCalls, StartedCallKnowsHeaderTrailerAndPeer) {
  MetadataEcho service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  Call<Chain> call = served.unary(request, {.metadata = MetadataList({"k", "v"})}).start();
  ASSERT_EQ(text_of(call.get()), "m");
  EXPECT_EQ(call.header(), (Metadata{{"k", "v"}}));
  EXPECT_EQ(call.trailer(), (Metadata{{"k", "v"}}));
  EXPECT_EQ(call.peer().to_string(), "pipe:served");
}

TEST_P(MetadataCalls, HandlerSeesUserAgentAndAuthority) {
  MetadataEcho service;
  ServedRaw served(runtime(), service, {.channel = {.authority = "greeter.test", .user_agent = "tests/1"}});
  const Chain request = bytes("m");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(served.unary(request).get().ok());
    EXPECT_EQ(service.received.get_all(":authority"), std::vector<std::string_view>{"greeter.test"});
    ASSERT_EQ(service.received.get_all("user-agent").size(), 1u);
    EXPECT_EQ(service.received.get("user-agent")->substr(0, 8), "tests/1 ");
    EXPECT_EQ(service.received.size(), 2u);
  }
}

TEST_P(MetadataCalls, AuthorityIsMadeFromTheTargetUnlessGiven) {
  MetadataEcho service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  ASSERT_TRUE(served.unary(request).get().ok());
  EXPECT_EQ(service.received.get(":authority"), "served");
}

TEST_P(MetadataCalls, AuthorityHasNoUserinfo) {
  MetadataEcho service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  for (const char* authority : {"user@host", "user:secret@host:1", "@", "a b", "a\r\nb"}) {
    const Result<Channel> channel = dial(runtime(), "pipe:served", {.authority = authority});
    EXPECT_EQ(channel.status().code(), StatusCode::kInvalidArgument) << authority;
  }
  for (const char* agent : {" mine", "mine\n", "m\x01", "\xff"}) {
    const Result<Channel> channel = dial(runtime(), "pipe:served", {.user_agent = agent});
    EXPECT_EQ(channel.status().code(), StatusCode::kInvalidArgument) << agent;
  }
  // A target's own is left out.
  Server server(runtime());
  ASSERT_TRUE(server.register_service(RawService::desc(), &service).ok());
  ASSERT_TRUE(server.serve(runtime().listen("pipe:user@other").value()).ok());
  const Channel channel = dial(runtime(), "pipe:user@other").value();
  EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "m");
  EXPECT_EQ(service.received.get(":authority"), "other");
}

TEST_P(MetadataCalls, WhatIsNoPathIsNotSent) {
  MetadataEcho service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  for (const char* path : {"", "test.Raw/Unary", "/test.Raw/Unary ", "/a\r\nb/c", "/a b/c", "/a/b\x7f"}) {
    const UnaryMethod<Chain, Chain> method(path);
    for (const Duration timeout : {kNoTimeout, Duration(10s)}) {
      const Status status = method(served.channel().base(), request, {.timeout = timeout}).get().status();
      EXPECT_EQ(status.code(), StatusCode::kInternal) << path;
      EXPECT_NE(status.message().find("is no path"), std::string_view::npos) << status;
    }
  }
  EXPECT_EQ(text_of(served.unary(request).get()), "m");  // the connection is as good as before
}

TEST_P(MetadataCalls, BlanksAroundValuesAreNotSent) {
  MetadataEcho service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  const Metadata sent = {{"key", "  a  b "}, {"blank", "   "}, {"key-bin", "  "}};
  const Metadata want = {{"key", "a  b"}, {"blank", ""}, {"key-bin", "  "}};
  Metadata header, trailer;
  ASSERT_TRUE(served.unary(request, {.metadata = &sent, .header = &header, .trailer = &trailer}).get().ok());
  EXPECT_EQ(custom_of(service.received), want);
  EXPECT_EQ(header, want);
  EXPECT_EQ(trailer, reversed(want));
}

TEST_P(MetadataCalls, KeysAreLowerCased) {
  MetadataEcho service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  const Metadata sent = {{"Mixed-Case", "Value"}};
  ASSERT_TRUE(served.unary(request, {.metadata = &sent}).get().ok());
  EXPECT_EQ(service.received.get("mixed-case"), "Value");
}

TEST_P(MetadataCalls, WhatCannotBeSentFailsTheCallHere) {
  MetadataEcho service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  const std::pair<KV, const char*> cases[] = {
      {{":path", "/x"}, "\":path\" is reserved"},
      {{"grpc-timeout", "1S"}, "\"grpc-timeout\" is reserved"},
      {{"grpc-status", "0"}, "\"grpc-status\" is reserved"},
      {{"te", "gzip"}, "\"te\" is reserved"},
      {{"content-type", "text/html"}, "\"content-type\" is reserved"},
      {{"connection", "close"}, "\"connection\" is reserved"},
      {{"user-agent", "me"}, "\"user-agent\" is reserved"},
      {{"host", "me"}, "\"host\" is reserved"},
      {{"a b", "v"}, "none of 0-9 a-z"},
      {{"\xc3\xa9", "v"}, "none of 0-9 a-z"},
      {{"line", "a\nb"}, "not printable ascii"},
      {{"high", "\xc3\xa9"}, "not printable ascii"},
  };
  for (const auto& [pair, why] : cases) {
    Metadata md;
    md.add(pair.key, pair.value);
    const Result<Chain> reply = served.unary(request, {.metadata = &md}).get();
    EXPECT_EQ(reply.status().code(), StatusCode::kInternal) << pair.key;
    EXPECT_NE(reply.status().message().find(why), std::string_view::npos) << reply.status();
    auto stream = served.bidi({.metadata = &md});
    const Status status = stream.finish().get();
    EXPECT_EQ(status.code(), StatusCode::kInternal) << pair.key;
    EXPECT_NE(status.message().find(why), std::string_view::npos) << status;
  }
  EXPECT_TRUE(service.received.empty()) << "nothing was sent";
  EXPECT_EQ(text_of(served.unary(request).get()), "m");
}

TEST_P(MetadataCalls, RetryPushbackAndAttemptsPass) {
  MetadataEcho service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  const Metadata sent = {{"grpc-previous-rpc-attempts", "1"}, {"grpc-retry-pushback-ms", "5"}};
  Metadata trailer;
  ASSERT_TRUE(served.unary(request, {.metadata = &sent, .trailer = &trailer}).get().ok());
  EXPECT_EQ(custom_of(service.received), sent);
  EXPECT_EQ(trailer, reversed(sent));
}

TEST_P(MetadataCalls, TooMuchMetadataFailsThatCallOnly) {
  MetadataEcho service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  const std::string large(9'000, 'x');
  const Result<Chain> reply = served.unary(request, {.metadata = MetadataList({"large", large})}).get();
  EXPECT_EQ(reply.status().code(), StatusCode::kResourceExhausted) << reply.status();
  const std::string some(3'000, 'x');
  const Result<Chain> next = served.unary(request, {.metadata = MetadataList({"large", some})}).get();
  EXPECT_EQ(text_of(next), "m");
  EXPECT_EQ(service.received.get("large"), some);
}

// What a handler may add, and when.
TEST_P(MetadataCalls, HandlerIsToldWhatItCannotAdd) {
  struct Impl final : RawService {
    Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
      said.push_back(context.add_header("grpc-status", "0"));
      said.push_back(context.add_header("early", "1"));
      said.push_back(stream.send_header());
      said.push_back(stream.send_header());
      said.push_back(context.add_header("late", "1"));
      said.push_back(context.add_trailer("bad key", "1"));
      said.push_back(context.add_trailer("end", "1"));
      co_return Status();
    }
    std::vector<Status> said;
  } service;
  ServedRaw served(runtime(), service);
  auto stream = served.bidi();
  EXPECT_EQ(stream.finish().get(), Status());
  EXPECT_EQ(stream.header(), (Metadata{{"early", "1"}}));
  EXPECT_EQ(stream.trailer(), (Metadata{{"end", "1"}}));
  ASSERT_EQ(service.said.size(), 7u);
  EXPECT_EQ(service.said[0].code(), StatusCode::kInternal);
  EXPECT_NE(service.said[0].message().find("reserved"), std::string_view::npos) << service.said[0];
  EXPECT_EQ(service.said[1], Status());
  EXPECT_EQ(service.said[2], Status());
  EXPECT_EQ(service.said[3], Status()) << "sent already: nothing to do";
  EXPECT_EQ(service.said[4].code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(service.said[5].code(), StatusCode::kInternal);
  EXPECT_EQ(service.said[6], Status());
}

TEST_P(MetadataCalls, FailedCallStillBringsHeaderAndTrailer) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext& context, const Chain&) override {
      (void)context.add_header("h", "1");
      (void)context.add_trailer("t", "2");
      co_return Status(StatusCode::kNotFound, "no such thing");
    }
  } service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  Metadata header, trailer;
  const Result<Chain> reply = served.unary(request, {.header = &header, .trailer = &trailer}).get();
  EXPECT_EQ(reply.status(), Status(StatusCode::kNotFound, "no such thing"));
  EXPECT_EQ(header, (Metadata{{"h", "1"}}));
  EXPECT_EQ(trailer, (Metadata{{"t", "2"}}));
}

TEST_P(MetadataCalls, ContextNamesMethodAndBothEnds) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext& context, const Chain&) override {
      method = context.method();
      peer = context.peer();
      local = context.local();
      deadline = context.deadline();
      cancelled = context.cancelled();
      co_return Chain();
    }
    std::string method;
    Addr peer, local;
    TimePoint deadline{};
    bool cancelled = true;
  } service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  ASSERT_TRUE(served.unary(request).get().ok());
  EXPECT_EQ(service.method, "/test.Raw/Unary");
  EXPECT_EQ(service.local.to_string(), "pipe:served");
  EXPECT_EQ(service.peer.scheme, "pipe");
  EXPECT_NE(service.peer, service.local);
  EXPECT_EQ(service.deadline, kNever);
  EXPECT_FALSE(service.cancelled);
}

}  // namespace
}  // namespace sluice::e2e
