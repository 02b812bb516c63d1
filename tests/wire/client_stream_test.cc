// A client's calls in flight: what it sends, what it gives up, and what of that is said to the server.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <google/protobuf/wrappers.pb.h>

#include "sluice/proto/json.h"
#include "sluice/proto/message.h"
#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

class ClientStreams : public ClientTest {};
INSTANTIATE_TEST_SUITE_P(All, ClientStreams, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

class ClientStreamsInVirtualTime : public ClientTest {};
INSTANTIATE_TEST_SUITE_P(Simulated, ClientStreamsInVirtualTime,
                         ::testing::ValuesIn(support::kSimulatedRuntimes), support::name_of);

TEST_P(ClientStreams, RequestIsHeadersAndOneMessage) {
  const Chain request = bytes("hello");
  Call<Chain> call =
      channel().invoke(kUnary, request, {.metadata = MetadataList({"x-a", "1"}, {"x-bin", "a"})}).start();
  ScriptedPeer& server = accept();
  EXPECT_EQ(
      server.frames("HEADERS 1"),
      (std::vector<std::string>{
          "HEADERS 1 [:method POST, :scheme http, :path /test.Raw/Unary, :authority scripted, te trailers, "
          "content-type application/grpc, user-agent grpc-c++-sluice/0.1, x-a 1, x-bin YQ]"}));
  EXPECT_EQ(server.frames("DATA 1"), std::vector<std::string>{"DATA 1 END 10 bytes"});
  EXPECT_EQ(server.stream(1).data, message("hello"));
  server.send(Wire().headers(1, kResponseHead).data(1, message("world")).headers(1, kOkTrailers, kEnd));
  EXPECT_EQ(support::text_of(call.get()), "world");
  EXPECT_FALSE(server.stream(1).reset);
}

// Credit is given ahead for what is missing of a message that does not fit the window, here for one byte:
// that is counted, and given back, as any other amount.
TEST_P(ClientStreams, CreditIsGivenAheadForTheLastByteOfAMessage) {
  const Channel large = dial(runtime(), "pipe:scripted", {.max_receive_message_size = 8u << 20}).value();
  auto stream = support::reply_stream(large, bytes("m"));
  ScriptedPeer& server = accept();
  const std::string reply = message(std::string(5u << 20, 'r'));
  Wire all_but_one;
  all_but_one.headers(1, kResponseHead);
  for (std::size_t at = 0; at + 1 < reply.size(); at += 16'384)
    all_but_one.data(
        1, std::string_view(reply).substr(at, std::min<std::size_t>(16'384, reply.size() - 1 - at)));
  server.send(all_but_one);
  Call<Read<Chain>> read = stream.read().start();
  settle();
  server.send(Wire().data(1, reply.substr(reply.size() - 1)));
  EXPECT_EQ(read.get()->size(), 5u << 20);
  server.send(Wire().headers(1, kOkTrailers, kEnd));
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(ClientStreams, R03_CodecOfACallIsItsSubtype) {
  const Channel with_json = dial(runtime(), "pipe:scripted", {.codecs = {json_codec()}}).value();
  const UnaryMethod<google::protobuf::StringValue, google::protobuf::StringValue> method("/test.Raw/Unary");
  google::protobuf::StringValue text;
  text.set_value("hello");
  std::vector<Call<google::protobuf::StringValue>> calls;
  for (const char* codec : {"json", "", "json", "proto"}) {
    calls.push_back(with_json.invoke(method, text, {.codec = codec}).start());
  }
  ScriptedPeer& server = accept();
  settle();
  http2::StreamId id = 1;
  for (const bool json : {true, false, true, false}) {
    EXPECT_EQ(server.stream(id).field("content-type"), json ? "application/grpc+json" : "application/grpc");
    EXPECT_EQ(server.stream(id).data, message(json ? "\"hello\"" : "\n\x05hello"));
    // What the response says of its subtype changes nothing.
    server.send(Wire()
                    .headers(id, kResponseHead)
                    .data(id, message(json ? "\"world\"" : "\n\x05world"))
                    .headers(id, kOkTrailers, kEnd));
    id += 2;
  }
  for (Call<google::protobuf::StringValue>& call : calls) EXPECT_EQ(call.get()->value(), "world");
}

TEST_P(ClientStreamsInVirtualTime, R15_TimeoutIsSentInTheSmallestUnitThatFitsRoundedUp) {
  using std::chrono::hours, std::chrono::minutes, std::chrono::nanoseconds;
  auto beside = bidi(channel());
  ScriptedPeer& server = accept();
  http2::StreamId id = 1;
  for (const auto& [timeout, text] :
       std::vector<std::pair<Duration, std::string>>{{nanoseconds(1), "1n"},
                                                     {99'999'999ns, "99999999n"},
                                                     {100'000'000ns, "100000u"},
                                                     {100'000'001ns, "100001u"},
                                                     {99'999'999us, "99999999u"},
                                                     {99'999'999us + 1ns, "100000m"},
                                                     {100'000'001us, "100001m"},
                                                     {99'999'999ms, "99999999m"},
                                                     {99'999'999ms + 1ns, "100000S"},
                                                     {99'999'999s, "99999999S"},
                                                     {99'999'999s + 1ns, "1666667M"},
                                                     {minutes(99'999'999), "99999999M"},
                                                     {minutes(99'999'999) + 1ns, "1666667H"},
                                                     {hours(2'000'000), "2000000H"}}) {
    const Chain request = bytes("m");
    Call<Chain> call = channel().invoke(kUnary, request, {.timeout = timeout}).start();
    settle();
    EXPECT_EQ(server.stream(id += 2).field("grpc-timeout"), text);
    call.cancel();
    EXPECT_EQ(call.get().status().code(), StatusCode::kCancelled);
  }
}

TEST_P(ClientStreams, R15_TimeoutThatHasPassedSendsNothing) {
  auto beside = bidi(channel());
  ScriptedPeer& server = accept();
  server.take();
  for (const Duration timeout : {Duration(0ns), Duration(-1ns), Duration(-1h)}) {
    const Chain request = bytes("m");
    EXPECT_EQ(channel().invoke(kUnary, request, {.timeout = timeout}).get().status().code(),
              StatusCode::kDeadlineExceeded);
  }
  settle();
  EXPECT_EQ(server.take(), std::vector<std::string>());
}

TEST_P(ClientStreams, R16_TimeoutFollowsThePseudoHeadersAndMetadataComesLast) {
  for (const char* key : {"x-first", "x-second"}) {
    const Channel fresh = dial(runtime(), "pipe:scripted").value();
    const Chain request = bytes("m");
    Call<Chain> call =
        fresh.invoke(kUnary, request, {.timeout = 1h, .metadata = MetadataList({key, "1"})}).start();
    ScriptedPeer& server = accept();
    std::vector<std::string> names;
    for (const auto& field : server.stream(1).blocks.at(0)) names.push_back(field.first);
    EXPECT_EQ(names, (std::vector<std::string>{":method", ":scheme", ":path", ":authority", "grpc-timeout",
                                               "te", "content-type", "user-agent", key}));
    call.cancel();
    EXPECT_EQ(call.get().status().code(), StatusCode::kCancelled);
  }
}

TEST_P(ClientStreamsInVirtualTime, R57_DeadlineResetsTheStreamAndFailsTheCallHere) {
  const Chain request = bytes("m");
  Call<Chain> call = channel().invoke(kUnary, request, {.timeout = 250ms}).start();
  ScriptedPeer& server = accept();
  const TimePoint begin = runtime().now();
  EXPECT_EQ(call.get().status(), Status(StatusCode::kDeadlineExceeded, "deadline exceeded"));
  EXPECT_EQ(runtime().now() - begin, 250ms);
  settle();
  EXPECT_EQ(server.stream(1).reset, ErrorCode::kCancel);
}

// The reset of a server whose timer was the first, and that came too late for ours.
TEST(ClientDeadlines, R56_CancelAfterTheDeadlineIsDeadlineExceeded) {
  for (const Duration late : {-1ns, 0ns, 1ns}) {
    // Time passes where the log is written to, in the middle of what the server has sent.
    std::function<void()> on_log = [] {};
    Runtime runtime({.log = [&](LogLevel, std::string_view) { on_log(); }, .simulation_seed = 1});
    {
      ScriptedListener listener(runtime, "pipe:scripted");
      const Channel channel = dial(runtime, "pipe:scripted").value();
      const Chain request = bytes("m");
      const TimePoint begin = runtime.now();
      Call<Chain> call = channel.invoke(kUnary, request, {.timeout = 1s}).start();
      const std::unique_ptr<ScriptedPeer> server = listener.accept();
      server->send(Wire().settings().settings_ack());
      on_log = [&] { runtime.simulation()->advance_to(begin + 1s + late); };
      server->send(Wire().goaway(1, ErrorCode::kInternalError, "slow").rst(1, ErrorCode::kCancel));
      const StatusCode code = late < 0ns ? StatusCode::kCancelled : StatusCode::kDeadlineExceeded;
      expect_names(call.get().status(), code, "stream reset by the peer: CANCEL");
      on_log = [] {};
    }
    support::expect_idle(runtime);
  }
}

TEST_P(ClientStreams, R75_MessageOverTheSendLimitFailsHereAndIsNotSent) {
  const Channel limited = dial(runtime(), "pipe:scripted", {.max_send_message_size = 10}).value();
  auto stream = bidi(limited);
  ScriptedPeer& server = accept();
  EXPECT_EQ(stream.write(bytes("0123456789")).get(), Status());
  settle();
  server.take();
  const Chain large = bytes("0123456789a");
  const Status status(StatusCode::kResourceExhausted, "message of 11 bytes exceeds the limit of 10");
  EXPECT_EQ(stream.write(large).get(), status);
  EXPECT_EQ(limited.invoke(kUnary, large).get().status(), status);
  auto replies = reply_stream(limited, large);
  EXPECT_FALSE(replies.read().get());
  EXPECT_EQ(replies.finish().get(), status);
  settle();
  EXPECT_EQ(server.take(), std::vector<std::string>());
}

TEST_P(ClientStreams, R30_OrOnTheLastMessagesFrameIfThatHasNotLeft) {
  auto stream = bidi(channel());
  ScriptedPeer& server = accept();
  {
    Call<Status> write = stream.write(bytes("a")).start();
    EXPECT_EQ(write.get(), Status());
  }
  Call<Status> close = stream.close_write().start();
  EXPECT_EQ(close.get(), Status());
  settle();
  EXPECT_EQ(server.stream(1).data, message("a"));
  EXPECT_TRUE(server.stream(1).ended);
}

TEST_P(ClientStreams, R30_HalfCloseIsEndStreamOnAFrameOfNothing) {
  auto stream = bidi(channel());
  ScriptedPeer& server = accept();
  EXPECT_EQ(stream.write(bytes("a")).get(), Status());
  settle();
  EXPECT_EQ(stream.close_write().get(), Status());
  settle();
  EXPECT_EQ(server.frames("DATA 1"), (std::vector<std::string>{"DATA 1 6 bytes", "DATA 1 END 0 bytes"}));
  // The other half stays open.
  server.send(Wire().headers(1, kResponseHead).data(1, message("late")).headers(1, kOkTrailers, kEnd));
  const Read<Chain> reply = stream.read().get();
  EXPECT_EQ(reply ? reply->to_string() : "none", "late");
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(ClientStreams, R30_LastWriteCarriesEndStream) {
  auto stream = bidi(channel());
  ScriptedPeer& server = accept();
  EXPECT_EQ(stream.write(bytes("a"), {.last = true}).get(), Status());
  settle();
  EXPECT_EQ(server.frames("DATA 1"), std::vector<std::string>{"DATA 1 END 6 bytes"});
  stream.cancel();
}

TEST_P(ClientStreams, TrailersBeforeTheRequestHasEndedEndTheCall) {
  auto stream = bidi(channel());
  ScriptedPeer& server = accept();
  server.send(Wire().headers(
      1, {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "7"}}, kEnd));
  expect_names(stream.finish().get(), StatusCode::kPermissionDenied, "");
  EXPECT_EQ(stream.write(bytes("a")).get().code(), StatusCode::kPermissionDenied);
  settle();
  EXPECT_EQ(server.stream(1).reset, ErrorCode::kNoError);
  EXPECT_EQ(server.frames("DATA 1"), std::vector<std::string>());
}

TEST_P(ClientStreams, FinishMidwayInAMessageDiscardsTheRestOfIt) {
  auto stream = bidi(channel());
  ScriptedPeer& server = accept();
  server.send(Wire().headers(1, kResponseHead).data(1, message("half").substr(0, 7)));
  Call<Status> finished = stream.finish().start();
  server.send(Wire().data(1, "lf").headers(1, kOkTrailers, kEnd));
  EXPECT_EQ(finished.get(), Status());
}

// Cancelling one operation ends its call, and the server is told.
TEST_P(ClientStreams, CancelledReadEndsTheCall) {
  auto stream = bidi(channel());
  ScriptedPeer& server = accept();
  Call<Read<Chain>> read = stream.read().start();
  read.cancel();
  EXPECT_FALSE(read.get());
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kCancelled, "call cancelled"));
  settle();
  EXPECT_EQ(server.stream(1).reset, ErrorCode::kCancel);
}

TEST_P(ClientStreams, CancelledWriteEndsTheCall) {
  auto stream = bidi(channel());
  ScriptedPeer& server = accept({{SettingId::kInitialWindowSize, 0}});
  const Chain large = support::pattern(100'000);
  Call<Status> write = stream.write(large).start();
  write.cancel();
  EXPECT_EQ(write.get(), Status(StatusCode::kCancelled, "call cancelled"));
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kCancelled, "call cancelled"));
  settle();
  EXPECT_EQ(server.stream(1).reset, ErrorCode::kCancel);
  EXPECT_EQ(server.stream(1).data, "");
}

TEST_P(ClientStreams, CancelledFinishEndsTheCall) {
  auto both = bidi(channel());
  ScriptedPeer& server = accept();
  Call<Status> finish = both.finish().start();
  finish.cancel();
  EXPECT_EQ(finish.get(), Status(StatusCode::kCancelled, "call cancelled"));
  auto requests = request_stream(channel());
  Call<Chain> reply = requests.finish().start();
  reply.cancel();
  EXPECT_EQ(reply.get().status(), Status(StatusCode::kCancelled, "call cancelled"));
  settle();
  EXPECT_EQ(server.stream(1).reset, ErrorCode::kCancel);
  EXPECT_EQ(server.stream(3).reset, ErrorCode::kCancel);
}

TEST_P(ClientStreams, CancelledWaitForTheHeaderEndsTheCall) {
  auto stream = bidi(channel());
  ScriptedPeer& server = accept();
  Call<Status> header = stream.wait_header().start();
  header.cancel();
  EXPECT_EQ(header.get(), Status(StatusCode::kCancelled, "call cancelled"));
  settle();
  EXPECT_EQ(server.stream(1).reset, ErrorCode::kCancel);
}

TEST_P(ClientStreams, R58_CancellationOfACallThatHasEndedSaysNothing) {
  const Chain request = bytes("m");
  Call<Chain> call = channel().invoke(kUnary, request).start();
  ScriptedPeer& server = accept();
  server.send(Wire().headers(1, kResponseHead).data(1, message("r")).headers(1, kOkTrailers, kEnd));
  call.cancel();
  EXPECT_EQ(support::text_of(call.get()), "r");
  settle();
  EXPECT_FALSE(server.stream(1).reset);
}

TEST_P(ClientStreams, R58_WhoeverEndsACallFirstHasTheLastWord) {
  auto answered = bidi(channel()), cancelled = bidi(channel());
  ScriptedPeer& server = accept();
  server.send(Wire().headers(
      1, {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "5"}}, kEnd));
  answered.cancel();
  answered.cancel();
  EXPECT_EQ(answered.finish().get(), Status(StatusCode::kNotFound, ""));
  // On its way while the call is given up.
  cancelled.cancel();
  server.send(Wire().headers(3, kResponseHead).data(3, message("r")).headers(3, kOkTrailers, kEnd));
  EXPECT_FALSE(cancelled.read().get());
  EXPECT_EQ(cancelled.finish().get(), Status(StatusCode::kCancelled, "call cancelled"));
  settle();
  EXPECT_EQ(server.stream(1).reset, ErrorCode::kNoError);
  EXPECT_EQ(server.stream(3).reset, ErrorCode::kCancel);
}

// A caller that dropped its call may have freed where it wanted the outcome to be written.
TEST_P(ClientStreams, OutputsOfADroppedCallAreNotWritten) {
  auto header = std::make_unique<Metadata>(), trailer = std::make_unique<Metadata>();
  auto peer = std::make_unique<Addr>();
  Metadata* const outputs[] = {header.get(), trailer.get()};
  const Headers response = {{":status", "200"}, {"content-type", "application/grpc"}, {"x-h", "1"}};
  const Headers trailers = {{"grpc-status", "0"}, {"x-t", "1"}};
  const Chain request = bytes("m");
  const auto start = [&] {
    return channel()
        .invoke(kUnary, request, {.header = outputs[0], .trailer = outputs[1], .peer = peer.get()})
        .start();
  };
  std::optional<Call<Chain>> dropped_first(start());
  ScriptedPeer& server = accept();
  std::optional<Call<Chain>> dropped_midway(start()), dropped_last(start());
  dropped_first.reset();
  server.send(Wire().headers(3, response));
  dropped_midway.reset();
  server.send(Wire().headers(5, response).data(5, message("r")).headers(5, trailers, kEnd));
  dropped_last.reset();
  server.send(Wire().headers(1, response).headers(3, trailers, kEnd));
  EXPECT_TRUE(header->empty() && trailer->empty() && peer->text.empty());
  header.reset(), trailer.reset(), peer.reset();  // and AddressSanitizer sees what comes later
}

TEST_P(ClientStreams, OutputsOfACallAreWrittenWhenItIsGot) {
  Metadata header, trailer;
  Addr peer;
  const Chain request = bytes("m");
  Call<Chain> call =
      channel().invoke(kUnary, request, {.header = &header, .trailer = &trailer, .peer = &peer}).start();
  ScriptedPeer& server = accept();
  server.send(Wire()
                  .headers(1, {{":status", "200"}, {"content-type", "application/grpc"}, {"x-h", "1"}})
                  .data(1, message("r"))
                  .headers(1, {{"grpc-status", "0"}, {"x-t", "1"}}, kEnd));
  EXPECT_EQ(support::text_of(call.get()), "r");
  EXPECT_EQ(header, (Metadata{{"x-h", "1"}}));
  EXPECT_EQ(trailer, (Metadata{{"x-t", "1"}}));
  EXPECT_EQ(peer, server.local_addr());
}

TEST_P(ClientStreams, R62_MetadataOverTheServersLimitFailsHereAndSendsNothing) {
  const Chain request = bytes("m");
  Call<Chain> first = channel().invoke(kUnary, request).start();
  ScriptedPeer& server = accept({{SettingId::kMaxHeaderListSize, 1000}});
  const std::string text(1000, 'x');
  expect_names(channel().invoke(kUnary, request, {.metadata = MetadataList({"x-long", text})}).get().status(),
               StatusCode::kResourceExhausted, "bytes exceeds the peer's limit of 1000");
  settle();
  EXPECT_EQ(server.frames("HEADERS").size(), 1u);
  first.cancel();
  EXPECT_EQ(first.get().status().code(), StatusCode::kCancelled);
}

// SETTINGS_MAX_CONCURRENT_STREAMS of the server.
TEST_P(ClientStreams, R61_CallsOverTheServersLimitWaitForTheirTurn) {
  const Chain request = bytes("m");
  std::vector<Call<Chain>> calls;
  calls.push_back(channel().invoke(kUnary, request).start());
  ScriptedPeer& server = accept({{SettingId::kMaxConcurrentStreams, 0}});
  for (int i = 0; i < 3; ++i) calls.push_back(channel().invoke(kUnary, request).start());
  settle();
  EXPECT_EQ(server.frames("HEADERS").size(), 0u);
  server.send(Wire().settings({{SettingId::kMaxConcurrentStreams, 1}}));
  EXPECT_EQ(server.frames("HEADERS").size(), 1u);
  server.send(Wire().headers(1, kResponseHead).data(1, message("r")).headers(1, kOkTrailers, kEnd));
  EXPECT_EQ(server.frames("HEADERS").size(), 2u) << "one goes, one comes";
  server.send(Wire().settings({{SettingId::kMaxConcurrentStreams, 100}}));
  EXPECT_EQ(server.frames("HEADERS").size(), 4u) << "raising it wakes all that wait";
  for (const http2::StreamId id : {3, 5, 7}) {
    server.send(Wire().headers(id, kResponseHead).data(id, message("r")).headers(id, kOkTrailers, kEnd));
  }
  for (Call<Chain>& call : calls) EXPECT_EQ(support::text_of(call.get()), "r");
}

TEST_P(ClientStreamsInVirtualTime, R61_CallsThatWaitForTheirTurnExpireAndAreCancelledThere) {
  const Chain request = bytes("m");
  Call<Chain> expires = channel().invoke(kUnary, request, {.timeout = 1s}).start();
  ScriptedPeer& server = accept({{SettingId::kMaxConcurrentStreams, 0}});
  Call<Chain> cancelled = channel().invoke(kUnary, request).start();
  cancelled.cancel();
  EXPECT_EQ(cancelled.get().status().code(), StatusCode::kCancelled);
  EXPECT_EQ(expires.get().status().code(), StatusCode::kDeadlineExceeded);
  server.send(Wire().settings({{SettingId::kMaxConcurrentStreams, 100}}));
  EXPECT_EQ(server.frames("HEADERS").size(), 0u);
}

}  // namespace
}  // namespace sluice::inline v0::wire
