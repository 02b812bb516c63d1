// Loop: a queue of ready work, timers and a poller that one thread at a time leads. All time and all
// scheduling of sluice go through it; there is no other thread, queue or clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "sluice/async/detail/block_pool.h"
#include "sluice/async/detail/run_token.h"
#include "sluice/async/detail/schedule.h"
#include "sluice/async/detail/stuck_reporter.h"
#include "sluice/async/live_counts.h"
#include "sluice/async/loop_group.h"

namespace sluice::inline v0 {

class OwnThread;

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
  bool leads() const { return token_.leads(); }
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
    schedule_.push_tick_end(r);
  }
  // True at most 64 times a tick, and never in a simulation: may a completion run at once, on this stack?
  [[gnu::always_inline]] bool try_inline() {
    assert_led();
    return schedule_.try_inline();
  }
  // Of an operation that is done before its start has returned. True: the caller goes on at once, and `done`
  // does not run. False: it is posted.
  [[gnu::always_inline]] bool done_inline(Runnable& done) {
    if (try_inline()) return true;
    post(done);
    return false;
  }
  // Never in a simulation, which chooses the order of everything: may work that cannot nest begin at once?
  bool may_begin_inline() const { return schedule_.may_run_early(); }
  // Runs `r` at once if try_inline() says so, else posts it.
  [[gnu::always_inline]] void resume(Runnable& r) { try_inline() ? r.run() : schedule_.push(r); }

  // Loop-only: time. now() is read at most once a tick.
  [[gnu::always_inline]] TimePoint now() {
    assert_led();
    return schedule_.now();
  }
  // The time of one of the last ticks, without reading the clock: for guards that count in seconds, and
  // reports.
  TimePoint recently() const { return schedule_.recently(); }
  [[gnu::always_inline]] void arm(Timer& timer, TimePoint deadline) {
    assert_led();
    schedule_.arm(timer, deadline);
  }
  [[gnu::always_inline]] void disarm(Timer& timer) {
    assert_led();
    schedule_.disarm(timer);
  }

  // Loop-only: descriptors (readiness; see FdWatch).
  [[gnu::always_inline]] Status watch(FdWatch& watch) {
    assert_led();
    return schedule_.watch(watch);
  }
  [[gnu::always_inline]] void unwatch(FdWatch& watch) {
    assert_led();
    schedule_.unwatch(watch);
  }
  // Other events from now on; those that are there already are told again.
  [[gnu::always_inline]] Status change(FdWatch& watch, std::uint32_t epoll_events) {
    assert_led();
    return schedule_.change(watch, epoll_events);
  }
  // For a descriptor that keeps the loop busy: looks at the others when this tick ends, not many ticks later.
  [[gnu::always_inline]] void poll_soon() {
    assert_led();
    schedule_.poll_soon();
  }

  // Loop-only: randomness (jitter of back-off and faults), from the seed in a simulation.
  [[gnu::always_inline]] std::uint64_t random() {
    assert_led();
    return schedule_.random();
  }
  Simulation* simulation() const { return schedule_.simulation(); }

  // Loop-only: bookkeeping.
  [[gnu::always_inline]] LiveCounts& counts() {
    assert_led();
    return counts_;
  }
  [[gnu::always_inline]] detail::BlockPool& blocks() {
    assert_led();
    return blocks_;
  }
  [[gnu::always_inline]] detail::Scratch& scratch() {
    assert_led();
    return scratch_;
  }
  // Of messages that have come to this loop and nobody has taken.
  [[gnu::always_inline]] UnreadMemory& unread() {
    assert_led();
    return unread_;
  }
  LiveCounts live() const;
  // Asked for a line of the message of stuck().
  [[gnu::always_inline]] void add_reporter(detail::StuckReporter& reporter) {
    assert_led();
    reporters_.add(reporter);
  }
  [[gnu::always_inline]] void remove_reporter(detail::StuckReporter& reporter) {
    assert_led();
    reporters_.remove(reporter);
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
  // The status for that case: "nothing can make progress: <a line of each reporter>".
  Status stuck() const;

  // Bring your own loop (docs/loops.md). Any thread.
  // Runs what is ready, polls descriptors and fires due timers without blocking; returns how many items ran.
  // 0, at once, while another thread leads: that one does it.
  std::size_t poll();
  // When poll() is next due if native_fd() does not become readable before, as of the last poll(); kNever if
  // no timer is armed.
  TimePoint next_deadline() const {
    return leads() ? schedule_.next_deadline() : told_deadline_.load(std::memory_order_relaxed);
  }
  // A descriptor to wait on for reading; it stays the loop's. Level-triggered: readable while poll() has
  // something to do that nobody else will, or next_deadline() would change. -1 in a simulation, and when the
  // process has no descriptor left. From the first call on, whoever posts while nobody leads pays a wake-up.
  int native_fd();

  // The loop's own thread; start once, stop joins it.
  void start_thread();
  void stop_thread();

 private:
  friend class OwnThread;
  friend class WaitingThread;

  enum class Leader { kCaller, kOwnThread };

  bool is_nobodys() const { return token_.is_free() && !has_thread_.load(); }
  [[noreturn, gnu::cold]] void used_by_a_stranger() const noexcept;
  void expect_empty() const noexcept;
  void lead_begins();
  bool nobody_attends(Visit visit) const;
  void finish_for_waiters();
  void finish_submitted();
  bool free_lead();
  bool hand_over();
  void left();
  bool idle_until_work(Leader leader);
  bool spin(TimePoint deadline, Leader leader);
  bool wanted_elsewhere(Leader leader) const;
  void park(Leader leader);
  void wake_parked();
  void wake_absent();
  OwnThread* own_thread() const;

  // Constant after construction.
  LoopGroup& group_;
  Duration spin_{};

  // Any thread.
  detail::RunToken token_;
  std::atomic<int> owners_{0};
  std::atomic<bool> has_thread_{false};
  std::atomic<bool> has_host_{false};             // native_fd() was asked for: who is absent waits there
  std::atomic<TimePoint> told_deadline_{kNever};  // next_deadline() of the last poll()

  // Loop-only, but for what Schedule marks otherwise. The first cache line ends with what other threads post.
  detail::Schedule schedule_;
  bool drove_ = false;              // the leader ran the loop, rather than looking in to start or cancel
  mutable bool was_stuck_ = false;  // what a simulation could not finish may stay on it
  UnreadMemory unread_;
  LiveCounts counts_;
  detail::BlockPool blocks_;
  detail::Scratch scratch_;
  detail::StuckReporters reporters_;

  // The owner's. Made at the first start_thread().
  std::unique_ptr<OwnThread> own_thread_;
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

}  // namespace sluice::inline v0
