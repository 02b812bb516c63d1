// The run token: callers that lead by turns, the loop's own thread, and wakes that are not made.
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "async/poller.h"
#include "support/loop_fixture.h"

namespace sluice {
namespace {

using support::TestLoop;

// Completes `waiter` on the loop after `hops` more posts; the smallest operation there is.
struct Hops final : Runnable {
  Hops(Loop& l, Runnable& w, int n) : Runnable(&hop), loop(l), waiter(w), left(n) {}
  static void hop(Runnable& self) noexcept {
    auto& h = static_cast<Hops&>(self);
    if (h.left-- == 0) return h.waiter.run();
    h.loop.post(h);
  }
  Loop& loop;
  Runnable& waiter;
  int left;
};

// What get() does, without an operation.
void call(Loop& loop, int hops) {
  Loop::ThreadWaiter waiter(loop);
  Hops op(loop, waiter, hops);
  loop.post(op);
  ASSERT_TRUE(waiter.wait());
  if (waiter.leading()) loop.leave();
}

// Counts what is asked of the epoll poller.
struct Counts {
  std::atomic<int> waits{0}, wakes{0};
};
class CountingPoller final : public Poller {
 public:
  explicit CountingPoller(Counts& counts) : counts_(counts) {
    Status why;
    poller_ = make_epoll_poller(why);
  }
  Status add(FdWatch& watch) override { return poller_->add(watch); }
  Status change(FdWatch& watch) override { return poller_->change(watch); }
  void remove(FdWatch& watch) override { poller_->remove(watch); }
  void wait(Duration timeout) override { ++counts_.waits, poller_->wait(timeout); }
  std::size_t dispatch() override { return poller_->dispatch(); }
  void wake() override { ++counts_.wakes, poller_->wake(); }
  int fd() override { return poller_->fd(); }

 private:
  Counts& counts_;
  std::unique_ptr<Poller> poller_;
};

TEST(RunToken, OnlyOneThreadLeads) {
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

TEST(RunToken, ABlockingCallRunsOnItsCallersStackWithoutPollerOrWake) {
  Counts counts;
  LoopGroup group;
  Loop loop(group, std::make_unique<CountingPoller>(counts));
  for (int i = 0; i < 100; ++i) call(loop, 10);
  EXPECT_EQ(counts.waits, 0);
  EXPECT_EQ(counts.wakes, 0);
}

// Two system calls a call over a socket would be one too many.
TEST(RunToken, ACallerInAHurryIsSparedTheLookAtDescriptors) {
  struct Silent final : FdWatch {
    Silent() : FdWatch(::eventfd(0, EFD_CLOEXEC), EPOLLIN) {}
    ~Silent() { ::close(fd()); }
    void on_ready(std::uint32_t) override {}
  } silent;
  Counts counts;
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
TEST(RunToken, AVisitEnds) {
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

TEST(RunToken, ALeaderThatLeavesHandsOverToExactlyOneWaiter) {
  constexpr int kWaiters = 3;
  LoopGroup group;
  Loop loop(group, nullptr);
  ASSERT_TRUE(loop.try_enter());
  // What they wait for completes only once all of them wait, so each needs the lead in its turn.
  std::atomic<int> at_once{0}, leaders{0}, most{0}, posted{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kWaiters; ++i) {
    threads.emplace_back([&] {
      Loop::ThreadWaiter waiter(loop);
      Hops op(loop, waiter, 0);
      loop.post(op);
      ++posted;
      ASSERT_TRUE(waiter.wait());
      if (!waiter.leading()) return;
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

TEST(RunToken, ManyCallersShareOneLoop) {
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

TEST(RunToken, AParkedLeaderIsWokenByAPost) {
  Counts counts;
  LoopGroup group;
  Loop loop(group, std::make_unique<CountingPoller>(counts));
  Loop::ThreadWaiter waiter(loop);
  Hops op(loop, waiter, 0);
  std::thread poster([&] {
    while (counts.waits == 0) std::this_thread::yield();
    loop.post(op);
  });
  ASSERT_TRUE(waiter.wait());
  ASSERT_TRUE(waiter.leading());
  loop.leave();
  poster.join();
  EXPECT_LE(counts.wakes, 1);
}

TEST(RunToken, NobodyIsWokenWhileTheLeaderIsNotParked) {
  Counts counts;
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
  Loop::ThreadWaiter waiter(loop);
  Hops op(loop, waiter, 0);
  std::thread poster([&] {
    while (!ready()) std::this_thread::yield();
    loop.post(op);
  });
  EXPECT_TRUE(waiter.wait());
  if (waiter.leading()) loop.leave();
  poster.join();
}

TEST(Spinning, NeitherSleepsNorIsWoken) {
  Counts counts;
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
  Counts counts;
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

TEST(OwnThread, RunsWhatIsPostedAndStops) {
  LoopGroup group;
  Loop loop(group, nullptr);
  loop.start_thread();
  struct Tell final : Runnable {
    Tell()
        : Runnable([](Runnable& self) noexcept {
            static_cast<Tell&>(self).ran.set_value(std::this_thread::get_id());
          }) {}
    std::promise<std::thread::id> ran;
  };
  std::deque<Tell> tells;  // until the thread has ended: set_value() may still be at work when get() returns
  for (int i = 0; i < 20; ++i) {
    Tell& tell = tells.emplace_back();
    loop.post(tell);
    EXPECT_NE(tell.ran.get_future().get(), std::this_thread::get_id());
  }
  loop.stop_thread();
  EXPECT_TRUE(loop.live().all_zero());
  loop.stop_thread();  // nothing to stop
}

TEST(OwnThread, StopsWhileItIsParkedWhileItYieldsAndAtOnce) {
  Counts counts;
  LoopGroup group;
  Loop loop(group, std::make_unique<CountingPoller>(counts));
  for (int i = 0; i < 20; ++i) {
    loop.start_thread();
    loop.stop_thread();
  }
  counts.waits = 0;
  loop.start_thread();
  while (counts.waits == 0) std::this_thread::yield();
  loop.stop_thread();
  loop.start_thread();
  call(loop, 3);
  loop.stop_thread();
}

TEST(OwnThread, GivesWayToCallersAndComesBack) {
  LoopGroup group;
  Loop loop(group, nullptr);
  loop.start_thread();
  struct Where final : Runnable {
    Where()
        : Runnable([](Runnable& self) noexcept {
            auto& where = static_cast<Where&>(self);
            where.ran.store(true);
          }) {}
    std::atomic<bool> ran{false};
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) call(loop, i % 7);
    });
  }
  for (std::thread& t : threads) t.join();
  // No caller any more: the own thread must come back by itself.
  Where where;
  loop.post(where);
  while (!where.ran) std::this_thread::yield();
  loop.stop_thread();
  EXPECT_TRUE(loop.live().all_zero());
}

TEST(OwnThread, FinishesWhatACallerStartedAndLeft) {
  LoopGroup group;
  Loop loop(group, nullptr);
  loop.start_thread();
  for (int i = 0; i < 200; ++i) {
    struct Last final : Runnable {
      Last() : Runnable([](Runnable& self) noexcept { static_cast<Last&>(self).ran.store(true); }) {}
      std::atomic<bool> ran{false};
    } last;
    call(loop, 1);
    const bool entered = loop.try_enter();  // or the thread is back already
    loop.post(last);
    if (entered) loop.leave();
    while (!last.ran) std::this_thread::yield();
  }
  loop.stop_thread();
}

// A thread that only looks in is no caller to keep out of the way of: the own thread parks, where whatever
// comes in wakes it at once, and does not look once a millisecond for as long as such threads are about.
TEST(OwnThread, IsNotKeptFromParkingByThreadsThatOnlyLookIn) {
  Counts counts;
  LoopGroup group;
  Loop loop(group, std::make_unique<CountingPoller>(counts));
  loop.start_thread();
  call(loop, 1);  // from now on it keeps out of the way
  counts.waits = 0;
  int looks = 0, refused = 0;
  // Refused for so long: it parked before the count began, and leads from there.
  while (counts.waits == 0 && looks < 1000 && refused < 100'000) {
    std::atomic<bool> ran{false};
    struct Tell final : Runnable {
      explicit Tell(std::atomic<bool>& r)
          : Runnable([](Runnable& self) noexcept { static_cast<Tell&>(self).ran.store(true); }), ran(r) {}
      std::atomic<bool>& ran;
    } tell(ran);
    if (!loop.try_enter_in_order()) {  // it leads
      ++refused;
      std::this_thread::yield();
      continue;
    }
    refused = 0;
    ++looks;
    loop.post(tell);
    loop.leave();  // wakes it
    while (!ran) std::this_thread::yield();
  }
  EXPECT_LE(looks, 4) << "one look that finds the caller, one that finds none; and what a race adds";
  loop.stop_thread();
}

struct Ringing final : Timer {
  Ringing()
      : Timer([](Runnable& self) noexcept {
          static_cast<Ringing&>(static_cast<Timer&>(self)).rang.set_value();
        }) {}
  std::promise<void> rang;
};
// Arms `timer` on the loop, and then tells `waiter` if there is one.
struct Arm final : Runnable {
  Arm(Loop& l, Timer& t, Runnable* w = nullptr) : Runnable(&run), loop(l), timer(t), waiter(w) {}
  static void run(Runnable& self) noexcept {
    auto& arm = static_cast<Arm&>(self);
    arm.loop.arm(arm.timer, arm.loop.now() + std::chrono::microseconds(200));
    if (arm.waiter) arm.waiter->run();
  }
  Loop& loop;
  Timer& timer;
  Runnable* waiter;
};

TEST(OwnThread, FiresTimersWhileNobodyCalls) {
  LoopGroup group;
  Loop loop(group, nullptr);
  loop.start_thread();
  Ringing alarm;
  Arm arm(loop, alarm);
  loop.post(arm);
  alarm.rang.get_future().get();
  loop.stop_thread();
}

// While a caller leads for long, the own thread sleeps until the lead is free; nobody else would then fire
// the timer.
TEST(OwnThread, ComesBackAfterACallerThatWaitedLong) {
  LoopGroup group;
  Loop loop(group, nullptr);
  loop.start_thread();
  Ringing alarm;
  Loop::ThreadWaiter waiter(loop);
  Arm arm(loop, alarm, &waiter);
  std::thread poster([&] {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
    while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
    loop.post(arm);
  });
  ASSERT_TRUE(waiter.wait());
  if (waiter.leading()) loop.leave();
  poster.join();
  alarm.rang.get_future().get();
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
TEST(RunToken, ALoopGoesAfterTheThreadsThatPostToIt) {
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
}  // namespace sluice
