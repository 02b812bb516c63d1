// Loops for tests: made directly, without a Runtime, and run by the thread of the test. Every test above base
// ends with nothing left on its loops.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sluice/async/loop.h"
#include "sluice/async/simulation.h"
#include "sluice/async/task.h"

namespace sluice::support {

// A loop that the thread which calls run() leads, in real or virtual time. Checks at its end that nothing
// lives.
class TestLoop {
 public:
  TestLoop() : loop_(group_, nullptr) {}
  explicit TestLoop(std::uint64_t seed)
      : simulation_(std::make_unique<Simulation>(seed)), loop_(group_, simulation_.get()) {}
  ~TestLoop() { expect_idle(); }

  Loop& loop() { return loop_; }
  Loop& operator*() { return loop_; }
  Loop* operator->() { return &loop_; }
  // REQUIRES a simulated loop.
  Simulation& simulation() { return *simulation_; }

  // Runs the task to its end and gives what it returned; throws what it threw, or why it cannot go on.
  template <class T>
  T run(Task<T> task) {
    Flag ended;
    lead();
    if (task.start(loop_, ended)) ended.set = true;
    if (!loop_.run_until(ended.set)) give_up(std::move(task));
    loop_.leave();
    return task.take();
  }
  // Several at once; in the order given where the loop does not choose.
  void run_all(std::vector<Task<void>> tasks) {
    Countdown ended(tasks.size());
    std::deque<EndOfOne> ends;  // a node each: two tasks may end in one tick
    lead();
    for (Task<void>& task : tasks) {
      if (task.start(loop_, ends.emplace_back(ended))) ended.count();
    }
    if (!loop_.run_until(ended.set)) give_up(std::move(tasks));
    loop_.leave();
    for (Task<void>& task : tasks) task.take();
  }
  // Calls `f` while leading, for what is loop-only and no coroutine.
  template <class F>
  auto lead_and(F f) {
    lead();
    struct Leave {
      Loop& loop;
      ~Leave() { loop.leave(); }
    } leave{loop_};
    return f();
  }
  // Runs what is ready until nothing is.
  void drain() {
    while (loop_.poll() > 0) {
    }
  }
  void expect_idle() {
    drain();
    EXPECT_TRUE(loop_.live().all_zero()) << "left on the loop: " << loop_.live().to_string();
  }

 private:
  friend class TwoLoops;

  struct Flag : Runnable {
    Flag() : Runnable([](Runnable& self) noexcept { static_cast<Flag&>(self).set = true; }) {}
    bool set = false;
  };
  struct Countdown : Runnable {
    explicit Countdown(std::size_t n)
        : Runnable([](Runnable& self) noexcept { static_cast<Countdown&>(self).count(); }),
          left(n),
          set(n == 0) {}
    void count() { set = --left == 0; }
    std::size_t left;
    bool set;
  };
  struct EndOfOne : Runnable {
    explicit EndOfOne(Countdown& c)
        : Runnable([](Runnable& self) noexcept { static_cast<EndOfOne&>(self).all.count(); }), all(c) {}
    Countdown& all;
  };

  void lead() {
    if (!loop_.try_enter()) throw std::logic_error("the loop is led by somebody else");
  }
  // A suspended coroutine is never destroyed: the test has failed, and leaks it.
  template <class Stuck>
  void give_up(Stuck&& stuck) {
    new Stuck(std::forward<Stuck>(stuck));
    const std::string why = loop_.stuck().to_string();
    loop_.leave();
    throw std::runtime_error(why);
  }

  // A thread sanitizer looks at the first KiB of freed memory only, so the loop's shared members lie there.
  LoopGroup group_;
  std::unique_ptr<Simulation> simulation_;
  Loop loop_;
};

// Two loops of two groups (two Runtimes, that is) in real time, each led by its own thread while run() runs.
class TwoLoops {
 public:
  ~TwoLoops() { expect_idle(); }
  Loop& a() { return a_.loop(); }
  Loop& b() { return b_.loop(); }

  // Runs one task on each loop; both loops run until both tasks have ended.
  void run(Task<void> task_a, Task<void> task_b) {
    Side side_a(a_.loop()), side_b(b_.loop());
    side_a.other = &side_b, side_b.other = &side_a;
    std::thread thread([&] { side_b.run(task_b); });
    side_a.run(task_a);
    thread.join();
    task_a.take();
    task_b.take();
  }
  void expect_idle() {
    // What one loop does may give the other something to do.
    for (int i = 0; i < 8; ++i) a_.drain(), b_.drain();
    a_.expect_idle();
    b_.expect_idle();
  }

 private:
  // Counts the end of its own task and, posted by the other side, of the other's.
  struct Side {
    explicit Side(Loop& l) : loop(l), ended(2), own_end(*this) {}
    struct OwnEnd : Runnable {
      explicit OwnEnd(Side& s)
          : Runnable([](Runnable& self) noexcept { static_cast<OwnEnd&>(self).side.own_ended(); }), side(s) {}
      Side& side;
    };
    void own_ended() {
      ended.count();
      other->loop.post(other->ended);
    }
    void run(Task<void>& task) {
      // The other side may have posted something here, and lead this loop until that has run.
      while (!loop.try_enter()) std::this_thread::yield();
      if (task.start(loop, own_end)) own_ended();
      loop.run_until(ended.set);
      loop.leave();
    }
    Loop& loop;
    Side* other = nullptr;
    TestLoop::Countdown ended;
    OwnEnd own_end;
  };

  TestLoop a_, b_;
};

// The base of tests on one simulated loop. `seed` is 7 unless a test makes loops of its own.
class LoopTest : public ::testing::Test {
 protected:
  Loop& loop() { return loop_.loop(); }
  template <class T>
  T run(Task<T> task) {
    return loop_.run(std::move(task));
  }
  TestLoop loop_{7};
};

}  // namespace sluice::support
