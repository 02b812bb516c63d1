// Peers that do not speak HTTP/2, say nothing or stop in the middle: a clear status on the client's side, a
// closed connection on the server's, and one line in the log that names peer and cause.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

using namespace std::string_literals;

const std::string kClientHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s + std::string(500, 'r');
const std::string kTlsAlert = "\x15\x03\x03\x00\x02\x02\x46"s;

constexpr const char* kHttp1 = "connection error: PROTOCOL_ERROR: the peer speaks HTTP/1.1, not HTTP/2";
constexpr const char* kTls = "connection error: PROTOCOL_ERROR: the peer speaks TLS, not plain HTTP/2";
constexpr const char* kOther = "connection error: PROTOCOL_ERROR: the peer does not speak HTTP/2";

struct Case {
  std::string name;
  std::string bytes;
  std::string cause;  // PEER stands for its address
};

std::string with_peer(std::string text, const std::string& peer) {
  for (std::size_t at; (at = text.find("PEER")) != text.npos;) text.replace(at, 4, peer);
  return text;
}

class ServerStrangers : public WireTest {
 protected:
  struct Service final : RawService {
    Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
      ++running;
      Chain request;
      Status cut;
      while (co_await stream.read_into(request, cut)) {
      }
      --running;
      cancelled += context.cancelled();
      co_return Status();
    }
    int running = 0;
    int cancelled = 0;
  };

  ServerStrangers() : server_(runtime()) {
    EXPECT_EQ(server_.register_service(RawService::desc(), &service_), Status());
    EXPECT_EQ(server_.serve(runtime().listen(some_address()).value()), Status());
    address_ = server_.addrs()[0].to_string();
  }
  // Somebody else is served all the same.
  void TearDown() override {
    EXPECT_EQ(service_.running, 0);
    if (server_.addrs().empty()) return;  // it was stopped
    const Channel channel = dial(runtime(), address_).value();
    const Chain request = bytes("m");
    EXPECT_EQ(support::text_of(channel.invoke(kUnary, request).get()), "m");
  }

  enum class Then { kWaits, kCloses };
  // Sends this, and expects that the connection ends and is told of by one line of this level.
  void expect_end(const Case& c, Then then, LogLevel level) {
    SCOPED_TRACE(c.name);
    const std::size_t before = log().all().size();
    ScriptedClient stranger(runtime(), address_);
    const std::string peer = stranger.local_addr().to_string();
    stranger.send(c.bytes);
    if (then == Then::kCloses) stranger.half_close();
    stranger.until_closed();
    stranger.close();  // over sockets the server waits for that, and then tells
    while (log().all().size() == before) runtime().poll();
    const std::vector<std::string> all = log().all();
    ASSERT_EQ(all.size(), before + 1) << all.back();
    EXPECT_EQ(all.back(), "connection from " + peer + " ended: " + with_peer(c.cause, peer));
    ASSERT_FALSE(log().at(level).empty());
    EXPECT_EQ(log().at(level).back(), all.back());
  }

  Service service_;
  Server server_;
  std::string address_;
};
INSTANTIATE_TEST_SUITE_P(All, ServerStrangers, ::testing::ValuesIn(kThreadlessNetworks), support::name_of);

TEST_P(ServerStrangers, WhoSpeaksSomethingElseIsNamedInTheLog) {
  const Case cases[] = {
      {"browser", "GET / HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n\r\n", kHttp1},
      {"upload", "POST /x HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", kHttp1},
      {"TLS client", kClientHello, kTls},
      {"TLS alert", kTlsAlert, kTls},
      {"mail", "EHLO mail.example.org\r\n", kOther},
      {"random bytes", "\xde\xad\xbe\xef\x00\x01\x02\x03"s, kOther},
      {"zeros", std::string(100, '\0'), kOther},
      {"long garbage", std::string(100'000, '!'), kOther},
      {"preface alone in common", Wire().preface().raw("hello, hello, hello").str(),
       "connection error: FRAME_SIZE_ERROR: frame longer than SETTINGS_MAX_FRAME_SIZE"},
      {"preface and request", Wire().preface().headers(1, request_head("/test.Raw/Unary")).str(),
       "connection error: PROTOCOL_ERROR: first frame is not SETTINGS"}};
  for (const Case& c : cases) expect_end(c, Then::kWaits, LogLevel::kWarning);
}

TEST_P(ServerStrangers, WhoStopsInTheMiddleIsNamedInTheLog) {
  const std::string begin = Wire().preface().settings().settings_ack().str();
  const std::string head = Wire().headers(1, request_head("/test.Raw/Bidi")).str();
  const std::string cut = "connection closed by PEER in the middle of ";
  const Case cases[] = {
      {"preface", std::string(http2::kClientPreface.substr(0, 10)), cut + "the preface"},
      {"frame header", begin + "\x00\x00"s, cut + "a frame"},
      {"SETTINGS", Wire().preface().settings({{SettingId::kInitialWindowSize, 1}}).str().substr(0, 36),
       cut + "a frame"},
      {"HEADERS", begin + head.substr(0, 30), cut + "a frame"},
      {"header block", begin + Wire().headers(1, "", 0).str(), cut + "a header block"},
      {"DATA", begin + head + Wire().header(100, FrameType::kData, 0, 1).raw("\0\0\0"s).str(),
       cut + "a frame"},
      {"unknown frame", begin + Wire().header(100, static_cast<FrameType>(99), 0, 0).raw("abc").str(),
       cut + "a frame"}};
  for (const Case& c : cases) expect_end(c, Then::kCloses, LogLevel::kWarning);
  EXPECT_EQ(service_.cancelled, 1) << "the one whose DATA was cut";
}

TEST_P(ServerStrangers, WhoClosesBetweenFramesIsNoTrouble) {
  const std::string begin = Wire().preface().settings().settings_ack().str();
  const Case cases[] = {
      {"probe", "", "connection closed by PEER before its HTTP/2 SETTINGS"},
      {"preface", Wire().preface().str(), "connection closed by PEER before its HTTP/2 SETTINGS"},
      {"greeting", begin, "connection closed by PEER"},
      {"message",
       begin + Wire().headers(1, request_head("/test.Raw/Bidi")).data(1, message("half").substr(0, 7)).str(),
       "connection closed by PEER"}};
  for (const Case& c : cases) expect_end(c, Then::kCloses, LogLevel::kInfo);
  EXPECT_EQ(service_.cancelled, 1) << "the one that was inside a message";
}

class ServerStrangersInVirtualTime : public ServerStrangers {};
INSTANTIATE_TEST_SUITE_P(Simulated, ServerStrangersInVirtualTime,
                         ::testing::ValuesIn(support::kSimulatedRuntimes), support::name_of);

TEST_P(ServerStrangersInVirtualTime, WhoSaysNothingIsGivenTwentySeconds) {
  const std::string why = "no HTTP/2 SETTINGS from PEER in time";
  const std::string settings = Wire().settings({{SettingId::kInitialWindowSize, 1}}).str();
  const Case cases[] = {{"nothing", "", why},
                        {"half a preface", "PRI *", why},
                        {"preface", Wire().preface().str(), why},
                        {"half a frame", Wire().preface().raw(settings.substr(0, 12)).str(), why}};
  for (const Case& c : cases) {
    const TimePoint begin = runtime().now();
    expect_end(c, Then::kWaits, LogLevel::kWarning);
    EXPECT_EQ(runtime().now() - begin, 20s) << c.name;
  }
}

TEST_P(ServerStrangersInVirtualTime, WhoFallsSilentInAHeaderBlockIsGivenTenSeconds) {
  const std::string begin = Wire().preface().settings().settings_ack().str();
  const std::string head = Wire().headers(1, request_head("/test.Raw/Bidi")).str();
  const std::string why = "connection error: ENHANCE_YOUR_CALM: header block not complete in time";
  const Case cases[] = {{"frame header", begin + head.substr(0, 5), why},
                        {"HEADERS", begin + head.substr(0, 30), why},
                        {"header block", begin + Wire().headers(1, "", 0).str(), why}};
  for (const Case& c : cases) {
    const TimePoint start = runtime().now();
    expect_end(c, Then::kWaits, LogLevel::kWarning);
    EXPECT_EQ(runtime().now() - start, 10s) << c.name;
  }
  EXPECT_EQ(server_.limit_counts()[Limit::kHeaderBlockTimeout], 3u);
}

TEST_P(ServerStrangersInVirtualTime, WhoDoesNotAcknowledgeSettingsIsGivenTenSeconds) {
  const Case c = {"greeting", Wire().preface().settings().str(),
                  "connection error: SETTINGS_TIMEOUT: SETTINGS not acknowledged in time"};
  const TimePoint start = runtime().now();
  expect_end(c, Then::kWaits, LogLevel::kWarning);
  EXPECT_EQ(runtime().now() - start, 10s);
}

// Elsewhere a peer may be silent for as long as it likes; it holds up nobody, and no stop().
TEST_P(ServerStrangersInVirtualTime, WhoFallsSilentInTheMiddleHoldsUpNobody) {
  const std::string head = Wire().headers(1, request_head("/test.Raw/Bidi")).str();
  const std::string parts[] = {Wire().ping("12345678").str().substr(0, 12),
                               head + Wire().data(1, message("half").substr(0, 7)).str(),
                               head + Wire().header(100, FrameType::kData, 0, 1).raw("\0\0\0"s).str()};
  std::vector<std::unique_ptr<ScriptedClient>> silent;
  for (const std::string& part : parts) {
    silent.push_back(std::make_unique<ScriptedClient>(runtime(), address_));
    silent.back()->greet().send(part);
  }
  pass(1h);
  for (const auto& peer : silent) EXPECT_FALSE(peer->closed());
  const TimePoint begin = runtime().now();
  const Result<StopReport> report = server_.stop(begin + 1min).get();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->still_running.empty());
  EXPECT_LE(runtime().now() - begin, 1min);
  EXPECT_EQ(service_.cancelled, 2);
  settle();
  for (const auto& peer : silent) EXPECT_TRUE(peer->closed());
}

// A client that opens its window and then reads nothing: the handler's write ends with the deadline, or with
// stop().
TEST_P(ServerStrangersInVirtualTime, WhoReadsNothingHoldsUpNoHandlerPastItsDeadline) {
  struct Talker final : RawService {
    Task<Status> reply_stream(ServerContext& context, const Chain&, ServerWriter<Chain>& writer) override {
      const Chain reply = support::pattern(1 << 20);
      Status status;
      while (status.ok()) status = co_await writer.write(reply);
      cancelled += context.cancelled();
      co_return status;
    }
    int cancelled = 0;
  } talker;
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &talker), Status());
  ASSERT_EQ(server.serve(runtime().listen("pipe:talker").value()), Status());
  ScriptedClient client(runtime(), "pipe:talker");
  client.greet({{SettingId::kInitialWindowSize, 4 << 20}});
  client.send(Wire().window_update(0, 64 << 20));
  client.stop_reading();
  const auto request = [](http2::StreamId id, const Headers& more) {
    return Wire().headers(id, request_head("/test.Raw/ReplyStream", more)).data(id, message("m"), kEnd).str();
  };
  client.send(request(1, {{"grpc-timeout", "1S"}}) + request(3, {}));
  pass(999ms);
  EXPECT_EQ(talker.cancelled, 0);
  pass(1ms);
  EXPECT_EQ(talker.cancelled, 1);
  const TimePoint begin = runtime().now();
  const Result<StopReport> report = server.stop(begin + 1s).get();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->still_running.empty());
  EXPECT_EQ(talker.cancelled, 2);
  EXPECT_EQ(runtime().now() - begin, 1s);
}

// One connection, one line about what is wrong with it and one about its end, however much it does wrong.
class ServerLog : public ServerStrangers {};
INSTANTIATE_TEST_SUITE_P(All, ServerLog, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(ServerLog, IsNotFilledByOneConnection) {
  std::string peer;
  {
    ScriptedClient client(runtime(), address_);
    client.greet();
    peer = client.local_addr().to_string();
    for (http2::StreamId id = 1; id < 400; id += 4) {
      client.send(Wire().headers(id, request_head("/no/such"), kEnd));
      client.send(Wire().headers(id + 2, request_head("/no/such", {{"te", "gzip"}}), kEnd));
      client.send(Wire().goaway(0, ErrorCode::kInternalError, "x"));
    }
    EXPECT_FALSE(client.closed());
  }
  settle();
  EXPECT_EQ(log().all(),
            (std::vector<std::string>{
                "refused a request from " + peer + " for \"/no/such\": UNIMPLEMENTED: unknown service no",
                "connection from " + peer + " ended: connection closed by " + peer +
                    " after its GOAWAY: INTERNAL_ERROR \"x\" (300 complaints)"}));
}

TEST_P(ServerLog, SaysOfOneComplaintNothingMoreAndOfTwoHowMany) {
  for (const std::string& told : {std::string(), std::string(" (2 complaints)")}) {
    {
      ScriptedClient client(runtime(), address_);
      client.greet();
      client.send(Wire().headers(1, request_head("/no/such"), kEnd));
      if (!told.empty()) client.send(Wire().headers(3, request_head("/no/such"), kEnd));
    }
    settle();
    const std::string last = log().all().back();
    EXPECT_NE(last.find("connection closed by "), last.npos) << last;
    EXPECT_EQ(last.find(" complaints)") != last.npos, !told.empty()) << last;
    EXPECT_TRUE(last.ends_with(told)) << last;
  }
}

TEST_P(ServerLog, R98_HoldsNoMetadata) {
  ScriptedClient client(runtime(), address_);
  client.greet();
  const Headers secrets = {{"authorization", "Bearer s3cret"}, {"cookie", "s3cret"}, {"x-token", "s3cret"}};
  client.send(Wire().headers(1, request_head("/no/such", secrets), kEnd));
  Headers broken = secrets;
  broken.push_back({"te", "s3cret"});
  ScriptedClient other(runtime(), address_);
  other.greet();
  other.send(Wire().headers(1, request_head("/no/such", broken), kEnd));
  EXPECT_EQ(log().all().size(), 2u);
  for (const std::string& line : log().all()) EXPECT_EQ(line.find("s3cret"), line.npos) << line;
}

TEST_P(ServerLog, R98_NorDoesThatOfAClient) {
  const std::vector<std::string> bad = {
      Wire().headers(1, kResponseHead).headers(1, kResponseHead).str(),
      Wire().rst(1, ErrorCode::kInternalError).str(),
      Wire().goaway(1, ErrorCode::kInternalError, "no").rst(1, ErrorCode::kInternalError).str(),
      Wire().data(7, "x").str(),
      Wire().headers(1, {{":status", "401"}, {"content-type", "text/html"}}, kEnd).str()};
  ScriptedListener listener(runtime(), "pipe:log");
  for (const std::string& bytes : bad) {
    const Channel channel = dial(runtime(), "pipe:log").value();
    const Chain request = support::bytes("m");
    Call<Chain> call =
        channel.invoke(kUnary, request, {.metadata = MetadataList({"authorization", "Bearer s3cret"})})
            .start();
    const std::unique_ptr<ScriptedPeer> server = listener.accept();
    server->send(Wire().settings().settings_ack());
    EXPECT_EQ(server->stream(1).field("authorization"), "Bearer s3cret");
    server->send(bytes);
    const Status status = call.get().status();
    EXPECT_EQ(status.to_string().find("s3cret"), std::string::npos) << status;
  }
  EXPECT_GE(log().all().size(), 2u);
  for (const std::string& line : log().all()) EXPECT_EQ(line.find("s3cret"), line.npos) << line;
}

// What a peer chose cannot begin another line, nor tell a terminal what to do.
TEST_P(ServerLog, EscapesControlCharacters) {
  ScriptedClient client(runtime(), address_);
  client.greet();
  client.send(Wire().goaway(0, ErrorCode::kInternalError, "a\nb\x1b[2J"));
  ASSERT_EQ(log().all().size(), 1u);
  EXPECT_TRUE(log().all()[0].ends_with("INTERNAL_ERROR \"a\\x0ab\\x1b[2J\"")) << log().all()[0];
}

TEST_P(ServerLog, QuotesAPeerWithinBounds) {
  ScriptedClient client(runtime(), address_);
  client.greet();
  client.send(Wire().headers(1, request_head(std::string(5'000, 'x')), kEnd));
  ASSERT_EQ(log().all().size(), 1u);
  EXPECT_LT(log().all()[0].size(), 1'000u);
}

class ClientStrangers : public WireTest {
 protected:
  ClientStrangers() : listener_(runtime(), some_address()), address_(listener_.addr().to_string()) {}

  enum class Then { kWaits, kCloses };
  // Two calls on a channel whose server says this: both end with the same status, and one line tells of it.
  void expect_unavailable(const Case& c, Then then) {
    SCOPED_TRACE(c.name);
    const std::size_t before = log().all().size();
    const Channel channel = dial(runtime(), address_).value();
    const Chain request = bytes("m");
    Call<Chain> unary = channel.invoke(kUnary, request).start();
    auto stream = bidi(channel);
    Call<Status> finished = stream.finish().start();
    const std::unique_ptr<ScriptedPeer> server = listener_.accept();
    server->send(c.bytes);
    if (then == Then::kCloses) server->half_close();
    const Status status(StatusCode::kUnavailable, with_peer(c.cause, address_));
    EXPECT_EQ(unary.get().status(), status);
    EXPECT_EQ(finished.get(), status);
    server->until_closed();
    const std::vector<std::string> all = log().all();
    ASSERT_EQ(all.size(), before + 1) << all.back();
    EXPECT_NE(all.back().find(status.message()), std::string::npos) << all.back();
    EXPECT_NE(all.back().find(address_), std::string::npos) << all.back();
    EXPECT_EQ(log().at(LogLevel::kWarning).back(), all.back());
  }
  ScriptedListener listener_;
  const std::string address_;
};
INSTANTIATE_TEST_SUITE_P(All, ClientStrangers, ::testing::ValuesIn(kThreadlessNetworks), support::name_of);

TEST_P(ClientStrangers, WhoSpeaksSomethingElseIsNamedInTheStatus) {
  const std::string no = "no connection to PEER: ";
  const std::string no_settings = "connection error: PROTOCOL_ERROR: first frame is not SETTINGS";
  const Case cases[] = {
      {"web server", "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nwhat?",
       no + kHttp1 + R"( ("HTTP/1.1 400 Bad Request\x0d\x0aConten"))"},
      {"TLS server", kTlsAlert, no + kTls + R"( ("\x15\x03\x03\x00\x02\x02F"))"},
      {"ssh", "SSH-2.0-OpenSSH\r\n", no + kOther + R"( ("SSH-2.0-OpenSSH\x0d\x0a"))"},
      {"error page", "<!DOCTYPE HTML>\n<html>", no + kOther + R"( ("<!DOCTYPE HTML>\x0a<html>"))"},
      {"random bytes", "\xde\xad\xbe\xef"s, no + kOther + R"( ("\xde\xad\xbe\xef"))"},
      {"long garbage", std::string(100'000, '!'), no + kOther + " (\"" + std::string(32, '!') + "\")"},
      {"zeros", std::string(9, '\0'), no + no_settings + R"( ("\x00\x00\x00\x00\x00\x00\x00\x00\x00"))"},
      {"refuses at once", Wire().goaway(0, ErrorCode::kHttp11Required).str(),
       no + no_settings + R"( ("\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0d"))"},
      {"SETTINGS, then garbage", Wire().settings().raw("hello, hello, hello").str(),
       "connection error: FRAME_SIZE_ERROR: frame longer than SETTINGS_MAX_FRAME_SIZE"}};
  for (const Case& c : cases) expect_unavailable(c, Then::kWaits);
}

TEST_P(ClientStrangers, WhoSpeaksSomethingElseAndClosesIsNamedAllTheSame) {
  const std::string no = "no connection to PEER: ";
  expect_unavailable({"web server", "HTTP/1.1 400\r\n", no + kHttp1 + R"( ("HTTP/1.1 400\x0d\x0a"))"},
                     Then::kCloses);
  expect_unavailable({"TLS server", "\x15", no + kTls + R"( ("\x15"))"}, Then::kCloses);
}

TEST_P(ClientStrangers, WhoClosesEarlyIsNamedInTheStatus) {
  const std::string begin = Wire().settings().settings_ack().str();
  const std::string head = Wire().headers(1, kResponseHead).str();
  const std::string no = "no connection to PEER: ";
  const std::string cut = "connection closed by PEER in the middle of ";
  const Case cases[] = {
      {"at once", "", no + "connection closed by PEER before its HTTP/2 SETTINGS"},
      {"SETTINGS", Wire().settings({{SettingId::kInitialWindowSize, 1}}).str().substr(0, 12),
       no + cut + "a frame"},
      {"frame header", begin + head.substr(0, 5), cut + "a frame"},
      {"HEADERS", begin + head.substr(0, 12), cut + "a frame"},
      {"header block", begin + Wire().headers(1, "", 0).str(), cut + "a header block"},
      {"DATA", begin + head + Wire().header(100, FrameType::kData, 0, 1).raw("\0\0\0"s).str(),
       cut + "a frame"}};
  for (const Case& c : cases) expect_unavailable(c, Then::kCloses);
}

class ClientStrangersInVirtualTime : public ClientStrangers {};
INSTANTIATE_TEST_SUITE_P(Simulated, ClientStrangersInVirtualTime,
                         ::testing::ValuesIn(support::kSimulatedRuntimes), support::name_of);

TEST_P(ClientStrangersInVirtualTime, R60_WhoSaysNothingIsGivenTwentySeconds) {
  const std::string why = "no connection to PEER: no HTTP/2 SETTINGS from PEER in time";
  const TimePoint begin = runtime().now();
  const Channel channel = dial(runtime(), address_).value();
  const Chain request = bytes("m");
  Call<Chain> call = channel.invoke(kUnary, request).start();
  const std::unique_ptr<ScriptedPeer> silent = listener_.accept();
  expect_names(call.get().status(), StatusCode::kUnavailable,
               "no HTTP/2 SETTINGS from " + address_ + " in time");
  EXPECT_EQ(runtime().now() - begin, 20s);
  settle();
  EXPECT_TRUE(silent->closed());
  EXPECT_EQ(log().all().size(), 1u);
}

// In the middle of an answer a call waits as long as its deadline lets it, and then says so to the server.
TEST_P(ClientStrangersInVirtualTime, WhoFallsSilentInTheMiddleIsWaitedForUntilTheDeadline) {
  const std::string head = Wire().headers(1, kResponseHead).str();
  const std::string parts[] = {"", Wire().ping("12345678").str().substr(0, 12),
                               head + Wire().data(1, message("half").substr(0, 7)).str(),
                               head + Wire().header(100, FrameType::kData, 0, 1).raw("\0\0\0"s).str()};
  for (const std::string& part : parts) {
    const Channel channel = dial(runtime(), address_).value();
    const Chain request = bytes("m");
    const TimePoint begin = runtime().now();
    Call<Chain> expires = channel.invoke(kUnary, request, {.timeout = 1min}).start();
    Call<Chain> cancelled = channel.invoke(kUnary, request).start();
    const std::unique_ptr<ScriptedPeer> silent = listener_.accept();
    silent->send(Wire().settings().settings_ack().raw(part));
    EXPECT_EQ(expires.get().status(), Status(StatusCode::kDeadlineExceeded, "deadline exceeded"));
    EXPECT_EQ(runtime().now() - begin, 1min);
    cancelled.cancel();
    EXPECT_EQ(cancelled.get().status(), Status(StatusCode::kCancelled, "call cancelled"));
    settle();
    EXPECT_EQ(silent->stream(1).reset, ErrorCode::kCancel);
    EXPECT_EQ(silent->stream(3).reset, ErrorCode::kCancel);
  }
}

TEST_P(ClientStrangersInVirtualTime, WhoFallsSilentInAHeaderBlockIsGivenTenSeconds) {
  const std::string head = Wire().headers(1, kResponseHead).str();
  for (const std::string& part : {head.substr(0, 5), Wire().headers(1, "", 0).str()}) {
    const Channel channel = dial(runtime(), address_).value();
    const Chain request = bytes("m");
    const TimePoint begin = runtime().now();
    Call<Chain> call = channel.invoke(kUnary, request).start();
    const std::unique_ptr<ScriptedPeer> silent = listener_.accept();
    silent->send(Wire().settings().settings_ack().raw(part));
    expect_names(call.get().status(), StatusCode::kUnavailable,
                 "ENHANCE_YOUR_CALM: header block not complete in time");
    EXPECT_EQ(runtime().now() - begin, 10s);
  }
}

// A server that opens its window and then reads nothing.
TEST_P(ClientStrangersInVirtualTime, WhoReadsNothingIsWrittenToUntilTheDeadline) {
  const Channel channel = dial(runtime(), address_).value();
  auto expires = bidi(channel, {.timeout = 30s});
  auto cancelled = bidi(channel);
  const std::unique_ptr<ScriptedPeer> deaf = listener_.accept();
  deaf->stop_reading();
  deaf->send(
      Wire().settings({{SettingId::kInitialWindowSize, 4 << 20}}).settings_ack().window_update(0, 64 << 20));
  const Chain large = support::pattern(3 << 20);
  const TimePoint begin = runtime().now();
  Status status;
  for (int i = 0; i < 100 && status.ok(); ++i) status = expires.write(large).get();
  EXPECT_EQ(status, Status(StatusCode::kDeadlineExceeded, "deadline exceeded"));
  EXPECT_EQ(runtime().now() - begin, 30s);
  EXPECT_EQ(expires.finish().get(), status);
  Call<Status> waits = cancelled.write(large).start();
  waits.cancel();
  EXPECT_EQ(waits.get().code(), StatusCode::kCancelled);
}

}  // namespace
}  // namespace sluice::inline v0::wire
