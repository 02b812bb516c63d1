// Loop: ticks, order, inline budget, timers, descriptors, waiters, and being driven by somebody else's loop.
#include "sluice/async/loop.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <deque>
#include <functional>
#include <vector>

#include "support/loop_fixture.h"

namespace sluice {
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
    loop->unwatch(watched);
  });
  EXPECT_EQ(ticks, 1);
  loop.drain();
}

TEST(Loop, RefusesDescriptorsInASimulation) {
  TestLoop loop(1);
  Watched watched([] {});
  EXPECT_EQ(loop->watch(watched).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(loop->native_fd(), -1);
}

struct Named final : Waiter {
  explicit Named(std::string n) : name(std::move(n)) {}
  void describe(std::string& out) const override { out += name; }
  std::string name;
};

TEST(Loop, NamesWhoWaitsWhenNothingCanMakeProgress) {
  TestLoop loop(1);
  EXPECT_EQ(loop->stuck().message(), "nothing can make progress: no waiter is known");
  Named a("a"), b("b"), silent("");
  loop->add_waiter(a);
  loop->add_waiter(silent);
  loop->add_waiter(b);
  EXPECT_EQ(loop->stuck().message(), "nothing can make progress: b; a");
  loop->remove_waiter(b);
  loop->remove_waiter(silent);
  EXPECT_EQ(loop->stuck().message(), "nothing can make progress: a");
  loop->remove_waiter(a);
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

}  // namespace
}  // namespace sluice
