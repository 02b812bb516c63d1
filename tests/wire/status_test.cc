// Statuses as a server writes them and a client reads them: codes, texts, details, and what nobody makes up.
#include <stdexcept>
#include <string>
#include <vector>

#include "wire/base64.h"
#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

using support::HeaderList;

// Ends each call as it is told.
class Ending final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext&, const Chain&) override { co_return status; }
  Task<Status> reply_stream(ServerContext&, const Chain& request, ServerWriter<Chain>& writer) override {
    if (Status s = co_await writer.write(request); !s.ok()) co_return s;
    co_return status;
  }
  Status status;
};

class ServerStatuses : public WireTest {
 protected:
  ServerStatuses() : served_(runtime(), service_), client_(runtime(), "pipe:served") { client_.greet(); }

  // The blocks that a call ending with `status` is answered by.
  std::vector<HeaderList> blocks(std::string_view method, Status status) {
    service_.status = std::move(status);
    const http2::StreamId id = std::exchange(next_id_, next_id_ + 2);
    client_.send(
        Wire().headers(id, request_head("/test.Raw/" + std::string(method))).data(id, message("m"), kEnd));
    EXPECT_TRUE(client_.stream(id).ended);
    return client_.stream(id).blocks;
  }
  // As grpc-message has it.
  std::string text(std::string_view message) {
    (void)blocks("Unary", Status(StatusCode::kAborted, std::string(message)));
    return client_.stream(next_id_ - 2).field("grpc-message");
  }

  Ending service_;
  ServedRaw served_;
  ScriptedClient client_;
  http2::StreamId next_id_ = 1;
};
INSTANTIATE_TEST_SUITE_P(All, ServerStatuses, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(ServerStatuses, R35_WhatAHandlerThrowsIsUnknown) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
      if (request.to_string() == "int") throw 42;
      throw std::runtime_error("out of luck");
      co_return Chain();
    }
    // No coroutine: it throws before there is one.
    Task<Status> reply_stream(ServerContext&, const Chain&, ServerWriter<Chain>&) override {
      throw std::logic_error("not today");
    }
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      Chain request;
      (void)co_await stream.read_into(request);
      throw std::bad_alloc();
    }
  } service;
  ServedRaw served(runtime(), service, {.address = "pipe:throws"});
  ScriptedClient client(runtime(), "pipe:throws");
  client.greet();
  client.send(unary_request(1, "int").append(unary_request(3, "m")));
  client.send(Wire().headers(5, request_head("/test.Raw/ReplyStream")).data(5, message("m"), kEnd));
  client.send(Wire().headers(7, request_head("/test.Raw/Bidi")).data(7, message("m"), kEnd));
  for (const http2::StreamId id : {1, 3, 5, 7}) EXPECT_EQ(client.outcome(id).substr(0, 2), "2 ") << id;
  EXPECT_EQ(client.outcome(3), "2 handler threw: out of luck");
  EXPECT_FALSE(client.closed());
}

TEST_P(ServerStatuses, R38_EveryCodeIsSentAsADecimalNumber) {
  for (int code = 0; code <= 16; ++code) {
    const Status status(static_cast<StatusCode>(code), "");
    const HeaderList::value_type field("grpc-status", std::to_string(code));
    EXPECT_EQ(blocks("ReplyStream", status).back(), HeaderList{field});
    if (code == 0) continue;
    EXPECT_EQ(blocks("Unary", status).back(),
              (HeaderList{{":status", "200"}, {"content-type", "application/grpc"}, field}));
  }
}

TEST_P(ServerStatuses, R45_EveryCodeIsHttpStatus200) {
  for (int code = 0; code <= 16; ++code) {
    for (const char* method : {"Unary", "ReplyStream"}) {
      const auto all = blocks(method, Status(static_cast<StatusCode>(code), "why"));
      EXPECT_EQ(all.front().front(), (HeaderList::value_type(":status", "200"))) << code;
    }
  }
}

TEST_P(ServerStatuses, R51_TextIsPercentEncoded) {
  EXPECT_EQ(text("plain ~!\"#$&'()*+,-./:;<=>?@[]^_`{|}"), "plain ~!\"#$&'()*+,-./:;<=>?@[]^_`{|}");
  EXPECT_EQ(text("100 %"), "100 %25");
  EXPECT_EQ(text("a\nb\tc\rd"), "a%0Ab%09c%0Dd");
  EXPECT_EQ(text(std::string("\0\x1f\x7f", 3)), "%00%1F%7F");
  EXPECT_EQ(text("\xc3\xbc \xe2\x82\xac \xf0\x9f\x8e\x89"), "%C3%BC %E2%82%AC %F0%9F%8E%89");
  EXPECT_EQ(text("%41"), "%2541");
  // HTTP takes spaces at the ends away.
  EXPECT_EQ(text(" a b "), "%20a b%20");
}

TEST_P(ServerStatuses, R53_TextThatIsNoUtf8IsReplaced) {
  EXPECT_EQ(text("a\xff"
                 "b"),
            "a%EF%BF%BDb");
  EXPECT_EQ(text("\xe2\x82("), "%EF%BF%BD%EF%BF%BD(");
  EXPECT_EQ(text("\xc0\xaf"), "%EF%BF%BD%EF%BF%BD") << "a longer form than needed";
  EXPECT_EQ(text("\xed\xa0\x80"), "%EF%BF%BD%EF%BF%BD%EF%BF%BD") << "half of a pair";
}

// What only programs may say (gRPC statuscodes).
bool for_programs_only(StatusCode code) {
  switch (code) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kNotFound:
    case StatusCode::kAlreadyExists:
    case StatusCode::kFailedPrecondition:
    case StatusCode::kAborted:
    case StatusCode::kOutOfRange:
    case StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

// A handler that uses its stream wrongly is told so, and its client of an internal error.
TEST_P(ServerStatuses, R95_MisuseByAHandlerIsInternalToItsClient) {
  struct Impl final : RawService {
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      Call<Read<Chain>> first = stream.read().start();
      Chain request;
      EXPECT_FALSE(co_await stream.read_into(request));
      EXPECT_FALSE(co_await std::move(first));
      co_return Status();
    }
  } service;
  ServedRaw served(runtime(), service, {.address = "pipe:misuse"});
  ScriptedClient client(runtime(), "pipe:misuse");
  client.greet();
  client.send(Wire().headers(1, request_head("/test.Raw/Bidi")));
  EXPECT_EQ(client.outcome(1), "13 a second read was started while one is in flight, RST_STREAM NO_ERROR");
}

class ClientStatuses : public ClientTest {
 protected:
  ClientStatuses() {
    beside_.emplace(bidi(channel()));
    accept({{SettingId::kMaxConcurrentStreams, 1000}});
  }
  Status status_of(const std::function<void(Wire&, http2::StreamId)>& response) {
    const Chain request = bytes("m");
    Call<Chain> call = channel().invoke(kUnary, request).start();
    settle();
    Wire wire;
    response(wire, id_ += 2);
    server().send(wire);
    return call.get().status();
  }
  http2::StreamId id_ = 1;
  std::optional<ClientReaderWriter<Chain, Chain>> beside_;
};
INSTANTIATE_TEST_SUITE_P(All, ClientStatuses, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(ClientStatuses, R54_StatusWinsOverItsDetails) {
  const std::string details("\x08\x05\x12\x02no", 6);  // google.rpc.Status of code 5
  for (const auto& [code, status] :
       std::vector<std::pair<std::string, StatusCode>>{{"7", StatusCode::kPermissionDenied},
                                                       {"5", StatusCode::kNotFound},
                                                       {"16", StatusCode::kUnauthenticated}}) {
    Headers head = kResponseHead;
    head.push_back({"grpc-status", code});
    head.push_back({"grpc-message", "why"});
    head.push_back({"grpc-status-details-bin", wire::base64_encode(details)});
    const Status got = status_of([&](Wire& w, auto id) { w.headers(id, head, kEnd); });
    EXPECT_EQ(got, Status(status, "why", details));
  }
}

TEST_P(ServerStatuses, R54_DetailsThatDoNotFitAreLeftOut) {
  for (const auto& [size, fits] : {std::pair{2'500u, true}, std::pair{3'000u, false}}) {
    struct Impl final : RawService {
      Task<Result<Chain>> unary(ServerContext&, const Chain&) override {
        co_return Status(StatusCode::kNotFound, "why", details);
      }
      std::string details;
    } service;
    service.details = std::string(size, 'd');
    ServedRaw served(runtime(), service, {.address = "pipe:details"});
    ScriptedClient client(runtime(), "pipe:details");
    client.greet({{SettingId::kMaxHeaderListSize, 4'096}});
    client.send(unary_request(1));
    EXPECT_EQ(client.stream(1).field("grpc-status"), "5");
    EXPECT_EQ(client.stream(1).field("grpc-message"), "why");
    EXPECT_EQ(!client.stream(1).field("grpc-status-details-bin").empty(), fits) << size;
  }
}

TEST_P(ClientStatuses, R54_DetailsThatAreNoBase64AreInternal) {
  for (const char* details : {"!", "a", "ab=c", "YQ==YQ=="}) {
    Headers head = kResponseHead;
    head.push_back({"grpc-status", "5"});
    head.push_back({"grpc-status-details-bin", details});
    EXPECT_EQ(status_of([&](Wire& w, auto id) { w.headers(id, head, kEnd); }),
              Status(StatusCode::kInternal, "malformed base64 in grpc-status-details-bin of grpc-status 5"));
  }
}

TEST_P(ClientStatuses, R95_WhatIsMadeUpHereIsNoStatusOfPrograms) {
  std::vector<Status> made_up;
  for (int http = 200; http < 600; ++http) {
    const Headers head = {{":status", std::to_string(http)}, {"content-type", "text/html"}};
    made_up.push_back(status_of([&](Wire& w, auto id) { w.headers(id, head, kEnd); }));
  }
  for (std::uint32_t code = 0; code <= 0x20; ++code) {
    made_up.push_back(status_of([&](Wire& w, auto id) {
      // A call that is refused before its response is sent again.
      if (static_cast<ErrorCode>(code) == ErrorCode::kRefusedStream) w.headers(id, kResponseHead);
      w.rst(id, static_cast<ErrorCode>(code));
    }));
  }
  const std::vector<std::function<void(Wire&, http2::StreamId)>> broken = {
      [](Wire& w, auto id) { w.headers(id, kResponseHead).headers(id, kResponseHead); },
      [](Wire& w, auto id) { w.data(id, "x"); },
      [](Wire& w, auto id) { w.headers(id, kResponseHead, kEnd); },
      [](Wire& w, auto id) { w.headers(id, kResponseHead).data(id, message("m", 9)); },
      [](Wire& w, auto id) { w.headers(id, kResponseHead).data(id, message("", 0, 0xffffffff)); },
      [](Wire& w, auto id) { w.headers(id, kResponseHead).data(id, message("12").substr(0, 6), kEnd); },
      [](Wire& w, auto id) { w.headers(id, kResponseHead).headers(id, kOkTrailers, kEnd); }};
  for (const auto& response : broken) made_up.push_back(status_of(response));
  for (const Status& status : made_up) {
    EXPECT_FALSE(status.ok());
    EXPECT_FALSE(for_programs_only(status.code())) << status;
  }
  EXPECT_EQ(made_up.size(), 400u + 33 + broken.size());
}

}  // namespace
}  // namespace sluice::inline v0::wire
