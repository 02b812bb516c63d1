// run_on: what it runs may throw.
#include "sluice/async/run_on.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

TEST(RunOn, GivesItsCallerWhatTheFunctionThrowsAndLeavesTheLoop) {
  support::TestLoop loop;
  EXPECT_THROW(run_on(*loop, [] { throw std::runtime_error("broken"); }), std::runtime_error);
  EXPECT_FALSE(loop->leads());
  ASSERT_TRUE(loop->try_enter()) << "it is led for ever";
  loop->leave();
}

TEST(RunOn, LogsWhatAPostedFunctionThrows) {
  std::vector<std::string> logged;
  LoopGroup group([&](LogLevel, std::string_view text) { logged.emplace_back(text); });
  Loop loop(group, nullptr);
  ASSERT_TRUE(loop.try_enter());
  // Another thread cannot run it while this one leads.
  std::thread([&loop] { run_on(loop, [] { throw std::runtime_error("broken"); }); }).join();
  loop.leave();
  loop.poll();
  EXPECT_EQ(logged, std::vector<std::string>{"a function that run_on() posted threw: broken"});
}

}  // namespace
}  // namespace sluice::inline v0
