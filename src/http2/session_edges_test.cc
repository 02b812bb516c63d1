// Frames of nothing and windows of nothing: what lies exactly on an edge.
#include <gtest/gtest.h>

#include "http2/session.h"
#include "http2/session_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

TEST(SessionEdges, AWindowLoweredToExactlyNothingStopsAStreamThatWasReady) {
  Bench client(client_options());
  client.shake({{SettingId::kInitialWindowSize, 1 << 20}});
  TestStream& first = client.open();
  client.data(first, std::string(kInitialWindow, 'x'));  // leaves no connection window
  (void)client.take();
  TestStream& second = client.open();
  client.data(second, "abc");
  (void)client.take();
  ASSERT_TRUE(client.feed(Wire().settings({{SettingId::kInitialWindowSize, 0}}).window_update(0, 100)).ok());
  EXPECT_EQ(client.out(), describe(Wire().settings_ack())) << "and no empty DATA";
  ASSERT_TRUE(client.feed(Wire().window_update(second.id(), 3)).ok());
  EXPECT_EQ(client.out(), describe(Wire().data(second.id(), "abc")));
}

// Whoever closes behind it closes between frames.
TEST(SessionEdges, AnEmptyFrameIsOverWithItsHead) {
  for (const Wire& empty : {Wire().data(1, ""), Wire().data(1, "", kEnd), Wire().padded_data(1, "", 0)}) {
    Bench server(server_options());
    server.shake();
    ASSERT_TRUE(server.feed(Wire().headers(1, kRequest)).ok());
    ASSERT_TRUE(server.feed(empty).ok());
    EXPECT_EQ(server.session.unfinished(), "") << describe(empty);
  }
}

TEST(SessionEdges, AnEmptyFrameThatEndsNothingIsNoEvent) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest)).ok());
  server.sink.take();
  ASSERT_TRUE(server.feed(Wire().data(1, "").padded_data(1, "", 3)).ok());
  EXPECT_EQ(server.sink.take(), Events());
  ASSERT_TRUE(server.feed(Wire().data(1, "", kEnd)).ok());
  EXPECT_EQ(server.sink.take(), (Events{"data 1  last"}));
}

}  // namespace
}  // namespace sluice::inline v0::http2
