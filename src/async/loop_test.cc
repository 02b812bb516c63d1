// Loop: ticks, order, inline budget, timers, descriptors, reporters, and being driven by somebody else's
// loop.
#include "sluice/async/loop.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

using support::TestLoop;

struct Action : Runnable {
  explicit Action(std::function<void()> f)
      : Runnable([](Runnable& self) noexcept { static_cast<Action&>(self).f(); }), f(std::move(f)) {}
  std::function<void()> f;
};
struct Alarm : Timer {
  explicit Alarm(std::function<void()> f)
      : Timer([](Runnable& self) noexcept { static_cast<Alarm&>(static_cast<Timer&>(self)).f(); }),
        f(std::move(f)) {}
  std::function<void()> f;
};

TEST(Loop, RunsPostsInTheirOrderFromWithinAndWithout) {
  TestLoop loop;
  std::vector<int> ran;
  Action third([&] { ran.push_back(3); });
  Action first([&] { ran.push_back(1), loop->post(third); });
  Action second([&] { ran.push_back(2); });
  loop->post(first);
  loop->post(second);
  EXPECT_EQ(loop->live().queued, 1);
  EXPECT_EQ(loop->poll(), 3u);
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(loop->poll(), 0u);
}

TEST(Loop, ReadsTheClockOnceATick) {
  TestLoop loop;
  TimePoint a, b;
  Action first([&] { a = loop->now(); });
  Action second([&] {
    while (std::chrono::steady_clock::now().time_since_epoch() <= a.time_since_epoch()) {
    }
    b = loop->now();
  });
  loop->post(first);
  loop->post(second);
  loop->poll();
  EXPECT_EQ(a, b);
  loop.lead_and([&] { EXPECT_GT(loop->now(), b); });
}

TEST(Loop, RunsTheEndOfATickAfterWhatIsReady) {
  TestLoop loop;
  std::vector<int> ran;
  Action again([&] { ran.push_back(5); });
  Action more([&] { ran.push_back(4); });
  Action flush([&] { ran.push_back(3), loop->post_tick_end(again), loop->post(more); });
  Action second([&] { ran.push_back(2); });
  Action first([&] { loop->post_tick_end(flush), ran.push_back(1), loop->post(second); });
  loop->post(first);
  loop->poll();
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 3, 4, 5}));
}

TEST(Loop, AllowsSixtyFourInlineCompletionsATick) {
  TestLoop loop;
  int inline_in_first = 0, inline_in_next = 0;
  Action next([&] { inline_in_next += loop->try_inline(); });
  Action first([&] {
    while (loop->try_inline()) ++inline_in_first;
    EXPECT_FALSE(loop->try_inline());
    loop->post_tick_end(next);  // still this tick
  });
  loop->post(first);
  loop->poll();
  EXPECT_EQ(inline_in_first, 64);
  EXPECT_EQ(inline_in_next, 0);
  loop->post(next);
  loop->poll();
  EXPECT_EQ(inline_in_next, 1);
}

TEST(Loop, ResumesThroughTheQueueOnceNothingMoreMayRunInline) {
  TestLoop loop;
  int depth = 0, deepest = 0, runs = 0;
  std::function<void()> f;
  Action action([&] { f(); });
  f = [&] {
    deepest = std::max(deepest, ++depth);
    if (++runs < 1000) loop->resume(action);
    --depth;
  };
  loop->post(action);
  loop->poll();
  EXPECT_EQ(runs, 1000);
  EXPECT_EQ(deepest, 65);
}

TEST(Loop, GivesTimersATurnWhileItIsBusy) {
  TestLoop loop;
  bool rang = false;
  int runs = 0;
  Alarm alarm([&] { rang = true; });
  std::function<void()> f;
  Action busy([&] { f(); });
  f = [&] {
    if (!rang && ++runs < 1'000'000) loop->post(busy);
  };
  loop.lead_and([&] {
    loop->arm(alarm, loop->now());
    EXPECT_TRUE(alarm.armed());
    loop->post(busy);
    loop->run_until(rang);
  });
  EXPECT_TRUE(rang);
  EXPECT_LT(runs, 1'000'000);
  loop.drain();
}

TEST(Loop, NeverFiresATimerEarlyAndFiresInOrder) {
  TestLoop loop;
  std::vector<int> fired;
  std::deque<Alarm> alarms;
  bool done = false;
  loop.lead_and([&] {
    const TimePoint begin = loop->now();
    for (int i : {3, 1, 2, 1}) {
      const TimePoint deadline = begin + std::chrono::microseconds(300 * i);
      Alarm& alarm = alarms.emplace_back([&, i, deadline] {
        EXPECT_GE(std::chrono::steady_clock::now().time_since_epoch(), deadline.time_since_epoch());
        EXPECT_GE(loop->now(), deadline);
        fired.push_back(i);
        done = i == 3;
      });
      loop->arm(alarm, deadline);
    }
    EXPECT_EQ(loop->live().timers, 4);
    EXPECT_EQ(loop->next_deadline(), begin + std::chrono::microseconds(300));
    loop->run_until(done);
  });
  EXPECT_EQ(fired, (std::vector<int>{1, 1, 2, 3}));
}

TEST(Loop, ATimerThatArmsItselfForThePastHoldsUpNothing) {
  TestLoop loop;
  bool done = false;
  int rings = 0;
  Action stop([&] { done = true; });
  Alarm alarm([] {});
  alarm.f = [&] {
    if (++rings == 1) loop->post(stop);
    if (rings < 1000) loop->arm(alarm, TimePoint::min());
  };
  loop.lead_and([&] {
    loop->arm(alarm, TimePoint::min());
    loop->run_until(done);
    loop->disarm(alarm);
  });
  EXPECT_LT(rings, 100);
}

TEST(Loop, ArmingForNeverDisarms) {
  TestLoop loop(1);
  Alarm alarm([] { FAIL() << "it was disarmed"; });
  loop.lead_and([&] {
    loop->arm(alarm, loop->now() + Duration(5));
    loop->arm(alarm, kNever);
    EXPECT_FALSE(alarm.armed());
    const bool never = false;
    EXPECT_FALSE(loop->run_until(never));
  });
}

struct Watched final : FdWatch {
  explicit Watched(std::function<void()> f) : FdWatch(::eventfd(0, EFD_NONBLOCK), EPOLLIN), f(std::move(f)) {}
  ~Watched() { ::close(fd()); }
  void on_ready(std::uint32_t) override {
    eventfd_t count;
    ::eventfd_read(fd(), &count);
    f();
  }
  std::function<void()> f;
};

TEST(Loop, TellsTheTimeAfterItsSleepToWhatWokeIt) {
  TestLoop loop;
  bool done = false;
  TimePoint slept_until, told;
  Watched watched([&] { told = loop->now(), done = true; });
  Alarm far([] {});
  std::thread other;
  loop.lead_and([&] {
    loop->arm(far, loop->now() + std::chrono::hours(1));
    ASSERT_TRUE(loop->watch(watched).ok());
    const TimePoint before = loop->now();
    other = std::thread([&] {
      while (std::chrono::steady_clock::now().time_since_epoch() <
             before.time_since_epoch() + std::chrono::microseconds(500)) {
      }
      slept_until = TimePoint(std::chrono::steady_clock::now().time_since_epoch());
      ::eventfd_write(watched.fd(), 1);
    });
    loop->run_until(done);
    loop->unwatch(watched);
    loop->disarm(far);
  });
  other.join();
  EXPECT_GE(told, slept_until);
}

TEST(Loop, ReadsWhatArrivedInTimeBeforeItFiresALateTimer) {
  TestLoop loop;
  std::vector<std::string> order;
  bool done = false;
  Alarm alarm([&] { order.push_back("timer"), done = true; });
  Action read([&] { order.push_back("read"); });
  Watched watched([&] { loop->post(read); });
  loop.lead_and([&] {
    ASSERT_TRUE(loop->watch(watched).ok());
    ::eventfd_write(watched.fd(), 1);
    loop->arm(alarm, TimePoint::min());
    loop->run_until(done);
    loop->unwatch(watched);
  });
  EXPECT_EQ(order, (std::vector<std::string>{"read", "timer"}));
}

TEST(Loop, ChangesWhatAWatchWaitsFor) {
  TestLoop loop;
  bool done = false;
  int told = 0;
  Watched watched([&] { ++told, done = true; });
  loop.lead_and([&] {
    ASSERT_TRUE(loop->watch(watched).ok());
    ASSERT_TRUE(loop->change(watched, EPOLLOUT).ok());  // an eventfd is
    loop->run_until(done);
    EXPECT_EQ(watched.events(), std::uint32_t{EPOLLOUT});
    ASSERT_TRUE(loop->change(watched, EPOLLIN).ok());
    ::eventfd_write(watched.fd(), 1);
    done = false;
    loop->run_until(done);
    loop->unwatch(watched);
  });
  EXPECT_EQ(told, 2);
}

// A descriptor that keeps the loop busy holds up the others for a tick, not for a turn of many.
TEST(Loop, LooksAtDescriptorsSoonWhenAskedTo) {
  TestLoop loop;
  bool done = false;
  int ticks = 0;
  Watched watched([&] { done = true; });
  struct Busy final : Runnable {
    Busy(Loop& l, int& t, const bool& d) : Runnable(&go), loop(l), ticks(t), done(d) {}
    static void go(Runnable& self) noexcept {
      auto& busy = static_cast<Busy&>(self);
      ++busy.ticks;
      busy.loop.poll_soon();
      if (!busy.done) busy.loop.post_tick_end(busy);
    }
    Loop& loop;
    int& ticks;
    const bool& done;
  } busy(*loop, ticks, done);
  loop.lead_and([&] {
    ASSERT_TRUE(loop->watch(watched).ok());
    ::eventfd_write(watched.fd(), 1);
    loop->post_tick_end(busy);
    loop->run_until(done);
    EXPECT_EQ(ticks, 1);
    loop->unwatch(watched);
  });
  loop.drain();
}

// Long runs: each posts itself again, and no count of them is to be the time that descriptors and timers
// wait.
struct Long final : Runnable {
  explicit Long(Loop& l, bool& d, bool at_end = false)
      : Runnable(&go), loop(l), done(d), at_tick_end(at_end) {}
  static void go(Runnable& self) noexcept {
    auto& run = static_cast<Long&>(self);
    ++run.runs;
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(300);
    while (std::chrono::steady_clock::now() < until) {
    }
    if (run.done) return;
    run.at_tick_end ? run.loop.post_tick_end(run) : run.loop.post(run);
  }
  Loop& loop;
  bool& done;
  const bool at_tick_end;
  int runs = 0;
};

TEST(Loop, LooksAtDescriptorsAndTimersWithinSomeLongRuns) {
  for (const bool at_tick_end : {false, true}) {
    TestLoop loop;
    bool told = false, rang = false;
    int runs_when_told = 0, runs_when_rang = 0;
    Long busy(*loop, rang, at_tick_end);
    Watched watched([&] { told = true, runs_when_told = busy.runs; });
    Alarm alarm([&] { rang = true, runs_when_rang = busy.runs; });
    loop.lead_and([&] {
      ASSERT_TRUE(loop->watch(watched).ok());
      ::eventfd_write(watched.fd(), 1);
      loop->arm(alarm, loop->now());
      at_tick_end ? loop->post_tick_end(busy) : loop->post(busy);
      loop->run_until(rang);
      loop->unwatch(watched);
    });
    EXPECT_TRUE(told);
    EXPECT_LE(runs_when_told, 40) << "of 300 us each";
    EXPECT_LE(runs_when_rang, 60);
    loop.drain();
  }
}

// One tick's worth of them is cut, too, and nothing of it is lost or changes its order.
TEST(Loop, CutsATickOfManyLongRuns) {
  for (const bool at_tick_end : {false, true}) {
    TestLoop loop;
    bool stop = true;
    std::deque<Long> all;
    std::vector<int> order;
    std::deque<Action> marks;
    int ran_when_told = 0;
    Watched watched([&] { ran_when_told = static_cast<int>(order.size()); });
    loop.lead_and([&] {
      ASSERT_TRUE(loop->watch(watched).ok());
      ::eventfd_write(watched.fd(), 1);
      for (int i = 0; i < 100; ++i) {
        Long& run = all.emplace_back(*loop, stop);
        Action& mark = marks.emplace_back([&order, &run, i] { run.run(), order.push_back(i); });
        at_tick_end ? loop->post_tick_end(mark) : loop->post(mark);
      }
      bool last = false;
      Action end([&] { last = true; });
      at_tick_end ? loop->post_tick_end(end) : loop->post(end);
      loop->run_until(last);
      loop->unwatch(watched);
    });
    EXPECT_GT(ran_when_told, 0);
    EXPECT_LE(ran_when_told, 40);
    ASSERT_EQ(order.size(), 100u);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  }
}

// A loop that nobody attends to: what came meanwhile is seen before a caller starts anything.
TEST(Loop, DoesFirstWhatCameWhileNobodyAttended) {
  TestLoop loop;
  std::vector<std::string> order;
  Action posted([&] { order.push_back("posted"); });
  Action read([&] { order.push_back("read"); });
  Watched watched([&] { loop->post(read); });
  Alarm alarm([&] { order.push_back("timer"); });
  loop.lead_and([&] {
    ASSERT_TRUE(loop->watch(watched).ok());
    loop->arm(alarm, loop->now());
  });
  ::eventfd_write(watched.fd(), 1);
  loop->post(posted);
  ASSERT_TRUE(loop->try_enter_in_order());
  EXPECT_EQ(order, (std::vector<std::string>{"posted", "read", "timer"}));
  loop->unwatch(watched);
  loop->leave();
}

TEST(Loop, LetsWhatWasSubmittedLeaveWithTheCaller) {
  TestLoop loop;
  std::vector<std::string> order;
  Action flush([&] { order.push_back("flush"); });
  Action ready([&] { order.push_back("ready"), loop->post_tick_end(flush); });
  loop.lead_and([&] { loop->post(ready); });
  EXPECT_EQ(order, (std::vector<std::string>{"ready", "flush"}));
  Action outside([&] { order.push_back("outside"); });
  loop->post(outside);
  EXPECT_EQ(order.size(), 2u) << "a post runs nothing";
  loop->attend();
  EXPECT_EQ(order.back(), "outside");
}

// An endless coroutine does not keep who only looks in.
TEST(Loop, GivesACallerThatLeavesItsTurnBack) {
  TestLoop loop;
  bool stop = false;
  std::function<void()> f;
  Action endless([&] { f(); });
  f = [&] {
    if (!stop) loop->post_tick_end(endless);
  };
  loop.lead_and([&] { loop->post(endless); });
  EXPECT_FALSE(loop->live().all_zero());
  stop = true;
  loop.drain();
}

// What is posted while another thread leads is that one's to run, also if it was about to leave.
TEST(Loop, LosesNoPostToALeaderThatIsAboutToLeave) {
  constexpr int kThreads = 4, kRounds = 5000;
  TestLoop loop;
  std::atomic<int> ran{0};
  struct Count final : Runnable {
    explicit Count(std::atomic<int>& n)
        : Runnable([](Runnable& self) noexcept { ++static_cast<Count&>(self).count; }), count(n) {}
    std::atomic<int>& count;
  };
  std::vector<std::deque<Count>> items(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        loop->post(items[t].emplace_back(ran));
        loop->attend();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(ran, kThreads * kRounds) << "without anybody who runs the loop afterwards";
}

TEST(Loop, RefusesDescriptorsInASimulation) {
  TestLoop loop(1);
  Watched watched([] {});
  EXPECT_EQ(loop->watch(watched).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(loop->native_fd(), -1);
}

struct Named final : detail::StuckReporter {
  explicit Named(std::string n) : name(std::move(n)) {}
  void describe(std::string& out) const override { out += name; }
  std::string name;
};

TEST(Loop, NamesWhoWaitsWhenNothingCanMakeProgress) {
  TestLoop loop(1);
  EXPECT_EQ(loop->stuck().message(), "nothing can make progress: no waiter is known");
  Named a("a"), b("b"), silent("");
  loop->add_reporter(a);
  loop->add_reporter(silent);
  loop->add_reporter(b);
  EXPECT_EQ(loop->stuck().message(), "nothing can make progress: b; a");
  loop->remove_reporter(b);
  loop->remove_reporter(silent);
  EXPECT_EQ(loop->stuck().message(), "nothing can make progress: a");
  loop->remove_reporter(a);
}

bool readable(int fd) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, 0) == 1;
}

TEST(Loop, TellsSomebodyElsesLoopOfPostsAndDescriptors) {
  TestLoop loop;
  const int fd = loop->native_fd();
  ASSERT_GE(fd, 0);
  loop->poll();
  EXPECT_FALSE(readable(fd));
  for (int i = 0; i < 3; ++i) {
    int ran = 0;
    Action a([&] { ++ran; }), b([&] { ++ran; });
    std::thread poster([&] { loop->post(a), loop->post(b); });
    poster.join();
    EXPECT_TRUE(readable(fd));
    loop->poll();
    EXPECT_EQ(ran, 2);
    EXPECT_FALSE(readable(fd));
  }
  int told = 0;
  Watched watched([&] { ++told; });
  loop.lead_and([&] { ASSERT_TRUE(loop->watch(watched).ok()); });
  ::eventfd_write(watched.fd(), 1);
  EXPECT_TRUE(readable(fd));
  loop->poll();
  EXPECT_EQ(told, 1);
  EXPECT_FALSE(readable(fd));
  loop.lead_and([&] { loop->unwatch(watched); });
}

TEST(Loop, TellsSomebodyElsesLoopWhatACallerLeftBehind) {
  TestLoop loop;
  const int fd = loop->native_fd();
  loop->poll();
  int rang = 0;
  Alarm alarm([&] { ++rang; });
  loop.lead_and([&] { loop->arm(alarm, loop->now()); });
  EXPECT_TRUE(readable(fd)) << "the deadline is another";
  loop->poll();
  EXPECT_EQ(rang, 1);
  EXPECT_EQ(loop->next_deadline(), kNever);
  EXPECT_FALSE(readable(fd));
  Action a([] {});
  loop.lead_and([&] { loop->post(a); });
  EXPECT_TRUE(readable(fd));
  loop->poll();
  EXPECT_FALSE(readable(fd));
}

// For a thread that others may be ahead of.
void lead_when_free(Loop& loop, const std::function<void()>& f) {
  while (!loop.try_enter()) std::this_thread::yield();
  f();
  loop.leave();
}

// Somebody else's loop, asleep until there is something to poll for.
void sleep_and_poll(Loop& loop, int fd) {
  const TimePoint deadline = loop.next_deadline();
  int timeout = -1;
  if (deadline != kNever) {
    const Duration left = deadline - TimePoint(std::chrono::steady_clock::now().time_since_epoch());
    timeout = static_cast<int>(
        std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(left).count()));
  }
  pollfd p{fd, POLLIN, 0};
  ::poll(&p, 1, timeout);
  loop.poll();
}

TEST(Loop, WakesSomebodyElsesLoopForWhatOtherThreadsDo) {
  TestLoop loop;
  const int fd = loop->native_fd();
  bool rang_late = false;
  Alarm late([&] { rang_late = true; });
  loop.lead_and([&] { loop->arm(late, loop->now() + std::chrono::hours(1)); });
  loop->poll();
  ASSERT_NE(loop->next_deadline(), kNever);

  bool ran = false, rang = false, told = false;
  Action action([&] { ran = true; });
  std::thread posts([&] { loop->post(action); });
  while (!ran) sleep_and_poll(*loop, fd);
  posts.join();

  Alarm early([&] { rang = true; });
  std::thread arms(
      [&] { lead_when_free(*loop, [&] { loop->arm(early, loop->now() + std::chrono::milliseconds(2)); }); });
  while (!rang) sleep_and_poll(*loop, fd);
  arms.join();

  Watched watched([&] { told = true; });
  loop.lead_and([&] { ASSERT_TRUE(loop->watch(watched).ok()); });
  std::thread writes([&] { ::eventfd_write(watched.fd(), 1); });
  while (!told) sleep_and_poll(*loop, fd);
  writes.join();

  EXPECT_FALSE(rang_late);
  loop.lead_and([&] { loop->unwatch(watched), loop->disarm(late); });
}

TEST(Loop, MayBePolledWhileAnotherThreadLeads) {
  TestLoop loop;
  loop->native_fd();
  int rang = 0;
  bool done = false;
  std::function<void()> again;
  Alarm alarm([&] { again(); });
  again = [&] {
    done = ++rang == 200;
    if (!done) loop->arm(alarm, loop->now() + std::chrono::microseconds(rang % 3));
  };
  std::atomic<bool> ended{false};
  std::thread leader([&] {
    lead_when_free(*loop, [&] {
      again();
      loop->run_until(done);
    });
    ended = true;
  });
  while (!ended) {
    loop->poll();
    EXPECT_GE(loop->next_deadline(), TimePoint());
  }
  leader.join();
  EXPECT_EQ(rang, 200);
}

TEST(Loop, GivesSomebodyElsesLoopItsTurnBack) {
  TestLoop loop;
  const int fd = loop->native_fd();
  loop->poll();
  bool stop = false;
  std::function<void()> f;
  Action endless([&] { f(); });
  f = [&] {
    if (!stop) loop->post(endless);
  };
  loop->post(endless);
  EXPECT_GT(loop->poll(), 0u);
  EXPECT_TRUE(readable(fd));
  stop = true;
  loop->poll();
}

TEST(Loop, IsLeftAlsoWhenAWatchThrows) {
  struct Throwing final : FdWatch {
    explicit Throwing(int fd) : FdWatch(fd, EPOLLIN) {}
    void on_ready(std::uint32_t) override { throw std::runtime_error("broken"); }
  };
  TestLoop loop;
  const int fd = ::eventfd(1, EFD_CLOEXEC);
  Throwing watch(fd);
  loop.lead_and([&] { EXPECT_TRUE(loop->watch(watch).ok()); });
  EXPECT_THROW(loop->poll(), std::runtime_error);
  EXPECT_FALSE(loop->leads());
  loop.lead_and([&] { loop->unwatch(watch); });
  ::close(fd);
}

// Another thread takes the lead, and ends without leaving: no thread is left to be confused by the fork.
void let_a_stranger_lead(Loop& loop) {
  std::thread([&loop] { EXPECT_TRUE(loop.try_enter()); }).join();
}

TEST(LoopDeathTest, DestroyedWhileAThreadRunsItEndsTheProcess) {
  EXPECT_DEATH(
      {
        LoopGroup group;
        Loop loop(group, nullptr);
        let_a_stranger_lead(loop);
      },
      "^sluice: a loop was destroyed while a thread runs it");
}

TEST(LoopDeathTest, DestroyedWhileSomethingLivesOnItEndsTheProcess) {
  EXPECT_DEATH(
      {
        LoopGroup group({}, detail::Assertions::kOn);
        Loop loop(group, nullptr);
        loop.counts().conns = 2;
      },
      "^sluice: a loop was destroyed while something lives on it: conns 2; ");
  LoopGroup unchecked({}, detail::Assertions::kOff);
  Loop loop(unchecked, nullptr);
  loop.counts().conns = 2;
}

TEST(LoopDeathTest, UsedOnAThreadThatDoesNotLeadEndsTheProcess) {
  const std::pair<const char*, void (*)(Loop&)> uses[] = {
      {"now", [](Loop& loop) { (void)loop.now(); }},
      {"arm",
       [](Loop& loop) {
         Alarm alarm([] {});
         loop.arm(alarm, kNever);
       }},
      {"post_tick_end",
       [](Loop& loop) {
         Action action([] {});
         loop.post_tick_end(action);
       }},
      {"random", [](Loop& loop) { (void)loop.random(); }},
      {"counts", [](Loop& loop) { (void)loop.counts(); }},
      {"poll_soon", [](Loop& loop) { loop.poll_soon(); }},
  };
  for (const auto& [name, use] : uses) {
    SCOPED_TRACE(name);
    EXPECT_DEATH(
        {
          TestLoop loop;
          let_a_stranger_lead(*loop);
          use(*loop);
        },
        "^sluice: a loop-only member was used on a thread that does not run the loop");
  }
}

}  // namespace
}  // namespace sluice::inline v0
