// Limits: that every cause has words of its own.
#include "sluice/base/limits.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sluice::inline v0 {
namespace {

TEST(Limits, EveryCauseHasWordsOfItsOwn) {
  std::set<std::string_view> words;
  for (std::size_t i = 0; i < kLimits; ++i) {
    const std::string_view text = to_string(static_cast<Limit>(i));
    EXPECT_NE(text, "unknown limit") << i;
    EXPECT_TRUE(words.insert(text).second) << text;
  }
  EXPECT_EQ(to_string(static_cast<Limit>(kLimits)), "unknown limit");
}

TEST(Limits, AreCountedByCauseAndInAll) {
  LimitCounts counts;
  EXPECT_EQ(counts.total(), 0u);
  ++counts.counts[static_cast<std::size_t>(Limit::kPings)];
  ++counts.counts[static_cast<std::size_t>(Limit::kResets)];
  EXPECT_EQ(counts[Limit::kPings], 1u);
  EXPECT_EQ(counts[Limit::kEmptyFrames], 0u);
  EXPECT_EQ(counts.total(), 2u);
}

}  // namespace
}  // namespace sluice::inline v0
