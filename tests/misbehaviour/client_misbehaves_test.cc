// Clients that do to a Server what the eight misbehaving servers do to a client.
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "misbehaviour/misbehaviour.h"

namespace sluice::misbehaviour {
namespace {

using support::request_head;

// Echoes, and in between does what tests of resets are about: waits, or writes more than anybody reads.
class Service final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    ++begun;
    if (wait) (void)co_await sleep(24h, context.context());
    cancelled += context.cancelled();
    ++ended;
    co_return Chain(request);
  }
  Task<Status> reply_stream(ServerContext& context, const Chain& request,
                            ServerWriter<Chain>& writer) override {
    ++begun;
    Status status;
    while (status.ok()) status = co_await writer.write(request);
    cancelled += context.cancelled();
    ++ended;
    co_return status;
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    ++begun;
    Chain request;
    Status cut;
    while (co_await stream.read_into(request, cut)) ++messages;
    cancelled += context.cancelled();
    ++ended;
    co_return Status();
  }
  bool wait = false;
  int begun = 0, ended = 0, cancelled = 0, messages = 0;
};

class MisbehavingClients : public support::WireTest {
 protected:
  MisbehavingClients() : served_(runtime(), service_), client_(runtime(), "pipe:served") {
    client_.greet({{SettingId::kInitialWindowSize, kWide}});
    client_.send(Wire().window_update(0, kWide));
  }
  std::string head(StreamId id, const char* method) const {
    return Wire().headers(id, request_head(std::string("/test.Raw/") + method)).str();
  }
  std::string request(StreamId id) const { return head(id, "Unary") + data_frames(id, message(body_), kEnd); }
  // What was done to one stream leaves the connection alone.
  void expect_served(StreamId id) {
    service_.wait = false;
    client_.send(request(id));
    EXPECT_EQ(client_.outcome(id), "0");
    EXPECT_EQ(client_.stream(id).data, message(body_));
    EXPECT_FALSE(client_.closed());
    EXPECT_EQ(client_.frames("GOAWAY"), std::vector<std::string>());
  }
  // Nothing more is said on a stream that its client has reset.
  void expect_silent(StreamId id) {
    EXPECT_EQ(client_.outcome(id), "open");
    EXPECT_EQ(client_.stream(id).blocks.size(), 0u);
    EXPECT_EQ(client_.stream(id).data, "");
  }

  const std::string body_ = support::pattern(kRequestSize).to_string();
  Service service_;
  support::ServedRaw served_;
  ScriptedClient client_;
};
INSTANTIATE_TEST_SUITE_P(All, MisbehavingClients, ::testing::ValuesIn(support::kThreadlessRuntimes),
                         support::name_of);

constexpr ErrorCode kCodes[] = {ErrorCode::kNoError, ErrorCode::kCancel, ErrorCode::kInternalError};

TEST_P(MisbehavingClients, RstAfterHeaderCancelsTheHandler) {
  StreamId id = 1;
  int cancelled = 0;
  for (const ErrorCode code : kCodes) {
    client_.send(head(id, "Unary") + Wire().rst(id, code).str());
    expect_silent(id);
    client_.send(head(id + 2, "Bidi"));
    EXPECT_EQ(service_.begun, cancelled + 1) << "the stream's handler, and no unary call's";
    client_.send(Wire().rst(id + 2, code));
    EXPECT_EQ(service_.cancelled, ++cancelled);
    expect_silent(id + 2);
    id += 4;
  }
  EXPECT_EQ(service_.ended, cancelled);
  expect_served(id);
}

TEST_P(MisbehavingClients, RstDuringDataCancelsTheHandler) {
  StreamId id = 1;
  int cancelled = 0;
  const std::string half = message(body_).substr(0, kRequestSize / 2);
  for (const ErrorCode code : kCodes) {
    client_.send(head(id, "Unary") + data_frames(id, half) + Wire().rst(id, code).str());
    expect_silent(id);
    client_.send(head(id + 2, "Bidi") + data_frames(id + 2, message(body_) + half));
    EXPECT_EQ(service_.messages, cancelled + 1) << "the one that came whole";
    client_.send(Wire().rst(id + 2, code));
    EXPECT_EQ(service_.cancelled, ++cancelled);
    EXPECT_EQ(service_.begun, cancelled);
    expect_silent(id + 2);
    id += 4;
  }
  EXPECT_EQ(service_.ended, cancelled);
  expect_served(id);
}

TEST_P(MisbehavingClients, RstAfterDataCancelsTheHandler) {
  StreamId id = 1;
  int cancelled = 0;
  service_.wait = true;
  for (const ErrorCode code : kCodes) {
    client_.send(request(id));
    EXPECT_EQ(service_.begun, cancelled + 1);
    client_.send(Wire().rst(id, code));
    EXPECT_EQ(service_.cancelled, ++cancelled);
    expect_silent(id);
    id += 2;
  }
  EXPECT_EQ(service_.ended, cancelled);
  expect_served(id);
}

// A reply that waits for credit goes with its stream, and the connection's credit stays for others.
TEST_P(MisbehavingClients, RstDuringTheReplyEndsItsWriter) {
  ScriptedClient narrow(runtime(), "pipe:served");
  narrow.greet();
  narrow.send(head(1, "ReplyStream") + data_frames(1, message(body_), kEnd));
  EXPECT_EQ(narrow.stream(1).data.size(), 65'535u);
  narrow.send(Wire().rst(1, ErrorCode::kCancel));
  EXPECT_EQ(service_.cancelled, 1);
  EXPECT_EQ(service_.ended, 1);
  narrow.send(Wire().window_update(0, 100).raw(support::unary_request(3)));
  EXPECT_EQ(narrow.outcome(3), "0");
  EXPECT_EQ(narrow.stream(3).data, message("m"));
  EXPECT_EQ(narrow.stream(1).data.size(), 65'535u);
}

TEST_P(MisbehavingClients, PingsAreEachAnsweredByTheirOwnBytes) {
  const std::string half = message(body_).substr(0, kRequestSize / 2);
  const std::string rest = message(body_).substr(kRequestSize / 2);
  const std::string parts[] = {"", head(1, "Unary"), data_frames(1, half), data_frames(1, rest, kEnd)};
  std::size_t pings = 0;
  for (const std::string& part : parts) {
    for (const std::string& before : {part, std::string()}) {
      const std::string payload = "ping no" + std::to_string(pings++);
      client_.send(before + Wire().ping(payload).str());
      EXPECT_EQ(client_.last_ping(), payload);
      EXPECT_EQ(client_.frames("PING ACK").size(), pings);
    }
  }
  EXPECT_EQ(client_.outcome(1), "0");
  EXPECT_EQ(client_.stream(1).data, message(body_));
}

// A client that goes away takes no streams of ours, which there are none of; its calls are its own affair.
TEST_P(MisbehavingClients, GoawayLetsTheCallsFinish) {
  client_.send(head(1, "Unary") + Wire().goaway(0, ErrorCode::kNoError).str());
  client_.send(data_frames(1, message(body_), kEnd));
  EXPECT_EQ(client_.outcome(1), "0");
  EXPECT_EQ(client_.stream(1).data, message(body_));
  expect_served(3);
  client_.send(Wire().goaway(0, ErrorCode::kNoError));
  expect_served(5);
  EXPECT_EQ(log().at(LogLevel::kWarning), std::vector<std::string>());
}

TEST_P(MisbehavingClients, StreamsBeyondTheLimitAreRefusedAndTheRestServed) {
  Service service;
  support::ServedRaw served(runtime(), service,
                            {.address = "pipe:one", .server = {.max_concurrent_streams = 1}});
  ScriptedClient client(runtime(), "pipe:one");
  client.greet();
  client.send(head(1, "Bidi"));
  for (StreamId id = 3; id <= 21; id += 2) {
    client.send(support::unary_request(id));
    EXPECT_EQ(client.outcome(id), "open, RST_STREAM REFUSED_STREAM");
  }
  client.send(Wire().data(1, message("m"), kEnd));
  EXPECT_EQ(client.outcome(1), "0");
  client.send(support::unary_request(23));
  EXPECT_EQ(client.outcome(23), "0");
  EXPECT_EQ(service.begun, 2);
}

class ClientsOfCrumbs : public support::WireTest {
 protected:
  void expect_whole_request(std::optional<std::uint8_t> padding) {
    RawService service;
    Server server(runtime());
    ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
    ASSERT_EQ(server.serve(runtime().listen(some_address()).value()), Status());
    ScriptedClient client(runtime(), server.addrs()[0].to_string());
    Windows windows(client);
    client.send(Wire().preface().settings({{SettingId::kInitialWindowSize, kWide}}).settings_ack());
    client.send(Wire().window_update(0, kWide).headers(1, request_head("/test.Raw/Unary")));
    client.until([&] { return !client.frames("SETTINGS ACK").empty(); });
    const std::string body = support::pattern(kRequestSize).to_string();
    ASSERT_TRUE(send_crumbs(client, windows, 1, message(body), padding));
    client.send(Wire().data(1, "", kEnd));
    client.until([&] { return client.ended(1); });
    EXPECT_EQ(client.outcome(1), "0");
    EXPECT_EQ(client.stream(1).data, message(body));
    EXPECT_FALSE(client.closed());
  }
};
INSTANTIATE_TEST_SUITE_P(All, ClientsOfCrumbs, ::testing::ValuesIn(kBothWindows), support::name_of);

TEST_P(ClientsOfCrumbs, PaddingGivesItsCreditBack) { expect_whole_request(kMostPadding); }
TEST_P(ClientsOfCrumbs, PaddingMayBeOfNoBytes) { expect_whole_request(0); }
TEST_P(ClientsOfCrumbs, MessageWithoutPaddingComesWhole) { expect_whole_request(std::nullopt); }

}  // namespace
}  // namespace sluice::misbehaviour
