// SETTINGS and GOAWAY: what each side may say, and when it is in force.
#include <gtest/gtest.h>

#include "http2/session.h"
#include "http2/session_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

TEST(SessionSettings, RefusesValuesOutOfRange) {
  const struct {
    SettingId id;
    std::uint32_t value;
    ErrorCode code;
  } kWrong[] = {
      {SettingId::kEnablePush, 2, ErrorCode::kProtocolError},
      {SettingId::kInitialWindowSize, 0x80000000, ErrorCode::kFlowControlError},
      {SettingId::kMaxFrameSize, 16383, ErrorCode::kProtocolError},
      {SettingId::kMaxFrameSize, 1 << 24, ErrorCode::kProtocolError},
  };
  for (const auto& wrong : kWrong) {
    Bench server(server_options());
    server.shake();
    EXPECT_EQ(fatal(server, Wire().settings({{wrong.id, wrong.value}}), wrong.code), "");
    Bench client(client_options());
    client.shake();
    EXPECT_EQ(fatal(client, Wire().settings({{wrong.id, wrong.value}}), wrong.code), "");
  }
}

TEST(SessionSettings, LetsOnlyAClientAllowPush) {
  Bench server(server_options());
  server.shake({{SettingId::kEnablePush, 1}});
  EXPECT_TRUE(server.session.peer_settings().enable_push);
  Bench client(client_options());
  client.shake({{SettingId::kEnablePush, 0}});
  EXPECT_EQ(fatal(client, Wire().settings({{SettingId::kEnablePush, 1}}), ErrorCode::kProtocolError), "");
}

TEST(SessionSettings, IgnoresUnknownOnesAndTakesTheLastOfEach) {
  Bench client(client_options());
  client.shake({{static_cast<SettingId>(0x99), 7},
                {SettingId::kMaxFrameSize, 16384},
                {SettingId::kMaxFrameSize, 16777215},
                {SettingId::kMaxHeaderListSize, 9}});
  EXPECT_EQ(client.session.peer_settings().max_frame_size, 16777215u);
  EXPECT_EQ(client.session.peer_settings().max_header_list_size, 9u);
}

TEST(SessionSettings, RefusesASecondAcknowledgement) {
  Bench client(client_options());
  client.shake();
  EXPECT_EQ(fatal(client, Wire().settings_ack(), ErrorCode::kProtocolError), "");
}

TEST(SessionSettings, OwnTableSizeIsInForceOnceAcknowledged) {
  SessionOptions options = server_options();
  options.local.header_table_size = 100;
  const std::string update_to_4096("\x3f\xe1\x1f", 3);
  const std::string update_to_100("\x3f\x45", 2);
  Bench before(options);
  ASSERT_TRUE(before.feed(Wire().preface().settings().headers(1, update_to_4096 + plain(kRequest))).ok());
  EXPECT_EQ(before.sink.events.back(), "end 1");

  Bench after(options);
  after.shake();
  ASSERT_TRUE(after.feed(Wire().headers(1, update_to_100 + plain(kRequest))).ok());
  EXPECT_EQ(
      fatal(after, Wire().headers(3, update_to_4096 + plain(kRequest)), ErrorCode::kCompressionError, 3), "");
}

TEST(SessionSettings, PeersTableSizeIsObeyedByTheNextBlock) {
  Bench client(client_options());
  client.shake({{SettingId::kHeaderTableSize, 0}, {SettingId::kHeaderTableSize, 100}});
  client.open();
  // The table went through 0, and both sizes are told.
  const std::string updates("\x20\x3f\x45", 3);
  EXPECT_EQ(client.out(), describe(Wire().headers(1, updates + plain(kRequest))));
}

TEST(SessionSettings, ClientAssumesAHundredStreamsUntilItKnows) {
  Bench client({.role = Role::kClient, .local = {}, .peer_streams_before_settings = 2});
  client.open();
  client.open();
  EXPECT_FALSE(client.session.can_open());
  ASSERT_TRUE(client.feed(Wire().settings()).ok());
  EXPECT_TRUE(client.session.can_open());
  ASSERT_TRUE(client.feed(Wire().settings({{SettingId::kMaxConcurrentStreams, 3}})).ok());
  client.open();
  EXPECT_FALSE(client.session.can_open());
  ASSERT_TRUE(client.feed(Wire().rst(1, ErrorCode::kCancel)).ok());
  EXPECT_TRUE(client.session.can_open());
  ASSERT_TRUE(client.feed(Wire().settings({{SettingId::kMaxConcurrentStreams, 0}})).ok());
  EXPECT_FALSE(client.session.can_open());
  EXPECT_EQ(Bench(client_options()).session.can_open(), true);
  EXPECT_EQ(Bench(server_options()).session.can_open(), false);
}

TEST(SessionSettings, ServerRefusesStreamsAboveItsLimit) {
  SessionOptions options = server_options();
  options.local.max_concurrent_streams = 1;
  Bench server(options);
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest).headers(3, kRequest).data(3, "x", kEnd)).ok());
  EXPECT_EQ(server.sink.streams.size(), 1u);
  EXPECT_EQ(server.out(), describe(Wire().rst(3, ErrorCode::kRefusedStream)));
  ASSERT_TRUE(server.feed(Wire().rst(1, ErrorCode::kCancel).headers(5, kRequest)).ok());
  EXPECT_TRUE(server.sink[5].attached());
}

TEST(SessionSettings, RefusedStreamsKeepTheTableInStep) {
  HpackEncoder encoder;
  const auto block = [&] {
    return std::string(as_text(encode(encoder, request_of("/a", {{"key", "some value"}}))));
  };
  Bench server(server_options());
  server.shake();
  server.sink.accept = [](StreamId) { return nullptr; };
  ASSERT_TRUE(server.feed(Wire().headers(1, block())).ok());
  EXPECT_EQ(server.sink.take(), (Events{"refuse 1"}));
  server.sink.accept = [&](StreamId id) { return &server.sink.make(id); };
  const std::string second = block();
  EXPECT_EQ(second.size(), 4u);  // all from the tables
  ASSERT_TRUE(server.feed(Wire().headers(3, second)).ok());
  EXPECT_EQ(server.sink.take(), (Events{"open 3", "header 3 :method: POST", "header 3 :scheme: http",
                                        "header 3 :path: /a", "header 3 key: some value", "end 3"}));
  EXPECT_EQ(server.out(), describe(Wire().rst(1, ErrorCode::kRefusedStream)));
}

TEST(SessionGoaway, ResetsTheClientsStreamsAboveItsLast) {
  Bench client(client_options());
  client.shake();
  client.open();
  client.open();
  client.open();
  ASSERT_TRUE(client.feed(Wire().goaway(1, ErrorCode::kNoError, "bye")).ok());
  EXPECT_EQ(client.sink.take(), (Events{"goaway 1 0 bye", "reset 3 7", "reset 5 7", "closed 3", "closed 5"}));
  EXPECT_FALSE(client.session.can_open());
  (void)client.take();
  ASSERT_TRUE(client.feed(Wire().data(3, "crossed").headers(5, kResponse)).ok());
  EXPECT_FALSE(client.session.has_output());
  EXPECT_TRUE(client.sink.events.empty());
  ASSERT_TRUE(client.feed(Wire().headers(1, kResponse, kEnd)).ok());
  EXPECT_EQ(client.sink.events.back(), "end 1 last");
}

TEST(SessionGoaway, MayComeTwiceWithALowerId) {
  Bench client(client_options());
  client.shake();
  client.open();
  client.open();
  ASSERT_TRUE(client.feed(Wire().goaway(kMaxStreamId, ErrorCode::kNoError)).ok());
  EXPECT_EQ(client.sink.take(), (Events{"goaway 2147483647 0 "}));
  EXPECT_FALSE(client.session.can_open());
  ASSERT_TRUE(client.feed(Wire().goaway(1, ErrorCode::kNoError)).ok());
  EXPECT_EQ(client.sink.take(), (Events{"goaway 1 0 ", "reset 3 7", "closed 3"}));
  EXPECT_EQ(fatal(client, Wire().goaway(3, ErrorCode::kNoError), ErrorCode::kProtocolError), "");
}

TEST(SessionGoaway, RefusesAnIdThatIsNotOurs) {
  Bench client(client_options());
  client.shake();
  EXPECT_EQ(fatal(client, Wire().goaway(2, ErrorCode::kNoError), ErrorCode::kProtocolError), "");
}

TEST(SessionGoaway, ReceivedByAServerClosesNothing) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest).goaway(0, ErrorCode::kEnhanceYourCalm, "x")).ok());
  EXPECT_EQ(server.sink.events.back(), "goaway 0 11 x");
  EXPECT_TRUE(server.sink[1].attached());
}

TEST(SessionGoaway, AnnouncedFirstThenFixed) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest)).ok());
  server.session.submit_goaway(kMaxStreamId, ErrorCode::kNoError, "drain");
  EXPECT_EQ(server.out(), describe(Wire().goaway(kMaxStreamId, ErrorCode::kNoError, "drain")));
  ASSERT_TRUE(server.feed(Wire().headers(3, kRequest)).ok());
  EXPECT_TRUE(server.sink[3].attached());
  EXPECT_EQ(server.session.last_peer_stream(), 3u);
  server.session.submit_goaway(server.session.last_peer_stream(), ErrorCode::kNoError, "");
  EXPECT_EQ(server.out(), describe(Wire().goaway(3, ErrorCode::kNoError)));
  server.sink.take();
  // Streams past it are passed over without a word, their DATA credited, their blocks decoded.
  HpackEncoder encoder;
  const std::string first(as_text(encode(encoder, {{"key", "value"}})));
  ASSERT_TRUE(server.feed(Wire().headers(5, first).data(5, std::string(16384, 'x'), kEnd)).ok());
  ASSERT_TRUE(server.feed(Wire().data(3, std::string(16384, 'y'))).ok());
  EXPECT_EQ(server.sink.take(), (Events{"data 3 " + std::string(16384, 'y')}));
  EXPECT_EQ(server.out(), describe(Wire().window_update(0, 32768)));
  const std::string again(as_text(encode(encoder, {{"key", "value"}})));
  ASSERT_TRUE(server.feed(Wire().headers(3, again, kEndHeaders | kEnd)).ok());
  EXPECT_EQ(server.sink.take(), (Events{"header 3 key: value", "end 3 last"}));
  EXPECT_EQ(server.session.last_peer_stream(), 3u);
}

}  // namespace
}  // namespace sluice::inline v0::http2
