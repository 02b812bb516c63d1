// One exchange of each kind, its bytes delivered with every two-way split, and byte by byte: nothing may
// change.
#include <gtest/gtest.h>

#include <cstdio>

#include "scopes/scope_kit.h"

namespace sluice::scopes {
namespace {

class Split : public SmallScope {};
INSTANTIATE_TEST_SUITE_P(Every, Split, ::testing::ValuesIn(every_kind_and_mode()), name_of_param);

TEST_P(Split, AtEveryByteChangesNothing) {
  const Seen whole = measure_whole(scenario());
  for (const Way& way : kWays) {
    const std::uint64_t bytes = way.passed(whole);
    std::uint64_t tried = 0, visited = 0;
    for (std::uint64_t at = 0; at < bytes; at += kEvery, ++tried) {
      Scenario split = scenario();
      way.plan(split).faults = {{testing::FaultKind::kSplit, at}};
      const Seen seen = run(split, {StatusCode::kOk});
      expect_well(seen, way.name, at);
      visited += way.passed(seen) > at;
    }
    std::printf("split at %llu of %llu bytes of the %s\n", ull(visited), ull(bytes), way.name);
    EXPECT_EQ(visited, tried) << way.name;
  }
}

TEST_P(Split, IntoSingleBytesChangesNothing) {
  const Seen whole = measure_whole(scenario());
  for (int ways = 1; ways < 16; ++ways) {
    Scenario split = scenario();
    std::string names;
    for (int i = 0; i < 4; ++i) {
      if (!(ways >> i & 1)) continue;
      kWays[i].plan(split).max_piece = 1;
      names += std::string(names.empty() ? "" : ", ") + kWays[i].name;
    }
    expect_well(run(split, {StatusCode::kOk}), names.c_str(), 0);
    const Seen seen = measure(split);
    EXPECT_EQ(seen.wrong, std::vector<std::string>()) << names;
    EXPECT_GE(kWays[0].passed(seen) + kWays[1].passed(seen), 120u);
  }
  std::printf("byte by byte: %llu bytes up, %llu down, in every mixture of the four ways\n",
              ull(whole.client.bytes_written), ull(whole.client.bytes_read));
}

}  // namespace
}  // namespace sluice::scopes
