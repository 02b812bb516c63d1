// Schedule: what runs on a Loop, and when: the ready queue, the end of the tick, timers, descriptors and the
// clock; or all of that in virtual time and in the order of a simulation's seed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "sluice/async/detail/queues.h"
#include "sluice/async/detail/timer_heap.h"
#include "sluice/async/fd_watch.h"
#include "sluice/base/status.h"
#include "sluice/base/time.h"

namespace sluice::inline v0 {
class Poller;
}  // namespace sluice::inline v0

namespace sluice::inline v0::detail {

// The work of one Loop. It knows nothing of threads: whoever leads the loop calls it.
//
// Thread: Loop-only (the leader), but for members marked otherwise.
class Schedule {
 public:
  // `simulation` or null for real time.
  explicit Schedule(Simulation* simulation);
  // In real time, with a poller of one's own; `poller` is not null.
  explicit Schedule(std::unique_ptr<Poller> poller);
  ~Schedule();
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;

  // Any thread. All that is otherwise in a simulation is so by these, here and in schedule_world.cc.
  Simulation* simulation() const { return simulation_; }
  // Whether a leader may run ready work when it suits. In a simulation the seed orders everything.
  bool may_run_early() const { return simulation_ == nullptr; }
  // Whether an idle leader sleeps, and descriptors may wake it. In a simulation it calls pass_time() instead.
  bool may_sleep() const { return simulation_ == nullptr; }

  // Any thread: work from outside. The next tick, or take_posted(), makes it ready.
  void post(Runnable& r) { posted_.push(r); }
  bool has_posted() const { return !posted_.empty(); }
  void take_posted() { posted_.drain_into(ready_); }  // the leader

  // Work: see Loop.
  void push(Runnable& r) { ready_.push(r); }
  void push_tick_end(Runnable& r) { tick_end_.push(r); }
  bool try_inline() { return inline_left_ > 0 && inline_left_-- > 0; }
  bool has_ready() const { return !(ready_.empty() && tick_end_.empty()); }
  // Whether work that was posted still waits: an operation that began now would overtake it.
  bool is_behind() const { return has_posted() || overfull_; }

  // Time: see Loop.
  TimePoint now() { return now_valid_ ? now_ : read_clock(); }
  TimePoint read_clock();
  TimePoint recently() const;
  void arm(Timer& timer, TimePoint deadline);
  void disarm(Timer& timer) { timers_.disarm(timer); }
  TimePoint next_deadline() const { return timers_.next(); }
  std::size_t armed() const { return timers_.size(); }

  // Descriptors: see Loop.
  Status watch(FdWatch& watch);
  void unwatch(FdWatch& watch);
  Status change(FdWatch& watch, std::uint32_t epoll_events);
  bool has_watches() const { return watches_ > 0; }
  void poll_soon() { poll_soon_ = true; }
  // Looks at descriptors without waiting. Returns how many were ready.
  std::size_t poll_descriptors();
  // What somebody else's loop may wait on instead of this one; -1: there is none.
  int native_fd();

  std::uint64_t random();

  // Another leader begins: what was known of the time holds no longer.
  void begin() {
    now_valid_ = false;
    busy_since_ = TimePoint();
    allow_inline();
  }
  // One tick: what is ready, then what wanted to come at its end, and now and then timers and descriptors.
  // Returns how many items ran.
  std::size_t turn();
  // Fires timers that are due, each once at most. Returns how many.
  std::size_t fire_timers();
  // Whether anything may have come, or be due, since the loop was last led.
  bool may_be_late() const { return watches_ > 0 || !timers_.empty() || has_ready() || has_posted(); }
  // Real time only: does what came while nobody led, `most` turns of it and, where timers are due, as many
  // again. What has arrived goes before timers, as it does in a loop that is busy.
  void catch_up(int most);

  // Sleep, in three steps. The first makes the poller, and gives the time until the next timer.
  Duration before_sleep();
  // Until then, a descriptor is ready, or wake().
  void sleep(Duration timeout);
  // Does what has come meanwhile.
  void after_sleep();
  // What was known before a sleep, or a wait without one, holds no longer.
  void awake();
  // Any thread, while the leader sleeps.
  void wake();
  // Any thread, while nobody leads and native_fd() was asked for: ends the wait on that, once.
  void wake_host();
  // In a simulation, when nothing is ready: goes on to the next timer. False if nothing can ever come.
  bool pass_time();

 private:
  static constexpr int kInlinePerTick = 64;
  struct Random;

  static TimePoint machine_time();
  void allow_inline() { inline_left_ = simulation_ ? 0 : kInlinePerTick; }
  std::size_t simulated_turn(int most);
  std::size_t run_ready();
  std::size_t run_tick_end();
  void run_some_turns(int most);
  std::size_t fire_timers_while_busy();
  bool busy_too_long(TimePoint& since);
  Poller& poller();

  // Any thread. First, so that in a Loop it is on the cache line of the run token, which posters touch too.
  RemoteQueue posted_;

  // Constant after construction.
  Simulation* const simulation_;

  // Any thread.
  std::atomic<bool> host_woken_{false};

  // Loop-only.
  ReadyQueue ready_;
  ReadyQueue tick_end_;
  TimerHeap timers_;
  TimePoint now_{};
  bool now_valid_ = false;
  bool overfull_ = false;        // the last tick left work in ready_ that may have been posted
  bool overdue_ = false;         // busy since busy_since_ for as long as may be
  bool poll_soon_ = false;       // the descriptors are looked at when this tick ends
  bool timers_put_off_ = false;  // due timers let what had arrived go first, once
  int inline_left_ = 0;
  TimePoint looked_at_{};   // when descriptors were looked at last
  TimePoint busy_since_{};  // then, or since this leader runs; {}: not known yet
  TimePoint checked_at_{};  // when a busy loop read the clock last
  int runs_to_check_ = 1;   // until it does so again
  std::uint32_t ticks_ = 0;
  std::uint64_t timer_order_ = 0;
  std::size_t watches_ = 0;
  std::unique_ptr<Poller> poller_;  // made at the first descriptor or sleep
  const std::unique_ptr<Random> random_;
};

}  // namespace sluice::inline v0::detail
