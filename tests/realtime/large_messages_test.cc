// More large messages at once than a connection's budget has room for, both ways: they wait for each other,
// and all arrive.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "realtime/two_sides.h"

namespace sluice::realtime {
namespace {

class LargeMessages : public TwoSides {
 protected:
  static constexpr int kCalls = 60;
  static constexpr std::size_t kSize = 300'000, kBudget = 2 << 20;
  static constexpr Limits kLimits{.goodbye_timeout = std::chrono::milliseconds(50),
                                  .assembly_budget = kBudget};

  LargeMessages() : TwoSides(GetParam().threads, 1) {}

  void call_all() {
    const Chain request = support::pattern(kSize);
    std::vector<Call<Chain>> calls;
    for (int i = 0; i < kCalls; ++i) calls.push_back(channel.invoke(kUnary, request).start());
    int right = 0;
    for (Call<Chain>& call : calls) {
      const Result<Chain> reply = call.get();
      EXPECT_EQ(reply.status(), Status());
      right += reply.ok() && reply->to_string() == request.to_string();
    }
    EXPECT_EQ(right, kCalls);
  }
};
INSTANTIATE_TEST_SUITE_P(Over, LargeMessages, ::testing::ValuesIn(kBetween), name_of);

TEST_P(LargeMessages, BeyondTheBudgetAllArriveAlsoAfterTheServerIsReplaced) {
  const std::string addr = free_addr();
  serve(addr, {.limits = kLimits});
  channel = dial(client_side, addr, {.limits = kLimits, .backoff = {.initial = 10ms, .max = 20ms}}).value();
  call_all();
  server->close();
  server.reset();
  serve(addr, {.limits = kLimits});
  until_not_ready();
  call_all();
}

// The same with two connections whose server's Runtime has room for 4 MiB, and 12 MB come at once.
class LargeMessagesOfTwoConnections : public TwoSides {
 protected:
  static constexpr int kCalls = 20;
  LargeMessagesOfTwoConnections() : TwoSides(GetParam().threads, 1, 8 << 20) {}
  ~LargeMessagesOfTwoConnections() override { other = Channel(); }

  void call_all() {
    const Chain request = support::pattern(300'000);
    std::vector<Call<Chain>> calls;
    for (int i = 0; i < kCalls; ++i) {
      for (const Channel* c : {&channel, &other}) calls.push_back(c->invoke(kUnary, request).start());
    }
    for (Call<Chain>& call : calls) {
      const Result<Chain> reply = call.get();
      ASSERT_EQ(reply.status(), Status());
      EXPECT_EQ(reply->to_string(), request.to_string());
    }
  }
  Channel other;
};
INSTANTIATE_TEST_SUITE_P(Over, LargeMessagesOfTwoConnections, ::testing::ValuesIn(kBetween), name_of);

TEST_P(LargeMessagesOfTwoConnections, AllArriveAlsoAfterTheServerIsReplaced) {
  const std::string addr = free_addr();
  const ChannelOptions options{.backoff = {.initial = 10ms, .max = 20ms}};
  serve(addr);
  channel = dial(client_side, addr, options).value();
  other = dial(client_side, addr, options).value();
  call_all();
  server->close();
  server.reset();
  serve(addr);
  for (const Channel* c : {&channel, &other}) until_not_ready(*c);
  call_all();
}

}  // namespace
}  // namespace sluice::realtime
