// Servers that misbehave in the eight ways that every gRPC client is tested with
// (doc/negative-http2-interop-test-descriptions.md of grpc/grpc, whose names begin those of the tests), and
// what a Channel makes of each.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "misbehaviour/misbehaviour.h"

namespace sluice::misbehaviour {
namespace {

class MisbehavingServers : public support::ClientTest {
 protected:
  Call<Chain> start() { return channel().invoke(kUnary, request_).start(); }
  // The next connection, with a window for whole requests.
  ScriptedPeer& accept_wide() {
    ScriptedPeer& server = accept({{SettingId::kInitialWindowSize, kWide}});
    server.send(Wire().window_update(0, kWide));
    return server;
  }
  std::string reply(StreamId id) const {
    return Wire()
        .headers(id, kResponseHead)
        .raw(data_frames(id, message(body_)))
        .headers(id, kOkTrailers, kEnd)
        .str();
  }
  // Response headers, so much of the message, then RST_STREAM(NO_ERROR): in one read and in several.
  void expect_failure(std::size_t size) {
    for (const bool at_once : {true, false}) {
      Call<Chain> call = start();
      ScriptedPeer& server = connected();
      const std::string head = Wire().headers(id_, kResponseHead).str();
      const std::string data = size > 0 ? data_frames(id_, message(body_).substr(0, size)) : "";
      const std::string reset = Wire().rst(id_, ErrorCode::kNoError).str();
      if (at_once) {
        server.send(head + data + reset);
      } else {
        for (const std::string& piece : {head, data, reset}) server.send(piece);
      }
      EXPECT_EQ(call.get().status(), kReset);
      id_ += 2;
    }
    // Nothing but their calls: the next one goes over the same connection.
    Call<Chain> next = start();
    ScriptedPeer& server = connected();
    server.send(reply(id_));
    EXPECT_EQ(support::text_of(next.get()), body_);
    EXPECT_FALSE(server.closed());
    EXPECT_EQ(server.frames("GOAWAY"), std::vector<std::string>());
  }
  ScriptedPeer& connected() {
    if (!connected_) connected_ = &accept_wide();
    settle();
    EXPECT_EQ(connected_->stream(id_).data.size(), kRequestSize + 5);
    return *connected_;
  }

  const Status kReset{StatusCode::kInternal, "stream reset by the peer: NO_ERROR"};
  const Chain request_ = support::pattern(kRequestSize);
  const std::string body_ = support::pattern(kReplySize).to_string();
  StreamId id_ = 1;
  ScriptedPeer* connected_ = nullptr;
};
INSTANTIATE_TEST_SUITE_P(All, MisbehavingServers, ::testing::ValuesIn(support::kThreadlessRuntimes),
                         support::name_of);

// However GOAWAY and the reply to the first call follow each other, the second one goes elsewhere and
// succeeds.
TEST_P(MisbehavingServers, goaway_NextCallGoesOverANewConnection) {
  const std::string goaway = Wire().goaway(1, ErrorCode::kNoError).str();
  const std::vector<std::vector<std::string>> orders = {
      {reply(1), goaway}, {reply(1) + goaway}, {goaway + reply(1)}, {goaway, reply(1)}};
  for (const std::vector<std::string>& order : orders) {
    const Channel fresh = dial(runtime(), "pipe:scripted").value();
    Call<Chain> first = fresh.invoke(kUnary, request_).start();
    ScriptedPeer& one = accept_wide();
    for (const std::string& bytes : order) one.send(bytes);
    EXPECT_EQ(support::text_of(first.get()), body_);
    Call<Chain> second = fresh.invoke(kUnary, request_).start();
    ScriptedPeer& other = accept_wide();
    EXPECT_EQ(other.stream(1).data.size(), kRequestSize + 5);
    other.send(reply(1));
    EXPECT_EQ(support::text_of(second.get()), body_);
    EXPECT_EQ(one.frames("HEADERS").size(), 1u);
    settle();
    EXPECT_TRUE(one.closed()) << "nobody needs it any more";
    EXPECT_FALSE(other.closed());
  }
  EXPECT_EQ(log().at(LogLevel::kWarning), std::vector<std::string>()) << "it is no error";
}

// While the first call still runs on the old connection.
TEST_P(MisbehavingServers, goaway_CallsOnBothConnectionsSucceed) {
  Call<Chain> first = start();
  ScriptedPeer& one = accept_wide();
  one.send(Wire().goaway(1, ErrorCode::kNoError));
  Call<Chain> second = start();
  ScriptedPeer& other = accept_wide();
  other.send(reply(1));
  EXPECT_EQ(support::text_of(second.get()), body_);
  one.send(reply(1));
  EXPECT_EQ(support::text_of(first.get()), body_);
  settle();
  EXPECT_TRUE(one.closed());
  EXPECT_EQ(one.frames("RST_STREAM"), std::vector<std::string>());
}

TEST_P(MisbehavingServers, rst_after_header_FailsTheCall) { expect_failure(0); }

// As the official server does it: before it has read the request.
TEST_P(MisbehavingServers, rst_after_header_StopsTheRequest) {
  Call<Chain> call = start();
  ScriptedPeer& server = accept();
  EXPECT_LT(server.stream(1).data.size(), kRequestSize) << "the rest waits for credit";
  server.send(Wire().headers(1, kResponseHead).rst(1, ErrorCode::kNoError));
  EXPECT_EQ(call.get().status(), kReset);
  settle();
  server.take();
  server.send(Wire().window_update(0, kWide).window_update(1, kWide));
  EXPECT_EQ(server.take(), std::vector<std::string>()) << "and never leaves";
}

TEST_P(MisbehavingServers, rst_during_data_FailsTheCall) { expect_failure(kReplySize / 2); }

TEST_P(MisbehavingServers, rst_after_data_FailsTheCall) { expect_failure(kReplySize + 5); }

// A stream hands over what came whole, and ends with the failure.
TEST_P(MisbehavingServers, rst_after_data_LeavesTheMessageToItsReader) {
  for (const bool at_once : {true, false}) {
    const Channel fresh = dial(runtime(), "pipe:scripted").value();
    auto stream = support::reply_stream(fresh, request_);
    ScriptedPeer& server = accept_wide();
    const std::string data = Wire().headers(1, kResponseHead).raw(data_frames(1, message(body_))).str();
    const std::string reset = Wire().rst(1, ErrorCode::kNoError).str();
    if (!at_once) server.send(data);
    server.send(at_once ? data + reset : reset);
    const Read<Chain> whole = stream.read().get();
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->to_string(), body_);
    EXPECT_FALSE(stream.read().get());
    EXPECT_EQ(stream.finish().get(), kReset);
  }
}

TEST_P(MisbehavingServers, ping_EachIsAnsweredByItsOwnBytes) {
  Call<Chain> call = start();
  ScriptedPeer& server = accept_wide();
  const std::string half = message(body_).substr(0, kReplySize / 2);
  const std::string rest = message(body_).substr(kReplySize / 2);
  const std::string parts[] = {"", Wire().headers(1, kResponseHead).str(), data_frames(1, half),
                               data_frames(1, rest), Wire().headers(1, kOkTrailers, kEnd).str()};
  std::size_t pings = 0;
  for (const std::string& part : parts) {
    // One by itself, and one in the same write as what it follows.
    for (const std::string& before : {part, std::string()}) {
      const std::string payload = "ping no" + std::to_string(pings++);
      server.send(before + Wire().ping(payload).str());
      EXPECT_EQ(server.last_ping(), payload);
      EXPECT_EQ(server.frames("PING ACK").size(), pings) << "none is outstanding";
    }
  }
  EXPECT_EQ(support::text_of(call.get()), body_);
  server.send(Wire().ping("12345678").ping("abcdefgh"));
  EXPECT_EQ(server.frames("PING ACK").size(), pings + 2) << "between calls, too";
  EXPECT_EQ(server.last_ping(), "abcdefgh");
}

TEST_P(MisbehavingServers, max_streams_OneCallAtATimeGoesOut) {
  Call<Chain> initial = start();
  ScriptedPeer& server = accept_wide();
  server.send(Wire().settings({{SettingId::kMaxConcurrentStreams, 1}}).raw(reply(1)));
  EXPECT_EQ(support::text_of(initial.get()), body_);
  std::vector<Call<Chain>> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(start());
  for (StreamId id = 3; id <= 21; id += 2) {
    settle();
    EXPECT_EQ(server.frames("HEADERS").size(), (id + 1) / 2) << "and the one before it has ended";
    EXPECT_EQ(server.stream(id).data.size(), kRequestSize + 5);
    server.send(reply(id));
  }
  for (Call<Chain>& call : calls) EXPECT_EQ(support::text_of(call.get()), body_);
  EXPECT_EQ(server.frames("HEADERS").size(), 11u);
}

// Five bytes of message in a frame, with and without 255 bytes of padding: more than the window of any
// network, so that it goes on only if padding is credited.
class ServersOfCrumbs : public support::WireTest {
 protected:
  void expect_whole_reply(std::optional<std::uint8_t> padding) {
    ScriptedListener listener(runtime(), some_address());
    const Channel channel = dial(runtime(), listener.addr().to_string()).value();
    const Chain request = bytes("m");
    Call<Chain> call = channel.invoke(kUnary, request).start();
    const std::unique_ptr<ScriptedPeer> server = listener.accept();
    server->send(Wire().settings().settings_ack());
    server->until([&] { return server->ended(1); });
    server->send(Wire().headers(1, kResponseHead));
    const std::string body = support::pattern(kReplySize).to_string();
    Windows windows(*server);
    ASSERT_TRUE(send_crumbs(*server, windows, 1, message(body), padding));
    const std::size_t frames = (kReplySize + 5 + kCrumb - 1) / kCrumb;
    EXPECT_EQ(windows.spent(), kReplySize + 5 + (padding ? frames * (*padding + 1) : 0));
    server->send(Wire().headers(1, kOkTrailers, kEnd));
    EXPECT_EQ(support::text_of(call.get()), body);
    EXPECT_FALSE(server->closed());
    EXPECT_FALSE(server->stream(1).reset);
  }
};
INSTANTIATE_TEST_SUITE_P(All, ServersOfCrumbs, ::testing::ValuesIn(kBothWindows), support::name_of);

TEST_P(ServersOfCrumbs, data_frame_padding_GivesItsCreditBack) { expect_whole_reply(kMostPadding); }
TEST_P(ServersOfCrumbs, data_frame_padding_MayBeOfNoBytes) { expect_whole_reply(0); }
TEST_P(ServersOfCrumbs, no_df_padding_sanity_test_MessageComesWhole) { expect_whole_reply(std::nullopt); }

}  // namespace
}  // namespace sluice::misbehaviour
