// RunToken alone, without a loop: each state, and what a thread in line is told.
#include "sluice/async/detail/run_token.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "async/run_token_place.h"

namespace sluice::inline v0 {
namespace {

using Lead = detail::RunToken::Lead;
using Joined = detail::RunToken::Joined;

TEST(RunToken, IsOneThreadsAtATime) {
  detail::RunToken token;
  EXPECT_EQ(token.look(), Lead::kFree);
  EXPECT_FALSE(token.leads());
  ASSERT_TRUE(token.try_take());
  EXPECT_TRUE(token.leads());
  EXPECT_EQ(token.look(), Lead::kAwake);
  EXPECT_FALSE(token.try_take());
  std::thread([&] {
    EXPECT_FALSE(token.leads());
    EXPECT_FALSE(token.try_take());
  }).join();
  EXPECT_TRUE(token.try_free());
  EXPECT_FALSE(token.leads());
  EXPECT_TRUE(token.is_free());
}

TEST(RunToken, TellsOneOfSeveralToWakeAParkedLeader) {
  detail::RunToken token;
  ASSERT_TRUE(token.try_take());
  EXPECT_FALSE(token.claim_wake());
  token.park();
  EXPECT_EQ(token.look(), Lead::kParked);
  EXPECT_TRUE(token.claim_wake());
  EXPECT_FALSE(token.claim_wake());
  token.park();
  token.unpark();
  EXPECT_EQ(token.look(), Lead::kAwake);
  EXPECT_TRUE(token.try_free());
}

TEST(RunToken, DoesNotBecomeFreeWhileALeaderIsToldOfAPost) {
  detail::RunToken token;
  ASSERT_TRUE(token.take_or_tell_leader());
  std::thread([&] { EXPECT_FALSE(token.take_or_tell_leader()); }).join();
  EXPECT_FALSE(token.try_free());
  EXPECT_FALSE(token.leads());
  EXPECT_FALSE(token.pass_on()) << "nobody stands in line";
  EXPECT_TRUE(token.leads());
  EXPECT_TRUE(token.try_free());
}

TEST(RunToken, GoesToAThreadThatJoinsWhileItIsFree) {
  detail::RunToken token;
  detail::RunToken::Place place;
  EXPECT_EQ(token.join(place), Joined::kLeads);
  EXPECT_TRUE(place.leads());
  EXPECT_TRUE(token.leads());
  EXPECT_FALSE(token.has_line());
  EXPECT_TRUE(token.try_free());
}

TEST(RunToken, LetsNobodyJoinWhoIsDone) {
  detail::RunToken token;
  detail::RunToken::Place place;
  token.tell_done(place);
  EXPECT_TRUE(place.done());
  EXPECT_EQ(token.join(place), Joined::kDone);
  EXPECT_TRUE(token.is_free());
}

TEST(RunToken, SaysWhetherTheLeaderIsParkedToWhoJoins) {
  detail::RunToken token;
  ASSERT_TRUE(token.try_take());
  detail::RunToken::Place first, second;
  EXPECT_EQ(token.join(first), Joined::kBehindAwake);
  EXPECT_TRUE(token.has_line());
  token.park();
  EXPECT_EQ(token.join(second), Joined::kBehindParked);
  token.unpark();
  token.tell_done(first);
  EXPECT_TRUE(token.has_line());
  EXPECT_FALSE(first.leads());
  token.tell_done(second);
  EXPECT_FALSE(token.has_line());
  token.wait(first);  // returns at once
  token.wait(second);
  EXPECT_TRUE(token.leads());
  EXPECT_TRUE(token.try_free());
}

TEST(RunToken, PassesToThoseInLineInTheirOrder) {
  detail::RunToken token;
  ASSERT_TRUE(token.try_take());
  detail::RunToken::Place first, second;
  token.join(first);
  token.join(second);
  EXPECT_FALSE(token.try_free());
  ASSERT_TRUE(token.pass_on());
  EXPECT_TRUE(first.leads());
  EXPECT_FALSE(second.leads());
  EXPECT_TRUE(token.has_line());
  EXPECT_FALSE(token.leads()) << "until the first has seen it";
  token.wait(first);
  EXPECT_TRUE(token.leads());
  EXPECT_FALSE(token.try_free());
  ASSERT_TRUE(token.pass_on());
  EXPECT_TRUE(second.leads());
  EXPECT_FALSE(token.has_line());
  token.wait(second);
  EXPECT_TRUE(token.try_free());
  EXPECT_TRUE(token.is_free());
}

TEST(RunToken, WakesAThreadThatSleepsInLine) {
  detail::RunToken token;
  ASSERT_TRUE(token.try_take());
  std::atomic<bool> joined{false};
  std::thread other([&] {
    detail::RunToken::Place place;
    EXPECT_EQ(token.join(place), Joined::kBehindAwake);
    joined = true;
    token.wait(place);
    EXPECT_TRUE(place.leads());
    EXPECT_TRUE(token.leads());
    EXPECT_TRUE(token.try_free());
  });
  while (!joined) std::this_thread::yield();
  EXPECT_FALSE(token.try_free());
  EXPECT_TRUE(token.pass_on());
  other.join();
  EXPECT_TRUE(token.is_free());
}

TEST(RunToken, WaitsForThreadsThatAreWithinAPost) {
  detail::RunToken token;
  token.wait_for_posters();  // there are none
  token.enter_post();
  std::atomic<bool> waited{false};
  std::thread owner([&] { token.wait_for_posters(), waited = true; });
  for (int i = 0; i < 100; ++i) std::this_thread::yield();
  EXPECT_FALSE(waited);
  token.leave_post();
  owner.join();
  EXPECT_TRUE(waited);
}

}  // namespace
}  // namespace sluice::inline v0
