// OwnThread: leads while nobody calls, keeps out of the way of callers, and stops.
#include "async/own_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "async/fake_caller.h"

namespace sluice::inline v0 {
namespace {

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
  PollerCounts counts;
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
  PollerCounts counts;
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
  WaitingThread thread(loop);
  Arm arm(loop, alarm, &thread);
  std::thread poster([&] {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
    while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
    loop.post(arm);
  });
  ASSERT_TRUE(thread.wait());
  if (thread.leading()) loop.leave();
  poster.join();
  alarm.rang.get_future().get();
  loop.stop_thread();
  EXPECT_TRUE(loop.live().all_zero());
}

}  // namespace
}  // namespace sluice::inline v0
