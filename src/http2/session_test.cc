// The session from its first byte to its last: prefaces, exchanges, and what opens and closes. Wire in, wire
// out, exact.
#include "http2/session.h"

#include <gtest/gtest.h>

#include "http2/session_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

TEST(Session, ClientBeginsWithPrefaceAndSettingsThatRefusePush) {
  Bench client(client_options());
  EXPECT_TRUE(client.session.has_output());
  EXPECT_EQ(client.out(), describe(Wire().preface().settings({{SettingId::kEnablePush, 0}})));
  EXPECT_FALSE(client.session.has_output());
}

TEST(Session, ServerBeginsWithSettings) {
  Bench server(server_options());
  EXPECT_EQ(server.out(), describe(Wire().settings()));
}

TEST(Session, AnnouncesWhatDiffersFromTheInitialValues) {
  Bench server({.role = Role::kServer,
                .local = {.header_table_size = 1,
                          .max_concurrent_streams = 2,
                          .initial_window_size = 3,
                          .max_frame_size = 16385,
                          .max_header_list_size = 5},
                .connection_window = 65536});
  EXPECT_EQ(server.out(), describe(Wire()
                                       .settings({{SettingId::kHeaderTableSize, 1},
                                                  {SettingId::kMaxConcurrentStreams, 2},
                                                  {SettingId::kInitialWindowSize, 3},
                                                  {SettingId::kMaxFrameSize, 16385},
                                                  {SettingId::kMaxHeaderListSize, 5}})
                                       .window_update(0, 1)));
}

TEST(Session, AcknowledgesSettings) {
  Bench client(client_options());
  (void)client.take();
  EXPECT_TRUE(client.feed(Wire().settings({{SettingId::kMaxConcurrentStreams, 7}}).settings_ack()).ok());
  EXPECT_EQ(client.sink.take(), (Events{"settings", "settings ack"}));
  EXPECT_EQ(client.session.peer_settings().max_concurrent_streams, 7u);
  EXPECT_EQ(client.out(), describe(Wire().settings_ack()));
}

TEST(Session, CarriesAUnaryCallOnTheClient) {
  Bench client(client_options());
  client.shake();
  TestStream& stream = client.open();
  client.data(stream, "hello", EndStream::kYes);
  EXPECT_EQ(client.out(), describe(Wire().headers(1, kRequest).data(1, "hello", kEnd)));
  EXPECT_TRUE(stream.local_closed());
  EXPECT_TRUE(client.feed(Wire().headers(1, kResponse).data(1, "answer").headers(1, kTrailers, kEnd)).ok());
  EXPECT_EQ(client.sink.take(),
            (Events{"header 1 :status: 200", "header 1 content-type: application/grpc", "end 1",
                    "data 1 answer", "header 1 grpc-status: 0", "end 1 last", "closed 1"}));
  EXPECT_FALSE(stream.attached());
  EXPECT_EQ(client.session.open_streams(), 0u);
  EXPECT_FALSE(client.session.has_output());
}

TEST(Session, CarriesAUnaryCallOnTheServer) {
  Bench server(server_options());
  server.shake();
  EXPECT_TRUE(server.feed(Wire().headers(1, kRequest).data(1, "hello", kEnd)).ok());
  EXPECT_EQ(server.sink.take(),
            (Events{"open 1", "header 1 :method: POST", "header 1 :scheme: http", "header 1 :path: /s/m",
                    "header 1 :authority: x", "header 1 te: trailers", "end 1", "data 1 hello last"}));
  TestStream& stream = server.sink[1];
  EXPECT_TRUE(stream.remote_closed());
  server.headers(stream, kResponse);
  server.data(stream, "answer");
  server.headers(stream, kTrailers, EndStream::kYes);
  EXPECT_TRUE(stream.attached());
  EXPECT_EQ(server.out(),
            describe(Wire().headers(1, kResponse).data(1, "answer").headers(1, kTrailers, kEnd)));
  EXPECT_EQ(server.sink.take(), (Events{"closed 1"}));
  EXPECT_FALSE(stream.attached());
}

TEST(Session, RefusesAnotherPreface) {
  Bench server(server_options());
  EXPECT_EQ(fatal(server, "PRI * HTTP/2.0\r\n\r\nXX", ErrorCode::kProtocolError), "");
  Bench http1(server_options());
  EXPECT_EQ(fatal(http1, "GET / HTTP/1.1\r\n", ErrorCode::kProtocolError), "");
}

TEST(Session, WantsSettingsFirst) {
  for (const Wire& first :
       {Wire().ping("12345678"), Wire().settings_ack(), Wire().window_update(0, 1),
        Wire().headers(1, kRequest), Wire().frame(static_cast<FrameType>(99), 0, 0, "")}) {
    Bench client(client_options());
    EXPECT_EQ(fatal(client, first, ErrorCode::kProtocolError), "");
    Bench server(server_options());
    EXPECT_EQ(fatal(server, Wire().preface().raw(first), ErrorCode::kProtocolError), "");
  }
}

TEST(Session, IgnoresUnknownFramesAndPriority) {
  Bench server(server_options());
  server.shake();
  EXPECT_TRUE(server
                  .feed(Wire()
                            .frame(static_cast<FrameType>(0x42), 0xff, 5, "whatever")
                            .frame(static_cast<FrameType>(0x43), 0, 0, "")
                            .frame(FrameType::kPriority, 0, 3, "12345")
                            .ping("12345678"))
                  .ok());
  EXPECT_EQ(server.out(), describe(Wire().ping("12345678", flag::kAck)));
  EXPECT_TRUE(server.sink.events.empty());
}

TEST(Session, RefusesPushPromise) {
  Bench client(client_options());
  client.shake();
  client.open();
  EXPECT_EQ(fatal(client, Wire().frame(FrameType::kPushPromise, kEndHeaders, 1, Wire::u32(2u)),
                  ErrorCode::kProtocolError),
            "");
  Bench server(server_options());
  server.shake();
  EXPECT_EQ(fatal(server, Wire().frame(FrameType::kPushPromise, kEndHeaders, 1, Wire::u32(2u)),
                  ErrorCode::kProtocolError),
            "");
}

TEST(Session, RefusesFramesOnTheWrongStream) {
  const Wire wrong[] = {
      Wire().data(0, "x"),
      Wire().headers(0, kRequest),
      Wire().frame(FrameType::kPriority, 0, 0, "12345"),
      Wire().rst(0, ErrorCode::kCancel),
      Wire().frame(FrameType::kSettings, 0, 1, ""),
      Wire().frame(FrameType::kPing, 0, 1, "12345678"),
      Wire().frame(FrameType::kGoaway, 0, 1, Wire::u32(0u) + Wire::u32(0u)),
      Wire().continuation(1, ""),
      Wire().continuation(0, ""),
      Wire().data(1, "x"),                // idle
      Wire().rst(1, ErrorCode::kCancel),  // idle
      Wire().window_update(1, 1),         // idle
      Wire().rst(2, ErrorCode::kCancel),  // a stream that nobody may open
      Wire().window_update(2, 1),
      Wire().data(2, "x"),
      Wire().headers(2, kRequest),
  };
  for (const Wire& wire : wrong) {
    SCOPED_TRACE(describe(wire));
    Bench server(server_options());
    server.shake();
    EXPECT_EQ(fatal(server, wire, ErrorCode::kProtocolError), "");
    Bench client(client_options());
    client.shake();
    EXPECT_EQ(fatal(client, wire, ErrorCode::kProtocolError), "");
  }
}

TEST(Session, RefusesFramesOfTheWrongSize) {
  const Wire wrong[] = {
      Wire().frame(FrameType::kRstStream, 0, 1, "123"),
      Wire().frame(FrameType::kRstStream, 0, 1, "12345"),
      Wire().frame(FrameType::kSettings, 0, 0, "12345"),
      Wire().frame(FrameType::kSettings, flag::kAck, 0, "123456"),
      Wire().frame(FrameType::kPing, 0, 0, "1234567"),
      Wire().frame(FrameType::kPing, 0, 0, "123456789"),
      Wire().frame(FrameType::kGoaway, 0, 0, "1234567"),
      Wire().frame(FrameType::kWindowUpdate, 0, 0, "123"),
      Wire().frame(FrameType::kWindowUpdate, 0, 1, "12345"),
      Wire().headers(1, "", kEndHeaders | flag::kPadded),
      Wire().headers(1, "1234", kEndHeaders | flag::kPriority),
      Wire().header(16385, FrameType::kData, 0, 1),
      Wire().header(16385, FrameType::kHeaders, 0, 1),
      Wire().header(16385, FrameType::kSettings, 0, 0),
      Wire().header(16385, static_cast<FrameType>(99), 0, 0),
  };
  for (const Wire& wire : wrong) {
    SCOPED_TRACE(describe(wire));
    Bench server(server_options());
    server.shake();
    EXPECT_EQ(fatal(server, wire, ErrorCode::kFrameSizeError), "");
  }
}

TEST(Session, TakesFramesUpToTheSizeItAnnounced) {
  SessionOptions options = server_options();
  options.local.max_frame_size = 20000;
  Bench server(options);
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest).data(1, std::string(20000, 'x'))).ok());
  EXPECT_EQ(server.sink.events.back(), "data 1 " + std::string(20000, 'x'));
  EXPECT_EQ(fatal(server, Wire().header(20001, FrameType::kData, 0, 1), ErrorCode::kFrameSizeError, 1), "");
}

TEST(Session, RefusesPriorityOfTheWrongSizeOnItsStreamOnly) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest).frame(FrameType::kPriority, 0, 1, "1234")).ok());
  EXPECT_EQ(server.sink.events.back(), "closed 1");
  EXPECT_EQ(server.out(), describe(Wire().rst(1, ErrorCode::kFrameSizeError)));
  // An idle stream cannot be reset.
  EXPECT_EQ(fatal(server, Wire().frame(FrameType::kPriority, 0, 7, "1234"), ErrorCode::kFrameSizeError, 1),
            "");
}

TEST(Session, AnswersPing) {
  Bench server(server_options());
  server.shake();
  EXPECT_TRUE(server.feed(Wire().ping("\x01\x02\x03\x04\x05\x06\x07\x08")).ok());
  EXPECT_EQ(server.out(), describe(Wire().ping("\x01\x02\x03\x04\x05\x06\x07\x08", flag::kAck)));
}

TEST(Session, SendsPingAndTellsOfItsAnswer) {
  Bench client(client_options());
  client.shake();
  client.session.submit_ping(0x0102030405060708);
  EXPECT_EQ(client.out(), describe(Wire().ping("\x01\x02\x03\x04\x05\x06\x07\x08")));
  EXPECT_TRUE(client.feed(Wire().ping("\x01\x02\x03\x04\x05\x06\x07\x08", flag::kAck)).ok());
  EXPECT_EQ(client.sink.take(), (Events{"ping ack " + std::to_string(0x0102030405060708)}));
  EXPECT_FALSE(client.session.has_output());
}

TEST(Session, CountsWhatItReceives) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server
                  .feed(Wire()
                            .headers(1, kRequest)
                            .data(1, "")
                            .ping("12345678")
                            .frame(static_cast<FrameType>(200), 0, 0, "")
                            .window_update(1, 0))
                  .ok());
  const FrameCounts& counts = server.session.counts();
  const auto of = [&](FrameType type) { return counts.frames[static_cast<std::size_t>(type)]; };
  EXPECT_EQ(of(FrameType::kSettings), 2u);
  EXPECT_EQ(of(FrameType::kHeaders), 1u);
  EXPECT_EQ(of(FrameType::kPing), 1u);
  EXPECT_EQ(counts.frames.back(), 1u);
  EXPECT_EQ(counts.empty, 1u);
  EXPECT_EQ(counts.provoked_resets, 1u);
}

TEST(Session, KeepsSilentAboutStreamsAfterAConnectionError) {
  Bench client(client_options());
  client.shake();
  TestStream& stream = client.open();
  client.data(stream, std::string(100000, 'x'));
  EXPECT_EQ(fatal(client, Wire().settings_ack(), ErrorCode::kProtocolError), "");
  EXPECT_TRUE(stream.attached());
  EXPECT_FALSE(client.session.can_open());
  client.session.release(stream);
  EXPECT_FALSE(stream.attached());
  EXPECT_FALSE(client.session.has_output());
}

TEST(Session, DetachesItsStreamsAtItsEnd) {
  Recorder sink;
  {
    Session session(server_options());
    ASSERT_TRUE(
        session.feed(Bytes::copy(Wire().preface().settings().headers(1, kRequest).str()), {}, sink).ok());
    EXPECT_TRUE(sink[1].attached());
    sink.take();
  }
  EXPECT_FALSE(sink[1].attached());
  EXPECT_TRUE(sink.events.empty());
}

}  // namespace
}  // namespace sluice::inline v0::http2
