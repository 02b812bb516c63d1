// What idle channels, connections and streams hold, and that what a burst needed is given back.
#include <gtest/gtest.h>

#include <array>

#include "memory/idle_world.h"

namespace sluice::memory {
namespace {

constexpr std::size_t kConnections = 1000;
constexpr std::size_t kBusyConnections = 100;  // in a world of their own, with 100 streams each
constexpr std::size_t kStreamsEach = 100;

constexpr std::int64_t kMaxChannel = 1024;
constexpr std::int64_t kMaxConnectionEnd = 16 << 10;
constexpr std::int64_t kMaxStreamEnd = 4 << 10;
// What a loop keeps of blocks for calls to come.
constexpr std::int64_t kMaxKept = 1 << 20;

struct Net {
  const char* name;
  const char* listen_on;
};
void PrintTo(const Net& net, std::ostream* out) { *out << net.name; }

class Idle : public ::testing::TestWithParam<Net> {
 protected:
  void TearDown() override {
    EXPECT_EQ(live_heap().bytes, before_) << "after the end of the Runtime";
    for (const auto& [name, bytes] : figures_) {
      if (bytes != 0) RecordProperty(name, std::to_string(bytes));
    }
  }
  // For the test's report, in which it gets only when nothing is measured any more.
  void note(std::size_t figure, std::int64_t bytes) { figures_[figure].second = bytes; }
  static constexpr std::size_t kChannel = 0, kConnectionEnd = 1, kStreamEnd = 2;

 private:
  // What protobuf and GoogleTest make once is there already.
  static std::int64_t warmed_up(const char* listen_on) {
    {
      IdleWorld world(listen_on);
      world.add_channels(1);
      EXPECT_TRUE(world.call_on_all(10));
      EXPECT_TRUE(world.open_streams(1, 10));
    }
    return live_heap().bytes;
  }
  std::array<std::pair<const char*, std::int64_t>, 3> figures_{
      {{"channel_bytes", 0}, {"connection_end_bytes", 0}, {"stream_end_bytes", 0}}};
  const std::int64_t before_ = warmed_up(GetParam().listen_on);
};

INSTANTIATE_TEST_SUITE_P(Nets, Idle, ::testing::Values(Net{"Pipe", "pipe:idle"}, Net{"Unix", "unix:@idle"}),
                         [](const auto& info) { return info.param.name; });

// Sockets in their hundreds would need more descriptors than a process may have.
std::size_t connections(const Net& net) { return net.name == std::string_view("Pipe") ? kConnections : 100; }

TEST_P(Idle, ChannelsAndConnectionsHoldLittle) {
  const auto n = static_cast<std::int64_t>(connections(GetParam()));
  IdleWorld world(GetParam().listen_on);
  world.add_channels(1);
  ASSERT_TRUE(world.call_on_all(10));
  const std::int64_t start = world.live_bytes();
  world.add_channels(static_cast<std::size_t>(n));
  const std::int64_t channels = world.live_bytes();
  ASSERT_TRUE(world.call_on_all(10));
  const std::int64_t connected = world.live_bytes();
  note(kChannel, (channels - start) / n);
  note(kConnectionEnd, (connected - start) / n / 2);
  EXPECT_LE((channels - start) / n, kMaxChannel);
  EXPECT_LE((connected - start) / n / 2, kMaxConnectionEnd) << "half of both ends and their channel";
  world.drop_channels();
  EXPECT_LE(world.live_bytes(), start) << "after all were closed";
}

TEST_P(Idle, StreamsHoldLittle) {
  IdleWorld world(GetParam().listen_on);
  world.add_channels(kBusyConnections);
  ASSERT_TRUE(world.call_on_all(10));
  const std::int64_t start = world.live_bytes();
  ASSERT_TRUE(world.open_streams(kStreamsEach, 10));
  const std::int64_t open = world.live_bytes();
  const std::int64_t each = (open - start) / static_cast<std::int64_t>(kBusyConnections * kStreamsEach) / 2;
  note(kStreamEnd, each);
  EXPECT_LE(each, kMaxStreamEnd);
  world.drop_streams();
  EXPECT_LE(world.live_bytes(), start + kMaxKept) << "after all had ended";
}

TEST_P(Idle, ConnectionsForgetHowManyStreamsTheyHad) {
  IdleWorld world(GetParam().listen_on);
  world.add_channels(1);
  ASSERT_TRUE(world.open_streams(300, 10));
  world.drop_streams();
  world.drop_channels();
  world.add_channels(1);
  ASSERT_TRUE(world.call_on_all(10));
  ASSERT_TRUE(world.open_streams(1, 10));
  world.drop_streams();
  const std::int64_t start = world.live_bytes_outside_the_pool();
  ASSERT_TRUE(world.open_streams(300, 10));
  world.drop_streams();
  EXPECT_LE(world.live_bytes_outside_the_pool(), start + 1024) << "a table of a few streams is kept";
}

TEST_P(Idle, LargeMessagesLeaveNothingBehind) {
  IdleWorld world(GetParam().listen_on);
  world.add_channels(4);
  ASSERT_TRUE(world.call_on_all(10));
  ASSERT_TRUE(world.open_streams(2, 10));
  ASSERT_TRUE(world.call_on_all(10));
  const std::int64_t start = world.live_bytes();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.call_on_all(kLarge));
  EXPECT_LE(world.live_bytes(), start) << "after calls";
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.write_on_all(kLarge));
  EXPECT_LE(world.live_bytes(), start) << "after messages on streams that stay open";
}

TEST_P(Idle, MessagesThatWaitedForTheirReaderLeaveNothingBehind) {
  IdleWorld world(GetParam().listen_on);
  world.add_channels(2);
  ASSERT_TRUE(world.call_on_all(10));
  ASSERT_TRUE(world.open_streams(2, 10));
  ASSERT_TRUE(world.write_then_read(4, 10));  // so many slots stay for the next messages
  const std::int64_t start = world.live_bytes();
  ASSERT_TRUE(world.write_then_read(2000, 10));
  EXPECT_LE(world.live_bytes(), start);
}

TEST_P(Idle, ManyDeadlinesLeaveNothingBehind) {
  IdleWorld world(GetParam().listen_on);
  world.add_channels(1);
  ASSERT_TRUE(world.call_on_all(10));
  const std::int64_t start = world.live_bytes();
  world.start_and_cancel_calls(5000);
  EXPECT_LE(world.live_bytes(), start + kMaxKept);
  world.drop_channels();
}

}  // namespace
}  // namespace sluice::memory
