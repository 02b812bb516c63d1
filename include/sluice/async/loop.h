// Loop: a queue of ready work, timers and a poller that one thread at a time leads. All time and all
// scheduling of sluice go through it; there is no other thread, queue or clock.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "sluice/async/block_pool.h"
#include "sluice/async/loop_group.h"
#include "sluice/async/queues.h"
#include "sluice/async/timer.h"
#include "sluice/base/status.h"
#include "sluice/base/time.h"

namespace sluice {

class FdWatch;
class Poller;
class Simulation;

// What lives on a loop; all zero when everything was given back. Tests check it.
struct LiveCounts {
  int conns = 0;
  int sessions = 0;
  int streams = 0;
  int calls = 0;
  int frames = 0;  // coroutine frames of Tasks that have started
  int timers = 0;  // armed
  int queued = 0;  // 1 if anything is ready or posted
  bool all_zero() const { return !(conns || sessions || streams || calls || frames || timers || queued); }
  std::string to_string() const;
};

// Something that can say what it waits for, for the message "nothing can make progress". Loop-only.
class Waiter {
 public:
  virtual void describe(std::string& out) const = 0;

 protected:
  Waiter() = default;
  ~Waiter() = default;

 private:
  friend class Loop;
  Waiter* prev_ = nullptr;
  Waiter* next_ = nullptr;
};

// One thread at a time leads; whoever leads runs what is ready. A thread that waits in get() leads when
// nobody else does, so that a blocking call runs on its caller's stack. A loop with a thread of its own
// yields to such callers.
//
// Thread: post, leads and the blocking members may be called from any thread; members marked loop-only
// need leads() (assert_led). Lifetime: at destruction nobody leads it, else it ends the process, and nothing
// lives on it (live().all_zero()), which dev builds and programs' debug builds assert. On cache lines of its
// own, so that loops slow each other down only where they meet.
class alignas(64) Loop {
 public:
  // `simulation` or null for real time. `group` gathers the loops of one Runtime.
  Loop(LoopGroup& group, Simulation* simulation);
  // With a poller of one's own; `poller` is not null.
  Loop(LoopGroup& group, std::unique_ptr<Poller> poller);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Any thread. Runs `r` on the loop, later; in order for one posting thread. Wakes the leader only if it is
  // parked.
  void post(Runnable& r);
  // Any thread. True on the thread that leads this loop now.
  bool leads() const { return leader_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }
  LoopGroup& group() const { return group_; }
  // Any thread. Counts the channels and servers that live here: they go before the loop.
  void count_owner(int by) { owners_.fetch_add(by, std::memory_order_relaxed); }
  // How long the leader looks for work before it parks; a simulation never does. REQUIRES: nobody has led
  // yet.
  void set_spin(Duration spin) { spin_ = spin; }

  // Ends the process unless a loop-only member may be used on this thread now: it leads, or nobody does and
  // nobody is about to (a loop without a thread, before it is run or between runs). Where NDEBUG is defined
  // it is nothing; a program's debug build checks its own calls also against a release library. Always
  // inlined, as what calls it, so that no build's version stands in for another's.
  [[gnu::always_inline]] void assert_led() const {
#ifndef NDEBUG
    if (!leads() && !is_nobodys()) [[unlikely]]
      used_by_a_stranger();
#endif
  }

  // Loop-only: queues.
  // Runs `r` when the ready work of this tick is done; connections flush here, once a tick.
  [[gnu::always_inline]] void post_tick_end(Runnable& r) {
    assert_led();
    tick_end_.push(r);
  }
  // True at most 64 times a tick, and never in a simulation: may a completion run at once, on this stack?
  [[gnu::always_inline]] bool try_inline() {
    assert_led();
    return inline_left_ > 0 && inline_left_-- > 0;
  }
  // Never in a simulation, which chooses the order of everything: may work that cannot nest begin at once?
  bool may_begin_inline() const { return simulation_ == nullptr; }
  // Runs `r` at once if try_inline() says so, else posts it.
  [[gnu::always_inline]] void resume(Runnable& r) { try_inline() ? r.run() : ready_.push(r); }

  // Loop-only: time. now() is read at most once a tick.
  [[gnu::always_inline]] TimePoint now() {
    assert_led();
    return now_valid_ ? now_ : read_clock();
  }
  // The time of one of the last ticks, without reading the clock: for guards that count in seconds, and
  // reports.
  TimePoint recently() const;
  [[gnu::always_inline]] void arm(Timer& timer, TimePoint deadline) {
    assert_led();
    arm_timer(timer, deadline);
  }
  [[gnu::always_inline]] void disarm(Timer& timer) {
    assert_led();
    timers_.disarm(timer);
  }

  // Loop-only: descriptors (readiness; see FdWatch).
  [[gnu::always_inline]] Status watch(FdWatch& watch) {
    assert_led();
    return add_watch(watch);
  }
  [[gnu::always_inline]] void unwatch(FdWatch& watch) {
    assert_led();
    remove_watch(watch);
  }
  // Other events from now on; those that are there already are told again.
  [[gnu::always_inline]] Status change(FdWatch& watch, std::uint32_t epoll_events) {
    assert_led();
    return change_watch(watch, epoll_events);
  }
  // For a descriptor that keeps the loop busy: looks at the others when this tick ends, not many ticks later.
  [[gnu::always_inline]] void poll_soon() {
    assert_led();
    poll_soon_ = true;
  }

  // Loop-only: randomness (jitter, ping payloads, hash seeds), from the seed in a simulation.
  [[gnu::always_inline]] std::uint64_t random() {
    assert_led();
    return random_();
  }
  Simulation* simulation() const { return simulation_; }

  // Loop-only: bookkeeping.
  [[gnu::always_inline]] LiveCounts& counts() {
    assert_led();
    return counts_;
  }
  [[gnu::always_inline]] BlockPool& blocks() {
    assert_led();
    return blocks_;
  }
  [[gnu::always_inline]] Scratch& scratch() {
    assert_led();
    return scratch_;
  }
  // Of messages that have come to this loop and nobody has taken.
  [[gnu::always_inline]] UnreadMemory& unread() {
    assert_led();
    return unread_;
  }
  LiveCounts live() const;
  [[gnu::always_inline]] void add_waiter(Waiter& waiter) {
    assert_led();
    put_waiter(waiter);
  }
  [[gnu::always_inline]] void remove_waiter(Waiter& waiter) {
    assert_led();
    take_waiter(waiter);
  }

  // Leading. None of these may be called on a thread that leads a loop of this group: check_may_block() says
  // so with FAILED_PRECONDITION.
  Status check_may_block() const;
  // Takes the lead if it is free.
  bool try_enter();
  // What a caller takes the lead for: to run the loop until something is done, or only to look in.
  enum class Visit { kDrive, kLookIn };
  // Takes the lead for an operation. False also while something that threads have posted waits: what the
  // caller does at once would overtake what it posted before. A loop that nobody attends to between
  // operations does first what came meanwhile: descriptors, what was posted, then timers that are due.
  bool try_enter_in_order(Visit visit = Visit::kLookIn);
  // What was submitted leaves: runs what is ready, some turns of it. Not so in a simulation, and not what is
  // left to the loop's own thread (by a caller that only looked in) or to somebody else's loop, which are
  // told of it instead.
  void leave();
  // Any thread, after a post from outside: what was posted is run as if by a leave(), by the leader if there
  // is one. Nothing where a thread or somebody else's loop attends to this one.
  void attend() { take_over() ? give_back() : void(); }
  // Its halves. True: this thread leads now, and gives back; the loop does not go before.
  bool take_over();
  void give_back();
  // Loop-only (leading). Runs until `done`; false if nothing can make progress any more (simulation only).
  bool run_until(const bool& done);
  // Text for that case: "nothing can make progress: <waiters>".
  Status stuck() const;

  // One thread that waits for something to complete on the loop, and leads while it waits if it can.
  class ThreadWaiter : public Runnable {
   public:
    explicit ThreadWaiter(Loop& loop) : Runnable(&completed), loop_(loop) {}
    // Any thread, after the operation was posted. Blocks until complete; false: stuck.
    // On return the thread leads if leading().
    bool wait();
    bool leading() const { return lead_; }

   private:
    friend class Loop;
    static void completed(Runnable& self) noexcept;  // run on the loop
    bool queue();
    void look_before_sleep() const;
    Loop& loop_;
    ThreadWaiter* next_ = nullptr;
    std::condition_variable wake_;
    std::atomic<bool> told_{false};  // done_ or lead_ has become true
    bool done_ = false;
    bool lead_ = false;
  };

  // Bring your own loop (docs/loops.md). Any thread.
  // Runs what is ready, polls descriptors and fires due timers without blocking; returns how many items ran.
  // 0, at once, while another thread leads: that one does it.
  std::size_t poll();
  // When poll() is next due if native_fd() does not become readable before, as of the last poll(); kNever if
  // no timer is armed.
  TimePoint next_deadline() const {
    return leads() ? timers_.next() : told_deadline_.load(std::memory_order_relaxed);
  }
  // A descriptor to wait on for reading; it stays the loop's. Level-triggered: readable while poll() has
  // something to do that nobody else will, or next_deadline() would change. -1 in a simulation, and when the
  // process has no descriptor left. From the first call on, whoever posts while nobody leads pays a wake-up.
  int native_fd();

  // The loop's own thread; start once, stop joins it.
  void start_thread();
  void stop_thread();

 private:
  static constexpr std::uint32_t kLed = 1, kParked = 2, kWaiters = 4, kPosted = 8;
  static constexpr int kInlinePerTick = 64;

  bool is_nobodys() const { return token_.load() == 0 && !has_thread_.load(); }
  [[noreturn, gnu::cold]] void used_by_a_stranger() const noexcept;
  void arm_timer(Timer& timer, TimePoint deadline);
  Status add_watch(FdWatch& watch);
  void remove_watch(FdWatch& watch);
  Status change_watch(FdWatch& watch, std::uint32_t epoll_events);
  void put_waiter(Waiter& waiter);
  void take_waiter(Waiter& waiter);
  void expect_empty() const noexcept;
  TimePoint read_clock();
  void allow_inline() { inline_left_ = simulation_ ? 0 : kInlinePerTick; }
  std::size_t turn();
  std::size_t simulated_turn();
  std::size_t run_ready(int most);
  std::size_t run_tick_end();
  std::size_t fire_timers();
  std::size_t fire_timers_while_busy();
  std::size_t poll_descriptors();
  bool idle_until_work(bool own_thread);
  bool busy_too_long(TimePoint& since);
  bool nobody_attends(Visit visit) const;
  bool work_is_ready() const { return !(ready_.empty() && tick_end_.empty()); }
  void catch_up();
  void run_some_turns();
  void finish_submitted();
  bool free_lead();
  void lead_begins();
  bool spin(TimePoint deadline, bool own_thread);
  bool wanted_elsewhere(bool own_thread) const;
  void park(TimePoint deadline, bool own_thread);
  void awake();
  void finish_for_waiters();
  bool hand_over();
  void wake_parked();
  void wake_absent();
  void left();
  Poller& poller();
  void own_thread_main();
  void lead_as_own_thread();
  void look_after_callers();
  void stay_out_of_the_way(bool led);

  // Constant after construction.
  LoopGroup& group_;
  Simulation* const simulation_;
  Duration spin_{};

  // Any thread.
  std::atomic<std::uint32_t> token_{0};
  std::atomic<std::thread::id> leader_{};
  RemoteQueue remote_;
  std::atomic<std::uint32_t> posters_{
      0};  // threads within post() or attend(): what they posted may have run already
  std::atomic<bool> stopping_{false};
  std::atomic<bool> has_thread_{false};
  std::atomic<std::uint32_t> drives_{0};  // times a caller ran the loop; the own thread watches it
  std::atomic<bool> own_asleep_{false};   // the own thread waits for the lead to become free
  std::atomic<bool> foreign_{false};      // native_fd() was asked for: who is absent waits there
  std::atomic<bool> foreign_woken_{false};
  std::atomic<TimePoint> told_deadline_{kNever};  // next_deadline() of the last poll()

  // Loop-only.
  ReadyQueue ready_;
  ReadyQueue tick_end_;
  TimerHeap timers_;
  TimePoint now_{};
  bool now_valid_ = false;
  TimePoint looked_at_{};   // when descriptors were looked at last
  TimePoint busy_since_{};  // then, or since this leader runs; {}: not known yet
  TimePoint checked_at_{};  // when a busy loop read the clock last
  int runs_to_check_ = 1;   // until it does so again
  int inline_left_ = 0;
  bool overfull_ = false;  // the last tick left ready what may have been posted
  bool overdue_ = false;   // busy since busy_since_ for as long as may be
  bool poll_soon_ = false;
  bool drove_ = false;              // the leader ran the loop, rather than looking in to start or cancel
  bool timers_put_off_ = false;     // due timers let what had arrived go first, once
  mutable bool was_stuck_ = false;  // what a simulation could not finish may stay on it
  UnreadMemory unread_;
  std::uint32_t ticks_ = 0;
  std::uint64_t timer_order_ = 0;
  std::size_t watches_ = 0;
  std::mt19937_64 random_;
  LiveCounts counts_;
  BlockPool blocks_;
  Scratch scratch_;
  Waiter* waiters_ = nullptr;
  std::atomic<int> owners_{0};
  std::unique_ptr<Poller> poller_;  // created at the first descriptor or park

  // Under mutex_: threads that wait for their turn to lead.
  std::mutex mutex_;
  ThreadWaiter* first_waiting_ = nullptr;
  std::condition_variable own_thread_wake_;
  bool own_wanted_ = false;  // there is work, and nobody else to do it
  std::thread thread_;
};

// Leaves the loop at the end of a block, however that ends. REQUIRES that this thread leads it then.
class LeaveLoop {
 public:
  explicit LeaveLoop(Loop& loop) : loop_(loop) {}
  ~LeaveLoop() { loop_.leave(); }
  LeaveLoop(const LeaveLoop&) = delete;
  LeaveLoop& operator=(const LeaveLoop&) = delete;

 private:
  Loop& loop_;
};

// Interest in a descriptor's readiness; on_ready runs on the loop while it is watched: level-triggered, or
// with EPOLLET among the events edge-triggered.
class FdWatch {
 public:
  FdWatch(int fd, std::uint32_t epoll_events) : fd_(fd), events_(epoll_events) {}
  virtual void on_ready(std::uint32_t epoll_events) = 0;
  int fd() const { return fd_; }
  std::uint32_t events() const { return events_; }

 protected:
  ~FdWatch() = default;

 private:
  friend class Loop;
  int fd_;
  std::uint32_t events_;
};

}  // namespace sluice
