// fail: what is said before the process ends.
#include "sluice/base/fail.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <stdexcept>
#include <string>

namespace sluice::inline v0 {
namespace {

TEST(FailDeathTest, TellsStderrAndEndsTheProcess) {
  EXPECT_DEATH(detail::fail("what to do instead"), "^sluice: what to do instead\n");
}

TEST(FailDeathTest, TellsTheSinkToo) {
  const LogSink sink = [](LogLevel level, std::string_view text) {
    std::fprintf(stderr, "sink %d: %s\n", static_cast<int>(level), std::string(text).c_str());
  };
  EXPECT_DEATH(detail::fail("the cause", sink), "sink 3: sluice: the cause\n");
}

TEST(FailDeathTest, EndsTheProcessAlsoWhenTheSinkThrows) {
  const LogSink sink = [](LogLevel, std::string_view) { throw std::runtime_error("full"); };
  EXPECT_DEATH(detail::fail("the cause", sink), "^sluice: the cause\n");
}

}  // namespace
}  // namespace sluice::inline v0
