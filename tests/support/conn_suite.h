// The contract of Conn, written once for every kind of it; its ends are in conn_end_suite.h. Include both in
// one file of a test binary and there
//   INSTANTIATE_TEST_SUITE_P(Pipe, ConnSuite, ::testing::Values(...), ...);
#pragma once

#include <chrono>

#include "support/conn_fixture.h"

namespace sluice::support {

using namespace std::chrono_literals;

class ConnSuite : public ConnFixture {
 protected:
  void SetUp() override {
    ConnFixture::SetUp();
    connect();
  }
};

// --- Bytes.

inline Task<void> ask(net::Conn& conn, int times) {
  for (int i = 0; i < times; ++i) {
    co_await write_text(conn, "ping");
    co_await expect_text(conn, "pong!");
  }
}
inline Task<void> answer(net::Conn& conn, int times) {
  for (int i = 0; i < times; ++i) {
    co_await expect_text(conn, "ping");
    co_await write_text(conn, "pong!");
  }
}

TEST_P(ConnSuite, CarriesBytesBothWays) { run(ask(a(), 1), answer(b(), 1)); }

TEST_P(ConnSuite, PingPongsManyTimes) { run(ask(a(), 300), answer(b(), 300)); }

TEST_P(ConnSuite, HasAnAddressForEachEnd) {
  EXPECT_EQ(a().local_addr(), b().peer_addr());
  EXPECT_EQ(a().peer_addr(), b().local_addr());
  EXPECT_NE(a().local_addr(), a().peer_addr());
  EXPECT_EQ(b().local_addr(), listener().addr());
}

TEST_P(ConnSuite, LivesOnTheLoopItWasMadeOn) {
  EXPECT_EQ(&a().loop(), &loop_a());
  EXPECT_EQ(&b().loop(), &loop_b());
  EXPECT_EQ(loop_a().live().conns, &loop_a() == &loop_b() ? 2 : 1);
  EXPECT_EQ(loop_b().live().conns, &loop_a() == &loop_b() ? 2 : 1);
}

inline Task<void> both_ways(net::Conn& conn, std::uint64_t mine, std::uint64_t theirs, std::size_t n,
                            std::size_t chunk) {
  Scope scope(conn.loop());
  (void)scope.spawn(write_pattern(conn, mine, n, chunk));
  co_await read_pattern(conn, theirs, n);
  co_await scope.join();
}

TEST_P(ConnSuite, ReadsAndWritesAtOnce) {
  run(both_ways(a(), 1, 2, 500'000, 10'000), both_ways(b(), 2, 1, 500'000, 7'001));
}

TEST_P(ConnSuite, CarriesLargeTransfersInOddChunks) {
  run(write_pattern(a(), 3, 3'000'001, 300'000), read_pattern(b(), 3, 3'000'001));
}

TEST_P(ConnSuite, CarriesSingleBytesInOrder) {
  run(write_pattern(a(), 4, 3'000, 1), read_pattern(b(), 4, 3'000));
}

// More slices than one system call takes, the shortest there are.
inline Task<void> write_slices(net::Conn& conn, std::uint64_t seed, int n) {
  Pattern pattern(seed);
  Chain chain;
  for (int i = 0; i < n; ++i) chain.append(pattern.take(1));
  const Status status = co_await conn.write(std::move(chain));
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(ConnSuite, CarriesChainsOfManySlices) {
  run(write_slices(a(), 5, 5'000), read_pattern(b(), 5, 5'000));
}

// `hint` bytes of room for as much as comes.
inline Task<void> read_into_hint(net::Conn& conn, std::size_t hint, std::string want) {
  std::string into(hint, '?'), got;
  while (got.size() < want.size()) {
    const net::ReadHint room{std::as_writable_bytes(std::span(into))};
    Result<net::ReadResult> read = co_await conn.read(kNever, room);
    EXPECT_TRUE(read.ok() && !read->eof) << read.status();
    if (!read.ok() || read->eof) co_return;
    EXPECT_LE(read->into_n, hint);
    EXPECT_TRUE(read->into_n == hint || read->into_n == 0 || read->data.empty())
        << "bytes behind a hint that is not full";
    got += into.substr(0, read->into_n) + read->data.to_string();
  }
  EXPECT_TRUE(got == want) << got.size();
}

TEST_P(ConnSuite, PutsBytesWhereTheReaderWantsThemAndTheRestBehind) {
  for (const std::size_t hint : {1, 100, 200'000}) {
    std::string text(100'000, 'x');
    text += std::to_string(hint);
    run(write_text(a(), text), read_into_hint(b(), hint, text));
  }
}

inline Task<void> write_twice(net::Conn& conn, Gate& sent, Gate& go_on) {
  co_await write_text(conn, "first");
  sent.open();
  co_await go_on;
  co_await write_text(conn, "second");
}
inline Task<void> read_then_open(net::Conn& conn, Gate& sent, Gate& go_on) {
  co_await sent;
  co_await yield();
  Result<net::ReadResult> first = co_await conn.read();
  EXPECT_TRUE(first.ok()) << first.status();
  if (!first.ok()) co_return;
  first->data.keep();
  go_on.open();
  Result<net::ReadResult> second = co_await conn.read();
  EXPECT_TRUE(second.ok()) << second.status();
  const std::string kept = first->data.to_string();
  EXPECT_TRUE(!kept.empty() && std::string("first").starts_with(kept)) << kept;
}

TEST_P(ConnSuite, BytesThatWereKeptOutliveTheNextRead) {
  Gate sent(loop_b()), go_on(loop_a());
  run(write_twice(a(), sent, go_on), read_then_open(b(), sent, go_on));
}

inline Task<void> write_nothing_then(net::Conn& conn, std::string text) {
  const Status status = co_await conn.write(Chain());
  EXPECT_TRUE(status.ok()) << status;
  co_await write_text(conn, text);
}

TEST_P(ConnSuite, AcceptsAnEmptyWrite) {
  run(write_nothing_then(a(), "something"), expect_text(b(), "something"));
}

inline Task<void> write_borrowed(net::Conn& conn, std::size_t n) {
  std::string text(n, 'x');
  const Status status = co_await conn.write(Chain(Bytes::borrow(as_bytes(text))));
  EXPECT_TRUE(status.ok()) << status;
  text.assign(n, '!');  // nobody may see this
}

TEST_P(ConnSuite, NeedsBorrowedBytesOnlyUntilTheWriteIsDone) {
  run(write_borrowed(a(), 70'000), expect_text(b(), std::string(70'000, 'x')));
}

// --- Back pressure.

inline Task<void> write_too_much(net::Conn& conn, std::size_t n, Gate& waits) {
  HeldWrite write;
  write.data = zeros(n);
  write.started(conn.start_write(write));
  for (int i = 0; i < 3; ++i) co_await yield();
  EXPECT_FALSE(write.ended());
  waits.open();
  co_await write;
  EXPECT_TRUE(write.status.ok()) << write.status;
  co_await write_text(conn, "behind it");
}
inline Task<void> read_zeros(net::Conn& conn, std::size_t n, Gate& begin) {
  co_await begin;
  Chain behind;
  while (n > 0) {
    Result<net::ReadResult> read = co_await conn.read();
    EXPECT_TRUE(read.ok() && !read->eof) << read.status();
    if (!read.ok() || read->eof) co_return;
    behind = std::move(read->data);
    behind.keep();
    const Chain front = behind.take_front(std::min(n, behind.size()));
    n -= front.size();
  }
  const std::string rest = co_await read_text_of_size(conn, 9 - behind.size());
  EXPECT_EQ(behind.to_string() + rest, "behind it");
}

TEST_P(ConnSuite, MakesAWriterWaitUntilItsPeerReads) {
  Gate waits(loop_b());
  run(write_too_much(a(), kind().too_much, waits), read_zeros(b(), kind().too_much, waits));
}

// --- Deadlines.

inline Task<void> read_past_deadlines(net::Conn& conn, Gate& go_on) {
  Loop& loop = conn.loop();
  const std::string exceeded = "DEADLINE_EXCEEDED: read deadline exceeded";
  co_await expect_read(conn, exceeded, loop.now() - 1s);
  co_await expect_read(conn, exceeded, loop.now());
  const TimePoint soon = loop.now() + 2ms;
  co_await expect_read(conn, exceeded, soon);
  EXPECT_GE(loop.now(), soon);
  if (loop.simulation()) {
    EXPECT_EQ(loop.now(), soon);
  }
  go_on.open();
  // Data comes first, and the conn is as good as before.
  std::string text = co_await read_text(conn, loop.now() + 1h);
  while (text.size() < 5) text += co_await read_text(conn, loop.now() + 1h);  // it may come in parts
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(loop.live().timers, 0);
}
inline Task<void> write_at(net::Conn& conn, std::string text, Gate& gate) {
  co_await gate;
  co_await write_text(conn, text);
}

TEST_P(ConnSuite, EndsAReadAtItsDeadlineAndStaysGood) {
  Gate go_on(loop_b());
  run(read_past_deadlines(a(), go_on), write_at(b(), "hello", go_on));
}

inline Task<void> read_late(net::Conn& conn, Gate& sent) {
  co_await sent;
  co_await expect_read(conn, "DEADLINE_EXCEEDED: read deadline exceeded", conn.loop().now() - 1ns);
  co_await expect_text(conn, "kept");
}
inline Task<void> write_then_open(net::Conn& conn, std::string text, Gate& gate) {
  co_await write_text(conn, text);
  gate.open();
}

TEST_P(ConnSuite, KeepsDataThatAReadWithAPastDeadlineLeft) {
  Gate sent(loop_b());
  run(write_then_open(a(), "kept", sent), read_late(b(), sent));
}

inline Task<void> write_past_deadlines(net::Conn& conn, std::size_t too_much, Gate& written) {
  Loop& loop = conn.loop();
  const TimePoint past[] = {loop.now() - 1s, loop.now()};
  for (const TimePoint deadline : past) {
    const Status status = co_await conn.write(Chain::copy("never sent"), deadline);
    EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded) << status;
  }
  Status status = co_await conn.write(Chain::copy("in time"), loop.now() + 1h);
  EXPECT_TRUE(status.ok()) << status;
  const TimePoint soon = loop.now() + 2ms;
  status = co_await conn.write(zeros(too_much), soon);
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded) << status;
  EXPECT_GE(loop.now(), soon);
  EXPECT_EQ(loop.live().timers, 0);
  conn.close();
  written.open();
}

inline Task<void> read_what_came_in_time(net::Conn& conn, std::size_t too_much, Gate& begin) {
  co_await begin;
  const std::string text = co_await read_text_of_size(conn, too_much);
  EXPECT_LT(text.size(), too_much);
  EXPECT_EQ(text.substr(0, 8), std::string("in time\0", 8));
}

TEST_P(ConnSuite, EndsAWriteAtItsDeadline) {
  Gate written(loop_b());
  run(write_past_deadlines(a(), kind().too_much, written),
      read_what_came_in_time(b(), kind().too_much, written));
}

inline Task<void> write_after_a_cut(net::Conn& conn, std::size_t too_much, Gate& written) {
  Loop& loop = conn.loop();
  Status status = co_await conn.write(zeros(too_much), loop.now() + 2ms);
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded) << status;
  const TimePoint deadlines[] = {kNever, loop.now() + 1h};
  for (const TimePoint deadline : deadlines) {
    status = co_await conn.write(Chain::copy("behind a gap"), deadline);
    EXPECT_EQ(status, Status(StatusCode::kUnavailable, "a write to " + conn.peer_addr().to_string() +
                                                           " was cut off by its deadline before"));
  }
  co_await expect_text(conn, "still read");
  conn.close();
  written.open();
}

inline Task<void> read_no_more_than_the_cut_write(net::Conn& conn, std::size_t too_much, Gate& begin) {
  co_await write_text(conn, "still read");
  co_await begin;
  const std::string text = co_await read_text_of_size(conn, too_much);
  EXPECT_GT(text.size(), 0u);
  EXPECT_LT(text.size(), too_much);
  EXPECT_EQ(text.find_first_not_of('\0'), std::string::npos);
}

// Its bytes would stand where the rest of the one before is missing.
TEST_P(ConnSuite, RefusesWritesAfterOneThatItsDeadlineCutOff) {
  Gate written(loop_b());
  run(write_after_a_cut(a(), kind().too_much, written),
      read_no_more_than_the_cut_write(b(), kind().too_much, written));
}

}  // namespace sluice::support
