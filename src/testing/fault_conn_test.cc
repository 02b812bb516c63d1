// FaultConn: each fault at its place, and nothing else; the same seed, the same faults.
#include "sluice/testing/fault_conn.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "sluice/net/memory_network.h"
#include "support/conn_fixture.h"

namespace sluice::inline v0::testing {
namespace {

using namespace std::chrono_literals;
using support::expect_read;
using support::expect_text;
using support::HeldRead;
using support::HeldWrite;
using support::read_text;
using support::read_text_of_size;
using support::write_text;

// A pipe on one simulated loop; its end `a` has faults.
class FaultConnTest : public support::LoopTest {
 protected:
  void make(FaultOptions options) {
    options.observe = [this](const FaultEvent& event) { events_.push_back(event.to_string()); };
    options.progress = &progress_;
    net::PipePair pipe = net::make_pipe(loop(), loop());
    a_ = std::make_unique<FaultConn>(std::move(pipe.a), std::move(options));
    b_ = std::move(pipe.b);
  }
  void reads(FaultPlan plan) { make({.reads = std::move(plan)}); }
  void writes(FaultPlan plan) { make({.writes = std::move(plan)}); }
  void TearDown() override {
    a_->close(), b_->close();
    a_.reset(), b_.reset();
  }

  Task<void> expect_broken(std::string why) {
    const std::string text = "UNAVAILABLE: conn to pipe:unnamed/b cut at byte " + why;
    co_await expect_read(*a_, text);
    const Status status = co_await a_->write(Chain::copy("late"));
    EXPECT_EQ(status.to_string(), text);
    a_->close();
    co_await expect_read(*a_, "CANCELLED: conn closed");
  }
  Task<void> cut_read();
  Task<void> cut_write();
  Task<void> cut_while_reading();
  Task<void> cut_while_writing();
  Task<void> cut_at_once();
  Task<void> black_reads();
  Task<void> black_writes();
  Task<void> stalled();
  Task<void> stalled_past_deadlines();
  Task<void> stalled_write_past_its_deadline();
  Task<void> write_to_closed();
  Task<void> closed_while_stalled();
  Task<void> corrupted_read();
  Task<void> corrupted_write();
  Task<void> split();
  Task<void> hinted();

  std::unique_ptr<FaultConn> a_;
  std::unique_ptr<net::Conn> b_;
  std::vector<std::string> events_;
  FaultProgress progress_;
};

Task<void> FaultConnTest::cut_read() {
  co_await write_text(*b_, "0123456789");
  co_await expect_read(*a_, "0123");
  co_await expect_broken("4 of its reads");
  co_await expect_read(*b_, "<eof>");
  EXPECT_EQ(progress_.bytes_read, 4u);
}

TEST_F(FaultConnTest, ReadsUpToTheByteOfACut) {
  reads({.faults = {{FaultKind::kCut, 4}}});
  run(cut_read());
  EXPECT_EQ(events_, (std::vector<std::string>{"split at byte 0 of its reads, 4 bytes",
                                               "cut at byte 4 of its reads"}));
}

Task<void> FaultConnTest::cut_write() {
  const Status status = co_await a_->write(Chain::copy("0123456789"));
  EXPECT_EQ(status.to_string(), "UNAVAILABLE: conn to pipe:unnamed/b cut at byte 4 of its writes");
  co_await expect_text(*b_, "0123");
  co_await expect_read(*b_, "<eof>");
  co_await expect_broken("4 of its writes");
}

TEST_F(FaultConnTest, WritesUpToTheByteOfACut) {
  writes({.faults = {{FaultKind::kCut, 4}}});
  run(cut_write());
}

Task<void> FaultConnTest::cut_while_reading() {
  HeldRead read;
  read.started(a_->start_read(read));
  co_await write_text(*a_, "0123");  // all of them: the write succeeds
  co_await read;
  EXPECT_EQ(read.status.to_string(), "UNAVAILABLE: conn to pipe:unnamed/b cut at byte 4 of its writes");
  co_await expect_text(*b_, "0123");
  co_await expect_read(*b_, "<eof>");
}

TEST_F(FaultConnTest, CutByTheLastByteOfAWriteEndsTheReadInFlight) {
  writes({.faults = {{FaultKind::kCut, 4}}});
  run(cut_while_reading());
}

Task<void> FaultConnTest::cut_while_writing() {
  HeldWrite write;
  write.data = support::zeros(2 << 20);  // more than the pipe takes
  write.started(a_->start_write(write));
  co_await write_text(*b_, "ab");
  co_await expect_read(*a_, "ab");
  co_await write;
  EXPECT_EQ(write.status.to_string(), "UNAVAILABLE: conn to pipe:unnamed/b cut at byte 2 of its reads");
  EXPECT_TRUE(write.data.empty());
}

TEST_F(FaultConnTest, CutOfTheReadsEndsTheWriteInFlight) {
  reads({.faults = {{FaultKind::kCut, 2}}});
  run(cut_while_writing());
}

TEST_F(FaultConnTest, CutOfTheReadsEndsAWriteThatIsHeldBack) {
  make({.reads = {.faults = {{FaultKind::kCut, 2}}}, .writes = {.faults = {{FaultKind::kStall, 0, 1h}}}});
  const TimePoint begin = loop().now();
  run(cut_while_writing());
  EXPECT_EQ(loop().now(), begin);
}

Task<void> FaultConnTest::cut_at_once() { co_await expect_broken("0 of its reads"); }

TEST_F(FaultConnTest, IsCutBeforeTheFirstByte) {
  reads({.faults = {{FaultKind::kCut, 0}}});
  run(cut_at_once());
}

Task<void> FaultConnTest::black_reads() {
  co_await write_text(*b_, "0123");
  co_await expect_read(*a_, "01");
  const TimePoint soon = loop().now() + 5ms;
  co_await expect_read(*a_, "DEADLINE_EXCEEDED: read deadline exceeded", soon);
  EXPECT_EQ(loop().now(), soon);
  co_await write_text(*b_, "more");
  HeldRead read;
  read.started(a_->start_read(read));
  for (int i = 0; i < 5; ++i) co_await yield();
  EXPECT_FALSE(read.ended());
  co_await write_text(*a_, "the other direction lives");
  co_await expect_text(*b_, "the other direction lives");
  a_->close();
  co_await read;
  EXPECT_EQ(read.status, Status(StatusCode::kCancelled, "conn closed"));
}

TEST_F(FaultConnTest, ReadsNothingMoreFromABlackHole) {
  reads({.faults = {{FaultKind::kBlackHole, 2}}});
  run(black_reads());
}

Task<void> FaultConnTest::black_writes() {
  co_await write_text(*a_, "0123");
  co_await write_text(*a_, "4567");
  a_->close_write();
  co_await expect_text(*b_, "01");
  co_await expect_read(*b_, "DEADLINE_EXCEEDED: read deadline exceeded", loop().now() + 1s);
  EXPECT_EQ(progress_.bytes_written, 8u);
}

TEST_F(FaultConnTest, WritesIntoABlackHoleSucceed) {
  writes({.faults = {{FaultKind::kBlackHole, 2}}});
  run(black_writes());
}

Task<void> FaultConnTest::stalled() {
  const TimePoint begin = loop().now();
  co_await write_text(*b_, "0123");
  co_await expect_read(*a_, "01");
  EXPECT_EQ(loop().now(), begin);
  co_await expect_read(*a_, "23");
  EXPECT_EQ(loop().now(), begin + 3s);
}

TEST_F(FaultConnTest, StallsAtAByte) {
  reads({.faults = {{FaultKind::kStall, 2, 3s}}});
  run(stalled());
  EXPECT_EQ(events_, (std::vector<std::string>{"split at byte 0 of its reads, 2 bytes",
                                               "stall at byte 2 of its reads, 3000000000 ns"}));
}

Task<void> FaultConnTest::stalled_past_deadlines() {
  const TimePoint begin = loop().now();
  co_await write_text(*b_, "0123");
  for (int i = 1; i < 4; ++i) {
    co_await expect_read(*a_, "DEADLINE_EXCEEDED: read deadline exceeded", begin + i * 1s);
    EXPECT_EQ(loop().now(), begin + i * 1s);
  }
  co_await expect_read(*a_, "0123", begin + 1h);
  EXPECT_EQ(loop().now(), begin + 3500ms);
  EXPECT_EQ(loop().live().timers, 0);
}

TEST_F(FaultConnTest, ReadPastItsDeadlineLeavesTheStallAsItIs) {
  reads({.faults = {{FaultKind::kStall, 0, 3500ms}}});
  run(stalled_past_deadlines());
}

Task<void> FaultConnTest::stalled_write_past_its_deadline() {
  const TimePoint soon = loop().now() + 1s;
  const Status status = co_await a_->write(Chain::copy("0123"), soon);
  EXPECT_EQ(status, Status(StatusCode::kDeadlineExceeded, "write deadline exceeded"));
  EXPECT_EQ(loop().now(), soon);
}

TEST_F(FaultConnTest, EndsAHeldWriteAtItsDeadline) {
  writes({.faults = {{FaultKind::kStall, 0, 2s}}});
  run(stalled_write_past_its_deadline());
}

Task<void> FaultConnTest::write_to_closed() {
  b_->close();
  for (int i = 0; i < 3; ++i) {
    const Status status = co_await a_->write(Chain::copy(std::string(10 - i, 'x')));
    EXPECT_EQ(status, Status(StatusCode::kUnavailable, "conn closed by its peer pipe:unnamed/b"));
  }
}

TEST_F(FaultConnTest, WritesAfterAFailureFailLikeIt) {
  make({});
  run(write_to_closed());
}

Task<void> FaultConnTest::closed_while_stalled() {
  const TimePoint begin = loop().now();
  co_await write_text(*b_, "x");
  HeldRead read;
  HeldWrite write;
  write.data = Chain::copy("y");
  read.started(a_->start_read(read));
  write.started(a_->start_write(write));
  for (int i = 0; i < 5; ++i) co_await yield();
  EXPECT_FALSE(read.ended() || write.ended());
  a_->close();
  a_->close();
  co_await read;
  co_await write;
  EXPECT_EQ(read.status, Status(StatusCode::kCancelled, "conn closed"));
  EXPECT_EQ(write.status, Status(StatusCode::kCancelled, "conn closed"));
  EXPECT_EQ(loop().now(), begin);
  EXPECT_EQ(loop().live().timers, 0);
}

TEST_F(FaultConnTest, CloseEndsWhatIsHeldBack) {
  const FaultPlan stall{.faults = {{FaultKind::kStall, 0, 1h}}};
  make({.reads = stall, .writes = stall});
  run(closed_while_stalled());
}

// Where `got` is not `want`; their sizes are equal.
std::vector<std::size_t> differences(const std::string& got, const std::string& want) {
  EXPECT_EQ(got.size(), want.size());
  std::vector<std::size_t> at;
  for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    if (got[i] != want[i]) at.push_back(i);
  }
  return at;
}

const std::string kText = "a text of which one or two bytes change";

Task<void> FaultConnTest::corrupted_read() {
  co_await write_text(*b_, kText);
  const std::string got = co_await read_text_of_size(*a_, kText.size());
  EXPECT_EQ(differences(got, kText), (std::vector<std::size_t>{5, 20}));
}

TEST_F(FaultConnTest, ChangesAByteThatIsRead) {
  reads({.faults = {{FaultKind::kCorrupt, 5}, {FaultKind::kCorrupt, 20}}});
  run(corrupted_read());
}

Task<void> FaultConnTest::corrupted_write() {
  const Chain data = Chain::copy(kText);
  const Status status = co_await a_->write(Chain(data));
  EXPECT_TRUE(status.ok()) << status;
  const std::string got = co_await read_text_of_size(*b_, kText.size());
  EXPECT_EQ(differences(got, kText), (std::vector<std::size_t>{0, 38}));
  EXPECT_EQ(data.to_string(), kText) << "the writer's own bytes";
}

TEST_F(FaultConnTest, ChangesAByteThatIsWrittenButNotTheWritersOwn) {
  writes({.faults = {{FaultKind::kCorrupt, 0}, {FaultKind::kCorrupt, 38}}});
  run(corrupted_write());
}

Task<void> FaultConnTest::split() {
  co_await write_text(*b_, kText);
  co_await expect_read(*a_, kText.substr(0, 7));
  co_await expect_read(*a_, kText.substr(7, 2));
  co_await expect_read(*a_, kText.substr(9));
}

TEST_F(FaultConnTest, SplitsWhereItIsTold) {
  reads({.faults = {{FaultKind::kSplit, 7}, {FaultKind::kSplit, 9}, {FaultKind::kSplit, 1000}}});
  run(split());
}

Task<void> FaultConnTest::hinted() {
  co_await write_text(*b_, "0123456789");
  std::string into(4, '?');
  Result<net::ReadResult> first =
      co_await a_->read(kNever, net::ReadHint{std::as_writable_bytes(std::span(into))});
  EXPECT_EQ(first->into_n, 4u);
  EXPECT_EQ(into, "0123");
  EXPECT_EQ(first->data.to_string(), "45");
  Result<net::ReadResult> second =
      co_await a_->read(kNever, net::ReadHint{std::as_writable_bytes(std::span(into))});
  EXPECT_EQ(second->into_n, 4u);
  EXPECT_EQ(into, "6789");
  EXPECT_TRUE(second->data.empty());
}

TEST_F(FaultConnTest, FillsTheReadersHint) {
  reads({.faults = {{FaultKind::kSplit, 6}}});
  run(hinted());
}

TEST_F(FaultConnTest, IsLikeASocketWhenAsked) {
  make({.as_socket = true});
  EXPECT_FALSE(a_->in_memory());
  TearDown();
  make({});
  EXPECT_TRUE(a_->in_memory());
}

Task<void> echo(net::Conn& conn, std::size_t n) {
  Chain all;
  while (n > 0) {
    Result<net::ReadResult> read = co_await conn.read();
    if (!read.ok() || read->eof) co_return;
    n -= std::min(n, read->data.size());
    if (Status s = co_await conn.write(std::move(read->data)); !s.ok()) co_return;
  }
}
Task<void> ask(net::Conn& conn, std::size_t n) {
  Scope scope(conn.loop());
  (void)scope.spawn(support::write_pattern(conn, 1, n, 3'000));
  co_await support::read_pattern(conn, 1, n);
  co_await scope.join();
}

TEST_F(FaultConnTest, TheSameSeedGivesTheSameFaults) {
  const auto once = [this](std::uint64_t seed) {
    events_.clear();
    support::TestLoop loop(9);
    FaultOptions options;
    options.seed = seed;
    options.reads.max_piece = options.writes.max_piece = 5'000;
    options.reads.max_delay = options.writes.max_delay = 20ms;
    options.observe = [this](const FaultEvent& event) { events_.push_back(event.to_string()); };
    net::PipePair pipe = net::make_pipe(*loop, *loop);
    FaultConn conn(std::move(pipe.a), std::move(options));
    std::vector<Task<void>> both;
    both.push_back(ask(conn, 100'000));
    both.push_back(echo(*pipe.b, 100'000));
    loop.run_all(std::move(both));
    conn.close(), pipe.b->close();
    return events_;
  };
  make({});
  const std::vector<std::string> first = once(1);
  EXPECT_GT(first.size(), 100u);
  EXPECT_EQ(once(1), first);
  EXPECT_NE(once(2), first);
}

TEST(RandomFaults, AreOfEveryKindAndInTheOrderOfTheirBytes) {
  std::vector<int> seen(kNumFaultKinds);
  int mild = 0;
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    const FaultOptions options = random_faults(seed, 1'000);
    bool bad = false;
    for (const FaultPlan* plan : {&options.reads, &options.writes}) {
      std::uint64_t last = 0;
      for (const Fault& fault : plan->faults) {
        EXPECT_LE(last, fault.at);
        EXPECT_LT(fault.at, 1'000u);
        last = fault.at;
        ++seen[static_cast<std::size_t>(fault.kind)];
        bad = bad || fault.kind != FaultKind::kStall;
      }
    }
    EXPECT_GT(options.reads.max_piece * options.writes.max_piece, 0u);
    mild += !bad;
  }
  for (const FaultKind kind :
       {FaultKind::kStall, FaultKind::kCorrupt, FaultKind::kCut, FaultKind::kBlackHole}) {
    EXPECT_GT(seen[static_cast<std::size_t>(kind)], 200) << static_cast<int>(kind);
  }
  EXPECT_NEAR(mild, 500, 100);
}

}  // namespace
}  // namespace sluice::inline v0::testing
