// Messages that are longer than their streams' windows: how they are let in, beside each other and beside
// those that never end.
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "support/tap_network.h"
#include "support/uploads.h"
#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

using support::TapNetwork;
using support::Uploads;

constexpr std::size_t kMiB = 1 << 20;

// Answers with how long the request was.
struct Sizes final : RawService {
  Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
    co_return bytes(std::to_string(request.size()));
  }
};

class LargeRequests : public WireTest {
 protected:
  explicit LargeRequests(std::size_t budget = Limits().assembly_budget)
      : served_((runtime().add_network("tap", std::make_shared<TapNetwork>(TapNetwork::Windows::kOfSockets,
                                                                           TapNetwork::Record::kNo)),
                 runtime()),
                service_, {.address = "tap:large", .server = {.limits = {.assembly_budget = budget}}}),
        client_(runtime(), "tap:large") {
    client_.greet();
  }
  // As far as it goes.
  void send_all(http2::StreamId id, std::size_t n) {
    while (n > 0) {
      const std::size_t sent = uploads_.send(id, n);
      if (sent == 0) return;
      n -= sent;
    }
  }

  Sizes service_;
  ServedRaw served_;
  ScriptedClient client_;
  Uploads uploads_{client_};
};
INSTANTIATE_TEST_SUITE_P(All, LargeRequests, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

// An intermediary has one small window for all that comes from behind it. It holds what the server lets out
// on one stream beside what it does not on another: if that waits for the first to end, neither moves.
TEST_P(LargeRequests, PassThroughASmallWindowThatTheyShare) {
  constexpr int kStreams = 8;
  constexpr std::size_t kSize = 3 * kMiB, kShared = 64 << 10, kChunk = 16 << 10;
  std::deque<std::pair<http2::StreamId, std::size_t>> held;
  std::size_t used = 0, to_come[kStreams];
  for (int i = 0; i < kStreams; ++i)
    uploads_.open(static_cast<http2::StreamId>(2 * i + 1), to_come[i] = kSize);
  for (bool moved = true; moved;) {
    moved = false;
    for (int i = 0; i < kStreams; ++i) {
      const std::size_t n = std::min({kChunk, to_come[i], kShared - used});
      if (n == 0) continue;
      held.emplace_back(2 * i + 1, n);
      to_come[i] -= n, used += n, moved = true;
    }
    for (auto& [id, n] : held) {
      const std::size_t sent = uploads_.send(id, n);
      n -= sent, used -= sent, moved = moved || sent > 0;
    }
    std::erase_if(held, [](const auto& chunk) { return chunk.second == 0; });
  }
  for (int i = 0; i < kStreams; ++i) {
    const auto id = static_cast<http2::StreamId>(2 * i + 1);
    EXPECT_EQ(uploads_.missing(id), 0u) << id;
    EXPECT_EQ(client_.outcome(id), "0") << id;
  }
}

TEST_P(LargeRequests, ThatStopInTheMiddleHoldUpNoOther) {
  for (http2::StreamId id = 1; id < 9; id += 2) {
    uploads_.open(id, 4'000'000);
    send_all(id, 2'000'000);
  }
  uploads_.open(9, 4'000'000);
  send_all(9, 4'000'000);
  EXPECT_EQ(client_.outcome(9), "0");
}

// What is announced is no reason to let much in at once; what has come is.
TEST_P(LargeRequests, AreGivenNoMoreThanAWindowOrWhatHasCome) {
  uploads_.open(1, 4'000'000);
  EXPECT_LE(uploads_.window(1), 65'535);
  std::size_t came = 0;
  while (came < 3'900'000) {
    const std::size_t n = uploads_.send(1, 16'384);
    ASSERT_GT(n, 0u) << "after " << came;
    came += n;
    EXPECT_LE(uploads_.window(1), static_cast<std::int64_t>(std::max<std::size_t>(65'535, came + 5)));
  }
  EXPECT_LE(client_.frames("WINDOW_UPDATE 1 ").size(), 20u) << "it is not let in by crumbs";
}

class LargeRequestsOverABudget : public LargeRequests {
 protected:
  LargeRequestsOverABudget() : LargeRequests(4 * kMiB) {}
};
INSTANTIATE_TEST_SUITE_P(All, LargeRequestsOverABudget, ::testing::ValuesIn(kThreadlessRuntimes),
                         support::name_of);

// Who has more to send than there is room for is let in as others end: nobody is refused.
TEST_P(LargeRequestsOverABudget, WaitForRoom) {
  constexpr int kStreams = 20;
  for (http2::StreamId id = 1; id < 2 * kStreams; id += 2) uploads_.open(id, kMiB);
  bool moved = true;
  while (moved) {
    moved = false;
    for (http2::StreamId id = 1; id < 2 * kStreams; id += 2) moved = uploads_.send(id, 16'384) > 0 || moved;
  }
  for (http2::StreamId id = 1; id < 2 * kStreams; id += 2) EXPECT_EQ(client_.outcome(id), "0") << id;
  EXPECT_LE(uploads_.most_open(), 4 * kMiB + kMiB + kStreams * 65'535);
}

TEST_P(LargeRequestsOverABudget, AlwaysLetOneIn) {
  constexpr std::size_t kLargest = 4 << 20;
  LargeRequests::uploads_.open(1, kLargest);
  send_all(1, kLargest);
  EXPECT_EQ(client_.outcome(1), "0");
}

class LargeRequestsInVirtualTime : public LargeRequestsOverABudget {};
INSTANTIATE_TEST_SUITE_P(Simulated, LargeRequestsInVirtualTime,
                         ::testing::ValuesIn(support::kSimulatedRuntimes), support::name_of);

// What holds room and does not move loses it to those who wait, those that move go on.
TEST_P(LargeRequestsInVirtualTime, LoseWhatHasNotMovedForTenSeconds) {
  uploads_.open(1, 3 * kMiB);
  send_all(1, 2 * kMiB);
  uploads_.open(3, 4 * kMiB);
  send_all(3, kMiB);  // beyond the budget, as one may
  uploads_.open(5, kMiB);
  send_all(5, kMiB);
  const std::size_t missing = uploads_.missing(5);
  EXPECT_GT(missing, kMiB - 65'536);
  for (int second = 0; second < 10; ++second) {
    pass(900ms);
    ASSERT_EQ(uploads_.send(3, 16'384), 16'384u);
    pass(100ms);
  }
  EXPECT_TRUE(client_.outcome(1).starts_with("8 a message of 3145728 bytes was refused, of which 2097"))
      << client_.outcome(1);
  send_all(5, kMiB);
  send_all(3, 4 * kMiB);
  EXPECT_EQ(client_.outcome(3), "0");
  EXPECT_EQ(client_.outcome(5), "0");
}

// A peer that holds what must wait may not be able to send what need not.
TEST_P(LargeRequestsInVirtualTime, LoseTheOneThatGotLeastFarWhenNothingMoves) {
  uploads_.open(1, 3 * kMiB);
  send_all(1, 2 * kMiB);
  uploads_.open(3, 4 * kMiB);
  send_all(3, 2 * kMiB);
  uploads_.open(5, kMiB);
  send_all(5, kMiB);
  uploads_.open(7, 2 * kMiB);
  send_all(7, kMiB);
  pass(900ms);
  expect_names(served_.unary(bytes("m")).get().status(), StatusCode::kOk, "");
  EXPECT_EQ(client_.outcome(7), "open");
  pass(100ms);
  const std::string refused = client_.outcome(7);
  EXPECT_TRUE(refused.starts_with("8 a message of 2097152 bytes was refused, of which 65535 had come"))
      << refused;
  EXPECT_NE(refused.find("of its assembly_budget of 4194304"), refused.npos) << refused;
  EXPECT_EQ(client_.outcome(5), "open");
  pass(100ms);
  EXPECT_TRUE(client_.outcome(5).starts_with("8 a message of 1048576 bytes was refused"))
      << client_.outcome(5);
  send_all(3, 2 * kMiB);
  send_all(1, kMiB);
  EXPECT_EQ(client_.outcome(1), "0");
  EXPECT_EQ(client_.outcome(3), "0");
  EXPECT_FALSE(client_.closed());
  EXPECT_EQ(client_.frames("GOAWAY"), std::vector<std::string>());
}

}  // namespace
}  // namespace sluice::inline v0::wire
