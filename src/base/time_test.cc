// The arithmetic of deadlines.
#include "sluice/base/time.h"

#include <gtest/gtest.h>

namespace sluice::inline v0 {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint at(Duration since_epoch) { return TimePoint(since_epoch); }

TEST(After, AddsATimeout) {
  EXPECT_EQ(after(at(5s), 3ns), at(5s + 3ns));
  EXPECT_EQ(after(at(5s), 0ns), at(5s));
  EXPECT_EQ(after(at(5s), -2s), at(3s));
  EXPECT_EQ(after(at(-5s), 2s), at(-3s));
}

TEST(After, IsNeverWhenTheTimeoutIsTooLongToAdd) {
  const Duration max = Duration::max();
  EXPECT_EQ(after(at(1ns), max), kNever);
  EXPECT_EQ(after(at(1s), max - 1s + 1ns), kNever);
  EXPECT_EQ(after(at(1s), max - 1s - 1ns), at(max - 1ns));
  EXPECT_EQ(after(kNever, 1ns), kNever);
  EXPECT_EQ(after(kNever, max), kNever);
  EXPECT_EQ(after(kNever, 0ns), kNever);
  // Nothing overflows from below zero.
  EXPECT_EQ(after(at(-1ns), max), at(max - 1ns));
}

TEST(After, StopsAtTheFirstPointWhenTheTimeoutIsTooFarBack) {
  const Duration min = Duration::min();
  EXPECT_EQ(after(at(-1ns), min), TimePoint::min());
  EXPECT_EQ(after(TimePoint::min(), -1ns), TimePoint::min());
  EXPECT_EQ(after(at(1ns), min), at(min + 1ns));
}

TEST(After, IsConstexpr) { static_assert(after(TimePoint(), Duration::max()) <= kNever); }

}  // namespace
}  // namespace sluice::inline v0
