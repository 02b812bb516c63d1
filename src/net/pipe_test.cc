// The pipe: what its contract as a Conn leaves open, how it is scheduled, and how ends on two loops go.
#include "net/pipe.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "sluice/net/memory_network.h"
#include "support/conn_fixture.h"

namespace sluice::inline v0::net {
namespace {

using namespace std::chrono_literals;
using support::expect_read;
using support::expect_text;
using support::HeldRead;
using support::HeldWrite;
using support::TestLoop;
using support::write_text;

HeldWrite& start_write(Conn& conn, HeldWrite& write, std::string text) {
  write.data = Chain::copy(text);
  write.started(conn.start_write(write));
  return write;
}

Task<void> write_where_nobody_reads(Conn& a, Conn& b) {
  b.close();
  co_await yield();
  HeldWrite write;
  write.none_accepted = false;
  start_write(a, write, "hello");
  co_await write;
  EXPECT_EQ(write.status.code(), StatusCode::kUnavailable) << write.status;
  EXPECT_TRUE(write.none_accepted);
}

TEST(Pipe, SaysThatNothingOfAWriteWasAccepted) {
  TestLoop loop;
  PipePair pipe = make_pipe(*loop, *loop);
  loop.run(write_where_nobody_reads(*pipe.a, *pipe.b));
}

Task<void> peer_is_posted(Conn& a, Conn& b) {
  co_await yield();  // a fresh tick has inline completions to give
  HeldRead read;
  read.started(b.start_read(read));
  HeldWrite write;
  start_write(a, write, "hello");
  EXPECT_TRUE(write.ended()) << "what fits is accepted inline";
  EXPECT_FALSE(read.ended()) << "the peer runs in its turn, not inside the writer";
  co_await read;
  EXPECT_EQ(read.result.data.to_string(), "hello");
}

TEST(Pipe, PostsThePeerThatItMakesReady) {
  TestLoop loop;
  PipePair pipe = make_pipe(*loop, *loop);
  loop.run(peer_is_posted(*pipe.a, *pipe.b));
}

Task<void> nothing_is_inline(Conn& a, Conn& b) {
  HeldWrite write;
  start_write(a, write, "hello");
  EXPECT_FALSE(write.ended());
  co_await write;
  HeldRead read;
  read.started(b.start_read(read));
  EXPECT_FALSE(read.ended());
  co_await read;
  EXPECT_EQ(read.result.data.to_string(), "hello");
}

TEST(Pipe, CompletesNothingInlineInASimulation) {
  TestLoop loop(1);
  PipePair pipe = make_pipe(*loop, *loop);
  loop.run(nothing_is_inline(*pipe.a, *pipe.b));
}

Task<void> accepts_piecewise(Conn& a, Conn& b) {
  HeldWrite write;
  start_write(a, write, "0123456789");
  co_await expect_read(b, "0123");
  EXPECT_FALSE(write.ended());
  co_await expect_read(b, "4567");
  co_await write;
  co_await expect_read(b, "89");
}

TEST(Pipe, AcceptsALargeWritePieceByPiece) {
  for (TestLoop loop(2); loop.simulation().choices() < 100;) {
    PipePair pipe = make_pipe(*loop, *loop, 4);
    loop.run(accepts_piecewise(*pipe.a, *pipe.b));
  }
}

Task<void> large_write_meets_waiting_read(Conn& a, Conn& b) {
  HeldRead read;
  read.started(b.start_read(read));
  HeldWrite write;
  start_write(a, write, "01234567");
  co_await read;
  EXPECT_EQ(read.result.data.to_string(), "0123");
  co_await write;  // the reader that waited left the whole room to the rest
  co_await expect_read(b, "4567");
}

TEST(Pipe, GivesAWaitingReaderTheFirstPiece) {
  TestLoop loop(2);
  PipePair pipe = make_pipe(*loop, *loop, 4);
  loop.run(large_write_meets_waiting_read(*pipe.a, *pipe.b));
}

Task<void> goes_on_behind_nothing(Conn& a, Conn& b) {
  EXPECT_TRUE((co_await a.write(Chain::copy("full"))).ok());
  const Status status = co_await a.write(Chain::copy("never"), a.loop().now() + 1ms);
  EXPECT_EQ(status, Status(StatusCode::kDeadlineExceeded, "write deadline exceeded"));
  co_await expect_read(b, "full");
  EXPECT_TRUE((co_await a.write(Chain::copy("more"))).ok());
  co_await expect_read(b, "more");
}

TEST(Pipe, StaysGoodAfterAWriteOfWhichNothingWasAccepted) {
  for (TestLoop loop(2); loop.simulation().choices() < 100;) {
    PipePair pipe = make_pipe(*loop, *loop, 4);
    loop.run(goes_on_behind_nothing(*pipe.a, *pipe.b));
  }
}

Task<void> moves_slices(Conn& a, Conn& b) {
  const Bytes slice = Bytes::copy("a slice of its own");
  EXPECT_TRUE((co_await a.write(Chain(slice))).ok());
  const ReadResult read = (co_await b.read()).value();
  EXPECT_EQ(read.data.front().data(), slice.data());
}

TEST(Pipe, MovesSlicesAndCopiesNothing) {
  TestLoop loop(3);
  PipePair pipe = make_pipe(*loop, *loop);
  loop.run(moves_slices(*pipe.a, *pipe.b));
}

TEST(Pipe, TellsWhoWaitsForRoom) {
  TestLoop loop(4);
  PipePair pipe = make_pipe(*loop, *loop, 4);
  HeldWrite write;
  loop.lead_and([&] {
    start_write(*pipe.a, write, "012345");
    const bool never = false;
    EXPECT_FALSE(loop->run_until(never));
    EXPECT_EQ(loop->stuck().message(), "nothing can make progress: a write on pipe:unnamed/a waits for room");
    pipe.a->close();
  });
  loop.drain();
  EXPECT_EQ(write.status, Status(StatusCode::kCancelled, "conn closed"));
}

Task<void> names_the_peer(Conn& a, Conn& b) {
  b.close();
  const Status status = co_await a.write(Chain::copy("x"));
  EXPECT_EQ(status, Status(StatusCode::kUnavailable, "conn closed by its peer pipe:unnamed/b"));
}

TEST(Pipe, NamesThePeerThatClosed) {
  TestLoop loop(5);
  PipePair pipe = make_pipe(*loop, *loop);
  loop.run(names_the_peer(*pipe.a, *pipe.b));
}

TEST(Pipe, HasRoomForOneByteAtLeast) {
  TestLoop loop(6);
  PipePair pipe = make_pipe(*loop, *loop, 0);
  std::vector<Task<void>> both;
  both.push_back(write_text(*pipe.a, "three"));
  both.push_back(expect_text(*pipe.b, "three"));
  loop.run_all(std::move(both));
}

// --- Many seeds.

// What a side of a random exchange saw.
struct Seen {
  std::uint64_t hash = 14695981039346656037u;
  int reads = 0, timeouts = 0;
  friend bool operator==(const Seen&, const Seen&) = default;
  void add(const Chain& data) {
    ++reads;
    for (const char c : data.to_string()) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    hash ^= data.size();  // where the pieces end is part of it
  }
};

Task<void> write_at_random(Conn& conn, std::uint64_t pattern_seed, std::size_t n) {
  support::Pattern pattern(pattern_seed);
  Loop& loop = conn.loop();
  while (n > 0) {
    const std::size_t size = std::min<std::size_t>(n, 1 + loop.random() % 200);
    n -= size;
    const Status status = co_await conn.write(pattern.take(size));
    EXPECT_TRUE(status.ok()) << status;
    if (loop.random() % 4 == 0) co_await yield();
  }
  conn.close_write();
}

Task<void> read_at_random(Conn& conn, std::uint64_t pattern_seed, std::size_t n, Seen& seen) {
  support::Pattern pattern(pattern_seed);
  Loop& loop = conn.loop();
  for (;;) {
    const TimePoint deadline = loop.random() % 3 == 0 ? loop.now() + Duration(loop.random() % 3) : kNever;
    Result<ReadResult> read = co_await conn.read(deadline);
    if (!read.ok()) {
      EXPECT_EQ(read.status().code(), StatusCode::kDeadlineExceeded) << read.status();
      ++seen.timeouts;
      continue;
    }
    if (read->eof) break;
    EXPECT_TRUE(pattern.matches(read->data));
    n -= read->data.size();
    seen.add(read->data);
  }
  EXPECT_EQ(n, 0u) << "bytes were lost or added";
}

struct Exchange {
  Seen a, b;
  std::uint64_t trace = 0;
};

Exchange exchange(std::uint64_t seed) {
  Exchange seen;
  TestLoop loop(seed);
  PipePair pipe = make_pipe(*loop, *loop, 300);
  std::vector<Task<void>> tasks;
  tasks.push_back(write_at_random(*pipe.a, 1, 3'000));
  tasks.push_back(read_at_random(*pipe.b, 1, 3'000, seen.b));
  tasks.push_back(write_at_random(*pipe.b, 2, 2'000));
  tasks.push_back(read_at_random(*pipe.a, 2, 2'000, seen.a));
  loop.run_all(std::move(tasks));
  seen.trace = loop.simulation().trace();
  return seen;
}

TEST(Pipe, RunsTheSameForTheSameSeedAndOtherwiseForOthers) {
  std::set<std::uint64_t> traces;
  int timeouts = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Exchange first = exchange(seed), second = exchange(seed);
    EXPECT_EQ(first.trace, second.trace) << "seed " << seed;
    EXPECT_TRUE(first.a == second.a && first.b == second.b) << "seed " << seed;
    traces.insert(first.trace);
    timeouts += first.a.timeouts + first.b.timeouts;
  }
  EXPECT_EQ(traces.size(), 200u);
  EXPECT_GT(timeouts, 0) << "no read ever met its deadline";
}

// --- Two loops.

Task<void> write_until_closed(Conn& conn) {
  Status status;
  while (status.ok()) status = co_await conn.write(Chain::copy("is anybody there"));
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
}
Task<void> read_some_and_destroy(std::unique_ptr<Conn> conn, int reads) {
  for (int i = 0; i < reads; ++i) {
    Result<ReadResult> read = co_await conn->read();
    EXPECT_TRUE(read.ok() && !read->eof);
  }
}

// An end goes, and its loop with it as soon as nothing lives there, while the peer on another thread still
// posts.
TEST(CrossPipe, LeavesItsLoopAloneOnceNothingLivesThere) {
  for (int round = 0; round < 200; ++round) {
    TestLoop here;
    auto there = std::make_unique<TestLoop>();
    PipePair pipe = make_pipe(*here, **there, 1'000);
    std::thread thread([&there, &pipe, round] {
      there->run(read_some_and_destroy(std::move(pipe.b), round % 4));
      while (!(*there)->live().all_zero()) there->drain();
      there.reset();
    });
    here.run(write_until_closed(*pipe.a));
    thread.join();
  }
}

// The same where nothing but the guard itself orders the end of the last post before the end of the other
// loop: this side leads its own loop all the while, the other one polls and never parks. So a thread
// sanitizer sees each time whether the loop waited.
TEST(CrossPipe, LetsTheLastPostFinishBeforeItsLoopGoes) {
  for (int round = 0; round < 10; ++round) {
    TestLoop here;
    auto there = std::make_unique<TestLoop>();
    PipePair pipe = make_pipe(*here, **there);
    std::thread thread([&there, &pipe] {
      HeldRead read;
      there->lead_and([&] { read.started(pipe.b->start_read(read)); });
      while (!read.ended()) there->drain();
      there->lead_and([&] { pipe.b.reset(); });
      while (!(*there)->live().all_zero()) there->drain();
      there.reset();
    });
    HeldWrite write;
    here.lead_and([&] {
      start_write(*pipe.a, write, "the only words");
      thread.join();
    });
    here.drain();
    EXPECT_TRUE(write.status.ok()) << write.status;
  }
}

TEST(CrossPipe, CountsAnEndUntilItsMailHasRun) {
  TestLoop here, there;
  PipePair pipe = make_pipe(*here, *there);
  HeldWrite write;
  here.lead_and([&] { start_write(*pipe.a, write, "never read"); });
  EXPECT_EQ(there->live().queued, 1);
  there.lead_and([&] { pipe.b.reset(); });
  EXPECT_EQ(there->live().conns, 1) << "the mail is still to run";
  there.drain();
  EXPECT_EQ(there->live().conns, 0);
  here.drain();
  EXPECT_TRUE(write.ended());
  pipe.a.reset();
}

TEST(CrossPipe, DropsMailToAnEndThatWent) {
  TestLoop here, there;
  PipePair pipe = make_pipe(*here, *there);
  there.lead_and([&] { pipe.b.reset(); });
  HeldWrite write;
  here.lead_and([&] { start_write(*pipe.a, write, "into the void"); });
  EXPECT_EQ(there->live().queued, 0);
  here.drain();
  EXPECT_TRUE(write.status.ok()) << write.status << ": the news of the close had not run yet";
}

TEST(CrossPipe, TellsThePeerOfRoomInHalves) {
  TestLoop here, there;
  PipePair pipe = make_pipe(*here, *there, 8);
  const auto write_and_read = [&](std::string text) {
    HeldWrite write;
    HeldRead read;
    here.lead_and([&] { start_write(*pipe.a, write, text); });
    here.drain();
    there.drain();
    there.lead_and([&] { read.started(pipe.b->start_read(read)); });
    there.drain();
    EXPECT_TRUE(write.ended() && read.ended());
    EXPECT_EQ(read.result.data.to_string(), text);
  };
  write_and_read("abc");
  EXPECT_EQ(here->live().queued, 0) << "three of eight bytes are not worth a wake-up";
  write_and_read("d");
  EXPECT_EQ(here->live().queued, 1);
  here.drain();
}

}  // namespace
}  // namespace sluice::inline v0::net
