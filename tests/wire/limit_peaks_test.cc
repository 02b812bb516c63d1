// How near connections came to their limits: what a Server and a Channel tell of those that have ended.
#include <string>

#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

class LimitPeaksOfAServer : public WireTest {
 protected:
  static void expect_peak(const LimitPeak& peak, std::uint64_t value, std::uint64_t limit) {
    EXPECT_EQ(peak.value, value);
    EXPECT_EQ(peak.limit, limit);
  }
  // A connection that sends so many PINGs, and ends.
  void ping(int n) {
    ScriptedClient client(runtime(), "pipe:peaks");
    client.greet();
    for (int i = 0; i < n; ++i) client.send(Wire().ping("12345678"));
    settle();
    EXPECT_FALSE(client.closed());
    client.close();
    settle();
  }
  RawService service_;
  ServedRaw served_{runtime(), service_, {.address = "pipe:peaks"}};
};
// In virtual time: buckets refill with the clock.
INSTANTIATE_TEST_SUITE_P(Simulated, LimitPeaksOfAServer, ::testing::ValuesIn(support::kSimulatedRuntimes),
                         support::name_of);

TEST_P(LimitPeaksOfAServer, AreOfTheConnectionThatCameNearest) {
  ping(0);
  expect_peak(served_.server().limit_peaks()[Limit::kPings], 0, 0);
  ping(300);
  ping(500);
  ping(400);
  expect_peak(served_.server().limit_peaks()[Limit::kPings], 500, 1000);
  EXPECT_EQ(served_.server().limit_counts().total(), 0u);
}

TEST_P(LimitPeaksOfAServer, OrdinaryCallsComeNearNone) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(support::text_of(served_.unary(bytes("m")).get()), "m");
  served_.end_server();
  settle();
  const LimitPeaks peaks = served_.channel().limit_peaks();
  for (std::size_t i = 0; i < kLimits; ++i) {
    const LimitPeak& peak = peaks.peaks[i];
    EXPECT_LE(peak.value * 50, peak.limit) << to_string(static_cast<Limit>(i));
  }
}

// Where less is worse, and where the limit moves, the worst is the one in proportion.
TEST(LimitPeaks, AreComparedByWhatTheyAreOfTheirLimits) {
  LimitPeaks all, others;
  all.note(Limit::kWindowUpdates, {100, 1000});
  all.note(Limit::kWindowUpdates, {500, 50'000});
  others.note(Limit::kWindowUpdates, {20, 150});
  others.note(Limit::kMeanWindowUpdate, {64, 6'400});
  all.note(others);
  EXPECT_EQ(all[Limit::kWindowUpdates].value, 20u);
  EXPECT_EQ(all[Limit::kWindowUpdates].limit, 150u);
  EXPECT_EQ(all[Limit::kMeanWindowUpdate].limit, 6'400u);
  EXPECT_EQ(all[Limit::kPings].limit, 0u);
}

TEST(LimitPeaks, AreNamedByTheFieldsOfLimits) {
  LimitPeaks peaks;
  EXPECT_EQ(to_string(peaks), "none");
  peaks.note(Limit::kWriteStall, {900, 60'000});
  peaks.note(Limit::kPings, {12, 1000});
  EXPECT_EQ(to_string(peaks), "pings 12 of 1000, write_stall_timeout 900 of 60000 ms");
  for (std::size_t i = 1; i < kLimits; ++i) {
    const auto limit = static_cast<Limit>(i);
    EXPECT_EQ(name(limit).empty(), limit == Limit::kFrameKept) << i;
  }
}

}  // namespace
}  // namespace sluice::inline v0::wire
