// Who leads a Loop: the run token, threads that wait for it, parking, and the loop's own thread.
//
// token_ is 0 when free, or kLed, with kParked while the leader waits in the poller, kWaiters while
// first_waiting_ is not empty, and kPosted when something was posted that only the leader can run. A leader
// of a loop without a thread touches nothing of it once the token is free: it may go. Every change that
// another thread's decision hangs on is sequentially consistent: a poster pushes and then looks for kParked,
// a leader sets kParked and then looks at the queue. A leader that spins is not parked, so nobody wakes it.
#include <algorithm>
#include <cassert>
#include <utility>

#include "async/poller.h"
#include "sluice/async/loop.h"
#include "sluice/async/simulation.h"

namespace sluice {
namespace {

// How long the loop's own thread stays out of the way after a caller has led.
constexpr std::chrono::milliseconds kYieldToCallers{1};
// Turns of the loop that a leader makes for others before it leaves, and to let go of what was submitted; a
// call in memory takes three.
constexpr int kTurnsForWaiters = 16;
constexpr int kTurnsOfVisit = 16;
// A caller that comes back sooner than this need not look at descriptors again: whatever it would find could
// as well have come a moment later. A blocking client that calls all the time is spared a system call a call.
constexpr std::chrono::microseconds kAttendedLately{20};
constexpr int kLooksBeforeSleep = 100;
// Looks at the queue, while spinning, for each look at the clock, at the descriptors and for other threads
// that want the core: together about a microsecond.
constexpr int kLooksPerRound = 32;

// Tells the core that this is a loop that waits: it saves power, and leaves the loop faster.
void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void Loop::post(Runnable& r) {
  if (leads()) return ready_.push(r);
  // From the push on `r` may run, and may be all that kept the loop: it waits for this thread to come out.
  posters_.fetch_add(1, std::memory_order_relaxed);
  remote_.push(r);
  const std::uint32_t token = token_.load();
  if (token & kParked) {
    wake_parked();
  } else if (token == 0) {
    wake_absent();
  }
  posters_.fetch_sub(1, std::memory_order_release);
}

// There is work and nobody leads: tells whoever is to come by themselves. Callers of get() need no telling.
void Loop::wake_absent() {
  if (has_thread_.load(std::memory_order_relaxed)) {
    const std::lock_guard lock(mutex_);
    own_wanted_ = true;
    own_thread_wake_.notify_one();
  } else if (foreign_.load() && !foreign_woken_.exchange(true)) {
    poller_->wake();
  }
}

void Loop::wake_parked() {
  // Of several posters one wakes.
  if (token_.fetch_and(~kParked) & kParked) poller_->wake();
}

Status Loop::check_may_block() const {
  if (!group_.leads_any()) return {};
  return Status(
      StatusCode::kFailedPrecondition,
      "get() on a thread that runs a loop of this Runtime (a handler or callback): co_await instead");
}

bool Loop::try_enter() {
  std::uint32_t expected = 0;
  if (!token_.compare_exchange_strong(expected, kLed, std::memory_order_seq_cst, std::memory_order_relaxed))
    return false;
  lead_begins();
  return true;
}

inline void Loop::lead_begins() {
  leader_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  now_valid_ = false;
  drove_ = false;
  busy_since_ = TimePoint();
  allow_inline();
}

bool Loop::try_enter_in_order(Visit visit) {
  if (!try_enter()) return false;
  const bool may_be_late = watches_ > 0 || !timers_.empty() || work_is_ready() || !remote_.empty();
  if (may_be_late && nobody_attends(visit)) {
    try {
      catch_up();
    } catch (...) {  // out of a watch
      leave();
      throw;
    }
  }
  if (remote_.empty() && !overfull_) return true;
  leave();
  return false;
}

// No thread and no other loop runs this one between visits. Who drives a loop that is somebody else's guest
// may do that one's work; who looks in leaves it where it belongs.
bool Loop::nobody_attends(Visit visit) const {
  if (simulation_ || has_thread_.load(std::memory_order_relaxed)) return false;
  return visit == Visit::kDrive || !foreign_.load(std::memory_order_relaxed);
}

// What has arrived goes before timers that are due, as it does in a loop that is busy.
void Loop::catch_up() {
  remote_.drain_into(ready_);
  const bool due = !timers_.empty() && timers_.next() <= now();
  if (watches_ > 0 && (due || now() - looked_at_ >= kAttendedLately)) poll_descriptors();
  run_some_turns();
  if (!due) return;
  fire_timers();
  run_some_turns();
}

inline void Loop::run_some_turns() {
  for (int i = 0; i < kTurnsOfVisit && (work_is_ready() || !remote_.empty()); ++i) turn();
}

void Loop::leave() {
  do {
    finish_for_waiters();
    finish_submitted();
  } while (!free_lead());
}

// Who looks in at a loop with a thread of its own leaves the work to that one, which is woken for it.
void Loop::finish_submitted() {
  if (!work_is_ready()) return;
  if (!nobody_attends(Visit::kLookIn) && !(drove_ && has_thread_.load(std::memory_order_relaxed))) return;
  for (int i = 0; i < kTurnsOfVisit && work_is_ready(); ++i) {
    if (token_.load(std::memory_order_relaxed) & kWaiters) return;  // one of them leads next
    turn();
  }
}

bool Loop::take_over() {
  if (leads() || !nobody_attends(Visit::kLookIn)) return false;
  const auto seize = [this] {
    const std::lock_guard lock(mutex_);
    if (token_.fetch_or(kPosted) & kLed) return false;  // the leader sees it before it goes
    token_.store(kLed);                                 // with the bit set nobody else could begin to lead
    return true;
  };
  // Counted first: whoever leads meanwhile may be all that keeps the loop.
  posters_.fetch_add(1, std::memory_order_relaxed);
  if (!seize()) {
    posters_.fetch_sub(1, std::memory_order_release);
    return false;
  }
  lead_begins();
  remote_.drain_into(ready_);
  return true;
}

void Loop::give_back() {
  leave();
  posters_.fetch_sub(1, std::memory_order_release);
}

// False: something was posted that relies on this thread, which leads on.
bool Loop::free_lead() {
  // The own thread finds by itself, within a millisecond, what a caller that ran the loop leaves undone: a
  // wake-up for each call would cost more than the calls.
  bool work_left = work_is_ready();
  if (foreign_.load(std::memory_order_relaxed)) {
    work_left = work_left || timers_.next() != told_deadline_.load(std::memory_order_relaxed);
  } else {
    work_left = work_left && !drove_;
  }
  const bool attended = !nobody_attends(Visit::kLookIn);
  leader_.store(std::thread::id(), std::memory_order_relaxed);
  std::uint32_t expected = kLed;
  if (!token_.compare_exchange_strong(expected, 0)) return hand_over();
  if (!attended) return true;
  if (work_left) wake_absent();
  left();
  return true;
}

// Threads that wait are asleep, and the loop would stand still until one of them has woken up to lead it.
// What they wait for is often a few turns away: then it is done here, and nobody need be handed the lead.
void Loop::finish_for_waiters() {
  if (!drove_ || simulation_) return;
  for (int i = 0; i < kTurnsForWaiters && (token_.load(std::memory_order_relaxed) & kWaiters); ++i) {
    if (turn() == 0) return;
  }
}

// The token is free, and what was posted meanwhile relied on a leader.
void Loop::left() {
  if (!remote_.empty()) wake_absent();
  if (own_asleep_.load()) {
    const std::lock_guard lock(mutex_);
    own_thread_wake_.notify_one();
  }
}

// The lead goes to exactly one of those who wait, who then owns the token without taking it, and runs what
// was posted. False: nobody waits, or not any more; this thread leads on, runs what was posted, and tries
// again.
bool Loop::hand_over() {
  const std::lock_guard lock(mutex_);
  if (ThreadWaiter* next = first_waiting_) {
    first_waiting_ = next->next_;
    token_.store(kLed | (first_waiting_ ? kWaiters : 0));
    next->lead_ = true;
    next->told_.store(true, std::memory_order_release);
    next->wake_.notify_one();
    return true;
  }
  token_.store(kLed);
  leader_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  if (nobody_attends(Visit::kLookIn)) remote_.drain_into(ready_);
  return false;
}

bool Loop::ThreadWaiter::wait() {
  if (queue()) {
    look_before_sleep();
    std::unique_lock lock(loop_.mutex_);
    wake_.wait(lock, [this] { return done_ || lead_; });
    assert(told_.load(std::memory_order_relaxed) && "a thread that only looks must see it too");
  }
  if (!lead_) return true;
  Loop& loop = loop_;
  loop.leader_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  return loop.run_until(done_);
}

// True: it has to wait. Otherwise it is done already, or leads now.
bool Loop::ThreadWaiter::queue() {
  Loop& loop = loop_;
  const std::lock_guard lock(loop.mutex_);
  if (done_) return false;
  const std::uint32_t token = loop.token_.fetch_or(kWaiters);
  if (!(token & kLed)) {
    // Nobody leads (and with the bit set nobody can begin to): this thread does.
    loop.token_.store(kLed | (loop.first_waiting_ ? kWaiters : 0));
    lead_ = true;
    return false;
  }
  ThreadWaiter** last = &loop.first_waiting_;
  while (*last) last = &(*last)->next_;
  *last = this;
  // The loop's own thread, if it is the one that is parked, gives way to waiters.
  if ((token & kParked) && loop.has_thread_.load(std::memory_order_relaxed)) loop.wake_parked();
  return true;
}

// While the leader runs it may be done within a microsecond; putting this thread to sleep and waking it takes
// ten.
void Loop::ThreadWaiter::look_before_sleep() const {
  for (int i = 0; i < kLooksBeforeSleep && !told_.load(std::memory_order_acquire); ++i) {
    if (loop_.token_.load(std::memory_order_relaxed) & kParked) return;
    relax();
  }
}

void Loop::ThreadWaiter::completed(Runnable& self) noexcept {
  auto& waiter = static_cast<ThreadWaiter&>(self);
  Loop& loop = waiter.loop_;
  const std::lock_guard lock(loop.mutex_);
  waiter.done_ = true;
  waiter.told_.store(true, std::memory_order_release);
  if (waiter.lead_) return;  // it runs this very loop, on this thread or about to
  ThreadWaiter** at = &loop.first_waiting_;
  while (*at && *at != &waiter) at = &(*at)->next_;
  if (*at) *at = waiter.next_;
  if (!loop.first_waiting_) loop.token_.fetch_and(~kWaiters);
  // Under the lock: the waiter's stack may be gone once it is released.
  waiter.wake_.notify_one();
}

bool Loop::run_until(const bool& done) {
  drove_ = true;
  if (has_thread_.load(std::memory_order_relaxed)) drives_.fetch_add(1, std::memory_order_relaxed);
  while (!done) {
    if (turn() == 0 && !idle_until_work(false)) return done;
  }
  return true;
}

// Nothing is ready. Waits for something, or lets virtual time pass; false if nothing can ever come.
bool Loop::idle_until_work(bool own_thread) {
  if (simulation_) {
    if (!remote_.empty()) return true;
    if (timers_.empty()) return false;
    simulation_->advance_to(timers_.next());
    fire_timers();
    return true;
  }
  park(timers_.next(), own_thread);
  return true;
}

// Looks for work without sleeping, for as long as it may. True: there is some.
bool Loop::spin(TimePoint deadline, bool own_thread) {
  const TimePoint end = std::min(after(read_clock(), spin_), deadline);
  do {
    for (int i = 0; i < kLooksPerRound; ++i) {
      if (!remote_.empty() || wanted_elsewhere(own_thread)) return true;
      relax();
    }
    if (watches_ > 0 && poll_descriptors() > 0) return true;
    // On a busy machine whoever is to bring the work may need this very core.
    std::this_thread::yield();
  } while (read_clock() < end);
  return false;
}

// The loop's own thread has to stop, or gives way to a caller.
bool Loop::wanted_elsewhere(bool own_thread) const {
  return own_thread && (stopping_.load() || (token_.load() & kWaiters));
}

void Loop::park(TimePoint deadline, bool own_thread) {
  if (spin_ > Duration::zero() && spin(deadline, own_thread)) return awake();
  Poller& poller = this->poller();
  Duration timeout{-1};
  if (deadline != kNever) {
    const TimePoint now = read_clock();
    timeout = deadline > now ? deadline - now : Duration::zero();
  }
  token_.fetch_or(kParked);
  const bool wanted = !remote_.empty() || wanted_elsewhere(own_thread);
  poller.wait(wanted ? Duration::zero() : timeout);
  token_.fetch_and(~kParked);
  foreign_woken_.store(false);
  awake();
  // What has arrived goes first; timers that are due wait for the next time the loop is idle, or are seen to
  // by a busy turn().
  if (poller.dispatch() == 0 && remote_.empty()) fire_timers();
}

// What was known before a sleep holds no longer.
void Loop::awake() {
  looked_at_ = busy_since_ = checked_at_ = read_clock();
  allow_inline();
}

void Loop::start_thread() {
  has_thread_ = true;
  thread_ = std::thread([this] { own_thread_main(); });
}

void Loop::stop_thread() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  if (token_.load() & kParked) wake_parked();
  {
    const std::lock_guard lock(mutex_);
    own_thread_wake_.notify_one();
  }
  thread_.join();
  has_thread_ = false;
  stopping_ = false;
}

// Leads while no caller does, and stays out of the poller while callers come and go: a wake-up across cores
// costs far more than the calls that they make.
void Loop::own_thread_main() {
  std::uint32_t seen = drives_.load();
  while (!stopping_.load()) {
    const bool led = try_enter();
    if (led) {
      const std::uint32_t drives = drives_.load(std::memory_order_relaxed);
      const bool callers_are_about = std::exchange(seen, drives) != drives;
      drove_ = true;
      callers_are_about ? look_after_callers() : lead_as_own_thread();
      leave();
    }
    stay_out_of_the_way(led);
  }
}

void Loop::lead_as_own_thread() {
  while (!stopping_.load() && !(token_.load() & kWaiters)) {
    if (turn() == 0) idle_until_work(true);
  }
}

// One look for work that callers left behind.
void Loop::look_after_callers() {
  if (watches_ > 0) poll_descriptors();
  while (!stopping_.load() && !(token_.load() & kWaiters)) {
    if (turn() == 0 && (timers_.empty() || fire_timers() == 0)) break;
  }
}

// Until there is work and nobody to do it; otherwise a millisecond after it led (`led`), or when whoever
// leads instead leaves.
void Loop::stay_out_of_the_way(bool led) {
  std::unique_lock lock(mutex_);
  const auto wanted = [this] { return own_wanted_ || stopping_.load(); };
  if (led) {
    own_thread_wake_.wait_for(lock, kYieldToCallers, wanted);
  } else {
    own_asleep_.store(true);
    own_thread_wake_.wait(lock, [&] { return wanted() || token_.load() == 0; });
    own_asleep_.store(false);
  }
  own_wanted_ = false;
}

}  // namespace sluice
