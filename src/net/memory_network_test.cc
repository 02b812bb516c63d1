// MemoryNetwork: dials that wait, who meets whom, and every way in which waiting ends.
#include "sluice/net/memory_network.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "support/conn_fixture.h"

namespace sluice::inline v0::net {
namespace {

using namespace std::chrono_literals;
using support::HeldAccept;
using support::HeldDial;
using support::TestLoop;
using support::TwoLoops;

Addr greeter() { return Addr{"pipe", "greeter"}; }

// One simulated loop; each test is a coroutine that may look at its dials while they wait.
class MemoryNetworkTest : public support::LoopTest {
 protected:
  void start(HeldDial& dial) {
    dial.addr = greeter();
    dial.started(network_.start_dial(dial, loop()));
  }
  void start(HeldAccept& accept) { accept.started(listener_->start_accept(accept, loop())); }
  static Task<void> settle() {
    for (int i = 0; i < 10; ++i) co_await yield();
  }

  Task<void> dial_waits_for_an_accept();
  Task<void> accept_waits_for_a_dial();
  Task<void> longest_waiting_comes_first();
  Task<void> close_ends_dials();
  Task<void> cancel_ends_a_dial();
  Task<void> cancelled_context_ends_a_dial();
  Task<void> deadline_ends_a_dial(bool of_context);
  Task<void> full_backlog();
  Task<void> ends_after_match();

  MemoryNetwork network_{{.backlog = 3}};
  std::unique_ptr<Listener> listener_ = std::move(network_.listen(greeter())).value();
};

Task<void> MemoryNetworkTest::dial_waits_for_an_accept() {
  HeldDial dial;
  start(dial);
  co_await settle();
  EXPECT_FALSE(dial.ended());
  HeldAccept accept;
  start(accept);
  co_await dial;
  co_await accept;
  EXPECT_TRUE(dial.status.ok()) << dial.status;
  EXPECT_EQ(dial.conn->local_addr().to_string(), "pipe:greeter#1");
  EXPECT_EQ(dial.conn->peer_addr(), greeter());
  EXPECT_EQ(accept.conn->peer_addr(), dial.conn->local_addr());
  EXPECT_EQ(dial.pending, nullptr);
  co_await support::write_text(*dial.conn, "hello");
  co_await support::expect_text(*accept.conn, "hello");
}

TEST_F(MemoryNetworkTest, KeepsADialWaitingUntilItIsAccepted) { run(dial_waits_for_an_accept()); }

Task<void> MemoryNetworkTest::accept_waits_for_a_dial() {
  HeldAccept accept;
  start(accept);
  co_await settle();
  EXPECT_FALSE(accept.ended());
  HeldDial dial;
  start(dial);
  EXPECT_FALSE(dial.ended()) << "a simulation completes nothing inline";
  co_await dial;
  co_await accept;
  EXPECT_TRUE(dial.conn && accept.conn);
}

TEST_F(MemoryNetworkTest, KeepsAnAcceptWaitingUntilItIsDialled) { run(accept_waits_for_a_dial()); }

Task<void> MemoryNetworkTest::longest_waiting_comes_first() {
  HeldAccept accepts[3];
  for (HeldAccept& accept : accepts) start(accept);
  HeldDial dials[6];
  for (HeldDial& dial : dials) start(dial);
  for (int i = 0; i < 3; ++i) {
    HeldAccept& accept = accepts[i];
    co_await accept;
    EXPECT_EQ(accept.conn->peer_addr().text, "greeter#" + std::to_string(i + 1));
    HeldDial& dial = dials[i];
    co_await dial;
    EXPECT_EQ(dial.conn->local_addr(), accept.conn->peer_addr());
  }
  for (int i = 3; i < 6; ++i) {
    HeldDial& dial = dials[i];
    EXPECT_FALSE(dial.ended());
    HeldAccept accept;
    start(accept);
    co_await accept;
    co_await dial;
    EXPECT_EQ(dial.conn->local_addr(), accept.conn->peer_addr());
  }
}

TEST_F(MemoryNetworkTest, MatchesWhoWaitsLongest) { run(longest_waiting_comes_first()); }

Task<void> MemoryNetworkTest::close_ends_dials() {
  HeldDial dials[2];
  for (HeldDial& dial : dials) start(dial);
  co_await settle();
  EXPECT_TRUE(listener_->close().ok());
  for (HeldDial& dial : dials) {
    co_await dial;
    EXPECT_EQ(dial.status, Status(StatusCode::kUnavailable, "listener on pipe:greeter is closed"));
    EXPECT_EQ(dial.conn, nullptr);
  }
}

TEST_F(MemoryNetworkTest, FailsDialsThatWaitWhenTheListenerCloses) { run(close_ends_dials()); }

Task<void> MemoryNetworkTest::cancel_ends_a_dial() {
  HeldDial dial, other;
  start(dial);
  start(other);
  network_.cancel_dial(dial);
  network_.cancel_dial(dial);
  co_await dial;
  EXPECT_EQ(dial.status, Status(StatusCode::kCancelled, "dial of pipe:greeter cancelled"));
  network_.cancel_dial(dial);
  // The one behind it is accepted, the cancelled one is not.
  HeldAccept accept;
  start(accept);
  co_await accept;
  co_await other;
  EXPECT_EQ(accept.conn->peer_addr(), other.conn->local_addr());
}

TEST_F(MemoryNetworkTest, CancelsADialThatWaits) { run(cancel_ends_a_dial()); }

Task<void> MemoryNetworkTest::cancelled_context_ends_a_dial() {
  const Context context = Context().with_cancel();
  HeldDial dial;
  dial.context = context;
  start(dial);
  co_await settle();
  EXPECT_FALSE(dial.ended());
  context.cancel("nobody wants it");
  co_await dial;
  EXPECT_EQ(dial.status, Status(StatusCode::kCancelled, "nobody wants it"));
}

TEST_F(MemoryNetworkTest, EndsADialWhenItsContextIsCancelled) { run(cancelled_context_ends_a_dial()); }

Task<void> MemoryNetworkTest::deadline_ends_a_dial(bool of_context) {
  const TimePoint deadline = loop().now() + 5s;
  HeldDial dial;
  if (of_context) {
    dial.context = Context().with_deadline(deadline);
  } else {
    dial.deadline = deadline;
  }
  start(dial);
  co_await dial;
  EXPECT_EQ(loop().now(), deadline);
  EXPECT_EQ(dial.status, Status(StatusCode::kDeadlineExceeded,
                                "dial of pipe:greeter was not accepted before its deadline"));
}

TEST_F(MemoryNetworkTest, EndsADialAtItsDeadline) { run(deadline_ends_a_dial(false)); }
TEST_F(MemoryNetworkTest, EndsADialAtTheDeadlineOfItsContext) { run(deadline_ends_a_dial(true)); }

Task<void> MemoryNetworkTest::full_backlog() {
  HeldDial dials[3], one_more;
  for (HeldDial& dial : dials) start(dial);
  start(one_more);
  co_await one_more;
  EXPECT_EQ(one_more.status, Status(StatusCode::kResourceExhausted, "3 dials wait already for pipe:greeter"));
  listener_.reset();  // ends the others
  for (HeldDial& dial : dials) co_await dial;
}

TEST_F(MemoryNetworkTest, RefusesDialsBeyondItsBacklog) { run(full_backlog()); }

// Whatever would end a dial comes too late once it was matched: neither side loses its conn.
Task<void> MemoryNetworkTest::ends_after_match() {
  const Context context = Context().with_cancel();
  HeldDial dial;
  dial.context = context;
  dial.deadline = loop().now() + 1s;
  start(dial);
  HeldAccept accept;
  start(accept);
  context.cancel();
  network_.cancel_dial(dial);
  EXPECT_TRUE(listener_->close().ok());
  co_await dial;
  co_await accept;
  EXPECT_TRUE(dial.status.ok()) << dial.status;
  EXPECT_EQ(accept.conn->peer_addr(), dial.conn->local_addr());
}

TEST_F(MemoryNetworkTest, DecidesADialOnce) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    listener_.reset();
    listener_ = std::move(network_.listen(greeter())).value();
    run(ends_after_match());
  }
}

TEST_F(MemoryNetworkTest, SaysThatADialCannotGoOn) {
  struct Stuck {
    static Task<void> dial(Network& network) {
      const Addr addr = greeter();
      Result<std::unique_ptr<Conn>> conn = co_await network.dial(addr);
      EXPECT_EQ(conn.status().code(), StatusCode::kUnavailable);
    }
  };
  // The loop is asked while the dial waits; then the listener goes and the dial ends.
  Task<void> task = Stuck::dial(network_);
  struct Ended : Runnable {
    Ended() : Runnable([](Runnable& r) noexcept { static_cast<Ended&>(r).set = true; }) {}
    bool set = false;
  } ended;
  loop_.lead_and([&] {
    EXPECT_FALSE(task.start(loop(), ended));
    EXPECT_FALSE(loop().run_until(ended.set));
    EXPECT_EQ(loop().stuck().message(),
              "nothing can make progress: a dial waits for pipe:greeter to accept it");
    listener_.reset();
    EXPECT_TRUE(loop().run_until(ended.set));
  });
  task.take();
}

TEST_F(MemoryNetworkTest, NeedsAName) {
  EXPECT_EQ(network_.listen(Addr{"pipe", ""}).status(),
            Status(StatusCode::kInvalidArgument, "\"pipe:\" has no name"));
  EXPECT_EQ(
      network_.listen(Addr{"tcp", "127.0.0.1:0"}).status(),
      Status(StatusCode::kInvalidArgument, "\"tcp:127.0.0.1:0\" is no pipe address, which is pipe:NAME"));
  EXPECT_EQ(network_.listen(greeter()).status(),
            Status(StatusCode::kAlreadyExists, "pipe:greeter is already being listened on"));
}

TEST(MemoryNetwork, MayGoBeforeItsListenersAndTheirConns) {
  TestLoop loop(3);
  auto network = std::make_unique<MemoryNetwork>();
  const std::unique_ptr<Listener> listener = std::move(network->listen(greeter())).value();
  HeldDial dial;
  dial.addr = greeter();
  loop.lead_and([&] { dial.started(network->start_dial(dial, loop.loop())); });
  network.reset();
  HeldAccept accept;
  loop.lead_and([&] { accept.started(listener->start_accept(accept, loop.loop())); });
  loop.drain();
  EXPECT_TRUE(dial.ended() && accept.ended());
  EXPECT_TRUE(dial.conn && accept.conn);
}

// Of loops that all accept, the dialer's own: its pipe then crosses no threads.
TEST(MemoryNetwork, PrefersAnAcceptOnTheDialersLoop) {
  MemoryNetwork network;
  const std::unique_ptr<Listener> listener = std::move(network.listen(greeter())).value();
  TestLoop first, second, neither;
  HeldAccept on_first, on_second, on_first_again;
  const auto accept_on = [&](TestLoop& loop, HeldAccept& accept) {
    loop.lead_and([&] { accept.started(listener->start_accept(accept, loop.loop())); });
  };
  accept_on(first, on_first);
  accept_on(second, on_second);
  accept_on(first, on_first_again);
  const auto dial_on = [&](TestLoop& loop, HeldDial& dial) {
    dial.addr = greeter();
    loop.lead_and([&] { dial.started(network.start_dial(dial, loop.loop())); });
    first.drain(), second.drain();
  };
  HeldDial own, other, last;
  dial_on(second, own);
  EXPECT_TRUE(on_second.ended() && !on_first.ended());
  dial_on(neither, other);  // the one that has waited longest
  EXPECT_TRUE(on_first.ended() && !on_first_again.ended());
  dial_on(second, last);
  EXPECT_TRUE(on_first_again.ended());
}

// Who was matched by another thread may go at once, and its loop with it, while that thread is still posting.
// Here nothing but the guard itself orders the two: the one thread leads its own loop all the while, the
// other one polls and never parks. So a thread sanitizer sees each time whether the loop waited.
template <class Goes, class Stays, class Start>
void match_and_go(Start start) {
  TestLoop here;
  auto there = std::make_unique<TestLoop>();
  std::thread thread([&] {
    Goes op;
    there->lead_and([&] { start(op, there->loop()); });
    while (!op.ended()) there->drain();
    EXPECT_TRUE(op.conn) << op.status;
    there->lead_and([&] { op.conn.reset(); });
    while (!(*there)->live().all_zero()) there->drain();
    there.reset();
  });
  Stays op;
  here.lead_and([&] {
    start(op, here.loop());
    thread.join();
  });
  here.drain();
  EXPECT_TRUE(op.ended() && op.conn) << op.status;
}

struct Start {
  void operator()(HeldDial& dial, Loop& loop) const {
    dial.addr = greeter();
    dial.started(network.start_dial(dial, loop));
  }
  void operator()(HeldAccept& accept, Loop& loop) const {
    accept.started(listener.start_accept(accept, loop));
  }
  Network& network;
  Listener& listener;
};

TEST(MemoryNetwork, LeavesALoopAloneOnceItsDialOrAcceptIsDone) {
  MemoryNetwork network;
  const std::unique_ptr<Listener> listener = std::move(network.listen(greeter())).value();
  const Start start{network, *listener};
  for (int round = 0; round < 10; ++round) {
    match_and_go<HeldDial, HeldAccept>(start);
    match_and_go<HeldAccept, HeldDial>(start);
  }
}

// Many dials with every kind of end, against accepts on two loops, all at once on two threads.
class Rush {
 public:
  Rush(TwoLoops& loops, int n) : loops_(loops), n_(n) {}
  void run() {
    loops_.run(dial_all(), accept_all(loops_.b()));
    EXPECT_EQ(dialled_ + failed_, n_);
    EXPECT_EQ(accepted_, dialled_);
  }

 private:
  Task<void> dial_one(int i) {
    Loop& loop = co_await this_loop();
    const Context context = Context().with_cancel();
    HeldDial dial;
    dial.addr = greeter();
    if (i % 3 == 0) dial.context = context;
    if (i % 5 == 0) dial.deadline = loop.now() + std::chrono::microseconds(i % 97);
    dial.started(network_.start_dial(dial, loop));
    for (int k = 0; k < i % 7; ++k) co_await yield();
    if (i % 3 == 0) context.cancel();
    if (i % 4 == 0) network_.cancel_dial(dial);
    co_await dial;
    EXPECT_EQ(dial.status.ok(), dial.conn != nullptr);
    if (!dial.conn) {
      EXPECT_TRUE(dial.status.code() == StatusCode::kCancelled ||
                  dial.status.code() == StatusCode::kDeadlineExceeded)
          << dial.status;
      ++failed_;
      co_return;
    }
    ++dialled_;
    co_await support::write_text(*dial.conn, "hello");
    co_await support::expect_read(*dial.conn, "<eof>");
    dial.conn->close();
  }
  Task<void> dial_all() {
    Loop& loop = co_await this_loop();
    Scope dials(loop), accepts(loop);
    // This loop accepts too, from itself and so over the pipe on one loop.
    (void)accepts.spawn(accept_all(loop));
    for (int i = 0; i < n_; ++i) {
      (void)dials.spawn(dial_one(i));
      if (i % 16 == 0) co_await yield();
    }
    co_await dials.join();
    EXPECT_TRUE(listener_->close().ok());
    co_await accepts.join();
  }
  Task<void> greet(std::unique_ptr<Conn> conn) {
    co_await support::expect_text(*conn, "hello");
    conn->close();
  }
  Task<void> accept_all(Loop& loop) {
    Scope conns(loop);
    for (;;) {
      Result<std::unique_ptr<Conn>> conn = co_await listener_->accept();
      if (!conn.ok()) break;
      ++accepted_;
      (void)conns.spawn(greet(std::move(conn).value()));
    }
    co_await conns.join();
  }

  TwoLoops& loops_;
  const int n_;
  MemoryNetwork network_;
  const std::unique_ptr<Listener> listener_ = std::move(network_.listen(greeter())).value();
  int dialled_ = 0, failed_ = 0;  // of loop a
  std::atomic<int> accepted_{0};
};

TEST(MemoryNetwork, LosesNoConnWhenDialsAndAcceptsRace) {
  TwoLoops loops;
  for (int round = 0; round < 5; ++round) Rush(loops, 300).run();
}

}  // namespace
}  // namespace sluice::inline v0::net
