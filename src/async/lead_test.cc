// Who leads a Loop: callers that lead by turns, a leader that spins, and wakes that are not made.
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "async/fake_caller.h"
#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using support::TestLoop;

TEST(Lead, OnlyOneThreadLeads) {
  TestLoop loop;
  EXPECT_FALSE(loop->leads());
  ASSERT_TRUE(loop->try_enter());
  EXPECT_TRUE(loop->leads());
  EXPECT_FALSE(loop->try_enter());
  std::thread([&] {
    EXPECT_FALSE(loop->leads());
    EXPECT_FALSE(loop->try_enter());
    EXPECT_TRUE(loop->check_may_block().ok());
  }).join();
  EXPECT_EQ(loop->check_may_block().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(loop->poll(), 0u);
  loop->leave();
  EXPECT_TRUE(loop->check_may_block().ok());
}

TEST(Lead, ABlockingCallRunsOnItsCallersStackWithoutPollerOrWake) {
  PollerCounts counts;
  LoopGroup group;
  Loop loop(group, std::make_unique<CountingPoller>(counts));
  for (int i = 0; i < 100; ++i) call(loop, 10);
  EXPECT_EQ(counts.waits, 0);
  EXPECT_EQ(counts.wakes, 0);
}

// Two system calls a call over a socket would be one too many.
TEST(Lead, ACallerInAHurryIsSparedTheLookAtDescriptors) {
  struct Silent final : FdWatch {
    Silent() : FdWatch(::eventfd(0, EFD_CLOEXEC), EPOLLIN) {}
    ~Silent() { ::close(fd()); }
    void on_ready(std::uint32_t) override {}
  } silent;
  PollerCounts counts;
  LoopGroup group;
  Loop loop(group, std::make_unique<CountingPoller>(counts));
  constexpr int kCalls = 2000;
  ASSERT_TRUE(loop.try_enter_in_order());
  ASSERT_EQ(loop.watch(silent), Status());
  loop.leave();
  const auto call_often = [&loop] {
    for (int i = 0; i < kCalls; ++i) {
      ASSERT_TRUE(loop.try_enter_in_order(Loop::Visit::kDrive));
      loop.leave();
    }
  };
  call_often();
  EXPECT_GT(counts.waits, 0);
  EXPECT_LT(counts.waits, kCalls / 2) << "one for each 20 us";
  ASSERT_TRUE(loop.try_enter_in_order());
  loop.unwatch(silent);
  loop.leave();
  counts.waits = 0;
  call_often();
  EXPECT_EQ(counts.waits, 0) << "there is nothing to look at any more";
}

// Work without end does not keep who looks in.
TEST(Lead, AVisitEnds) {
  struct Again final : Runnable {
    explicit Again(Loop& l) : Runnable(&run), loop(l) {}
    static void run(Runnable& self) noexcept {
      auto& again = static_cast<Again&>(self);
      if (++again.runs < 1'000'000) again.loop.post(again);
    }
    Loop& loop;
    int runs = 0;
  };
  LoopGroup group;
  Loop loop(group, nullptr);
  Again again(loop);
  loop.post(again);
  if (loop.try_enter_in_order()) loop.leave();
  EXPECT_GT(again.runs, 0);
  EXPECT_LT(again.runs, 100'000);
  again.runs = 1'000'000 - 1;
  while (loop.poll() > 0) {
  }
}

TEST(Lead, ALeaderThatLeavesHandsOverToExactlyOneWaiter) {
  constexpr int kWaiters = 3;
  LoopGroup group;
  Loop loop(group, nullptr);
  ASSERT_TRUE(loop.try_enter());
  // What they wait for completes only once all of them wait, so each needs the lead in its turn.
  std::atomic<int> at_once{0}, leaders{0}, most{0}, posted{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kWaiters; ++i) {
    threads.emplace_back([&] {
      WaitingThread thread(loop);
      Hops op(loop, thread, 0);
      loop.post(op);
      ++posted;
      ASSERT_TRUE(thread.wait());
      if (!thread.leading()) return;
      ++leaders;
      most = std::max(most.load(), ++at_once);
      --at_once;
      loop.leave();
    });
  }
  while (posted != kWaiters) std::this_thread::yield();
  loop.leave();  // everything is still in the queue: somebody has to lead to get it done
  for (std::thread& t : threads) t.join();
  EXPECT_GE(leaders, 1);
  EXPECT_EQ(most, 1);
  EXPECT_FALSE(loop.leads());
  EXPECT_TRUE(loop.live().all_zero());
  ASSERT_TRUE(loop.try_enter()) << "the token is free again";
  loop.leave();
}

TEST(Lead, ManyCallersShareOneLoop) {
  constexpr int kThreads = 4, kCalls = 1500;
  TestLoop loop;
  int inside = 0;  // plain: ThreadSanitizer sees whether the token orders its leaders
  struct Bump final : Runnable {
    Bump(int& c) : Runnable([](Runnable& self) noexcept { ++static_cast<Bump&>(self).count; }), count(c) {}
    int& count;
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        Bump bump(inside);
        loop->post(bump);
        call(*loop, (i + t) % 5);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(inside, kThreads * kCalls);
}

TEST(Lead, AParkedLeaderIsWokenByAPost) {
  PollerCounts counts;
  LoopGroup group;
  Loop loop(group, std::make_unique<CountingPoller>(counts));
  WaitingThread thread(loop);
  Hops op(loop, thread, 0);
  std::thread poster([&] {
    while (counts.waits == 0) std::this_thread::yield();
    loop.post(op);
  });
  ASSERT_TRUE(thread.wait());
  ASSERT_TRUE(thread.leading());
  loop.leave();
  poster.join();
  EXPECT_LE(counts.wakes, 1);
}

TEST(Lead, NobodyIsWokenWhileTheLeaderIsNotParked) {
  PollerCounts counts;
  LoopGroup group;
  Loop loop(group, std::make_unique<CountingPoller>(counts));
  ASSERT_TRUE(loop.try_enter());
  struct Nothing final : Runnable {
    Nothing() : Runnable([](Runnable&) noexcept {}) {}
  };
  std::vector<Nothing> items(1000);
  std::thread([&] {
    for (Nothing& item : items) loop.post(item);
  }).join();
  loop.leave();
  EXPECT_EQ(loop.poll(), 1000u);
  EXPECT_EQ(counts.wakes, 0);
}

// A leader that has nothing to do, and a thread that posts once `ready` says so.
template <class Ready>
void post_to_idle_leader(Loop& loop, Ready ready) {
  WaitingThread thread(loop);
  Hops op(loop, thread, 0);
  std::thread poster([&] {
    while (!ready()) std::this_thread::yield();
    loop.post(op);
  });
  EXPECT_TRUE(thread.wait());
  if (thread.leading()) loop.leave();
  poster.join();
}

TEST(Spinning, NeitherSleepsNorIsWoken) {
  PollerCounts counts;
  LoopGroup group;
  Loop loop(group, std::make_unique<CountingPoller>(counts));
  loop.set_spin(std::chrono::hours(1));
  for (int i = 0; i < 20; ++i) {
    int left = 100;
    post_to_idle_leader(loop, [&] { return left-- == 0; });
  }
  EXPECT_EQ(counts.waits, 0);
  EXPECT_EQ(counts.wakes, 0);
}

TEST(Spinning, EndsAndThenTheLeaderParks) {
  PollerCounts counts;
  LoopGroup group;
  Loop loop(group, std::make_unique<CountingPoller>(counts));
  loop.set_spin(std::chrono::microseconds(50));
  post_to_idle_leader(loop, [&] { return counts.waits > 0; });
  EXPECT_LE(counts.wakes, 1);
}

TEST(Spinning, LooksAtDescriptorsAndTimers) {
  LoopGroup group;
  Loop loop(group, nullptr);
  loop.set_spin(std::chrono::hours(1));
  struct Readable final : FdWatch {
    explicit Readable(int fd) : FdWatch(fd, EPOLLIN) {}
    void on_ready(std::uint32_t) override { done = true; }
    bool done = false;
  };
  struct Due final : Timer {
    Due() : Timer([](Runnable& r) noexcept { static_cast<Due&>(static_cast<Timer&>(r)).done = true; }) {}
    bool done = false;
  };
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  ASSERT_GE(fd, 0);
  Readable readable(fd);
  Due due;
  ASSERT_TRUE(loop.try_enter());
  loop.arm(due, loop.now() + std::chrono::microseconds(200));
  EXPECT_TRUE(loop.run_until(due.done));
  ASSERT_EQ(loop.watch(readable), Status());
  const std::uint64_t one = 1;
  std::thread writer([&] { EXPECT_EQ(::write(fd, &one, sizeof one), ssize_t{sizeof one}); });
  EXPECT_TRUE(loop.run_until(readable.done));
  writer.join();
  loop.unwatch(readable);
  loop.leave();
  ::close(fd);
}

TEST(Spinning, OwnThreadGivesWayToCallersAndStops) {
  LoopGroup group;
  Loop loop(group, nullptr);
  loop.set_spin(std::chrono::hours(1));
  loop.start_thread();
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) call(loop, i % 7);
    });
  }
  for (std::thread& t : threads) t.join();
  loop.stop_thread();
  EXPECT_TRUE(loop.live().all_zero());
}

// A poller whose wake() comes back only when it is let go: a poster that is held up within post().
struct HeldWake {
  std::atomic<bool> waiting{false}, within{false}, let_go{false}, destroyed_within{false};
};
class HeldPoller final : public Poller {
 public:
  explicit HeldPoller(HeldWake& held) : held_(held) {
    Status why;
    poller_ = make_epoll_poller(why);
  }
  ~HeldPoller() override {
    if (!held_.within) return;
    held_.destroyed_within = true;
    held_.let_go = true;
    while (held_.within) std::this_thread::yield();
  }
  Status add(FdWatch& watch) override { return poller_->add(watch); }
  Status change(FdWatch& watch) override { return poller_->change(watch); }
  void remove(FdWatch& watch) override { poller_->remove(watch); }
  void wait(Duration timeout) override { held_.waiting = true, poller_->wait(timeout); }
  std::size_t dispatch() override { return poller_->dispatch(); }
  void wake() override {
    HeldWake& held = held_;
    held.within = true;
    poller_->wake();
    while (!held.let_go) std::this_thread::yield();
    held.within = false;
  }
  int fd() override { return poller_->fd(); }

 private:
  HeldWake& held_;
  std::unique_ptr<Poller> poller_;
};

// What was posted has run, and with it all that kept the loop; the thread that posted it is still inside.
TEST(Lead, ALoopGoesAfterTheThreadsThatPostToIt) {
  struct Done final : Runnable {
    Done() : Runnable([](Runnable& self) noexcept { static_cast<Done&>(self).done = true; }) {}
    bool done = false;
  };
  HeldWake held;
  LoopGroup group;
  auto loop = std::make_unique<Loop>(group, std::make_unique<HeldPoller>(held));
  Done done;
  std::thread leader([&] {
    ASSERT_TRUE(loop->try_enter());
    loop->run_until(done.done);
    loop->leave();
  });
  while (!held.waiting) std::this_thread::yield();
  std::thread poster([&] { loop->post(done); });
  leader.join();
  while (!held.within) std::this_thread::yield();
  std::atomic<bool> gone{false};
  std::thread owner([&] { loop.reset(), gone = true; });
  for (int i = 0; i < 1000 && !held.destroyed_within; ++i) std::this_thread::yield();
  EXPECT_FALSE(held.destroyed_within);
  EXPECT_FALSE(gone);
  held.let_go = true;
  poster.join();
  owner.join();
}

}  // namespace
}  // namespace sluice::inline v0
