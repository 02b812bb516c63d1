// The session from its first byte to its last: prefaces, exchanges, and what opens and closes. Wire in, wire
// out, exact.
#include "http2/session.h"

#include <gtest/gtest.h>

#include "http2/session_test_util.h"

namespace sluice::http2 {
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

}  // namespace
}  // namespace sluice::http2
