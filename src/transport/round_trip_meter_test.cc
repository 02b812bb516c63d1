// RoundTripMeter: when it asks, and what it makes of the answers.
#include "transport/round_trip_meter.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::inline v0::transport {
namespace {

constexpr std::size_t kWindow = 65'535;

TEST(RoundTripMeter, AsksWhenMuchHasComeAndOnce) {
  RoundTripMeter meter(kWindow);
  EXPECT_FALSE(meter.asks(16'383));
  EXPECT_TRUE(meter.asks(16'384));
  for (std::uint64_t n = 2; n < 10; ++n) EXPECT_FALSE(meter.asks(n * 16'384));
  meter.on_ack(10 * 16'384);
  EXPECT_EQ(meter.per_round_trip(), 10u * 16'384 - 16'383) << "with what the last read brought";
}

TEST(RoundTripMeter, DoesNotAskAgainBeforeMoreHasCome) {
  RoundTripMeter meter(kWindow);
  EXPECT_TRUE(meter.asks(20'000));
  meter.on_ack(100'000);
  EXPECT_EQ(meter.per_round_trip(), 100'000u);
  meter.on_ack(300'000);  // nobody asked
  EXPECT_EQ(meter.per_round_trip(), 100'000u);
  EXPECT_FALSE(meter.asks(20'000)) << "nothing has come";
  EXPECT_TRUE(meter.asks(100'001)) << "it brought more than before: there may be more still";
}

// A pause of bytes, which doubles up to a mebibyte.
TEST(RoundTripMeter, AsksLessOftenWhereNothingChanges) {
  RoundTripMeter meter(kWindow);
  constexpr std::uint64_t kPiece = 1024;
  std::vector<std::uint64_t> between;
  std::uint64_t received = 0;
  for (int i = 0; i < 10; ++i) {
    const std::uint64_t before = received;
    do received += kPiece;
    while (!meter.asks(received));
    meter.on_ack(received);
    between.push_back((received - before) >> 10);
  }
  EXPECT_EQ(between, (std::vector<std::uint64_t>{16, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024}));
  EXPECT_EQ(meter.per_round_trip(), kWindow / 2) << "less than half a window tells nothing";
}

}  // namespace
}  // namespace sluice::inline v0::transport
