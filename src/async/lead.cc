// Who leads a Loop: the run token, threads that wait for it, parking, and the loop's own thread.
//
// token_ is 0 when free, or kLed, with kParked while the leader waits in the poller and kWaiters while
// first_waiting_ is not empty. Every change that another thread's decision hangs on is sequentially
// consistent: a poster pushes and then looks for kParked, a leader sets kParked and then looks at the queue.
// A leader that spins is not parked, so nobody wakes it.
#include <algorithm>

#include "async/poller.h"
#include "sluice/async/loop.h"
#include "sluice/async/simulation.h"

namespace sluice {
namespace {

// How long the loop's own thread stays out of the way after a caller has led.
constexpr std::chrono::milliseconds kYieldToCallers{1};
// Turns of the loop that a leader makes for others before it leaves; a call in memory takes three.
constexpr int kTurnsForWaiters = 16;
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
  remote_.push(r);
  const std::uint32_t token = token_.load();
  if (token & kParked) {
    wake_parked();
  } else if (token == 0) {
    wake_absent();
  }
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
  leader_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  if (has_thread_.load(std::memory_order_relaxed)) entries_.fetch_add(1, std::memory_order_relaxed);
  now_valid_ = false;
  drove_ = false;
  allow_inline();
  return true;
}

bool Loop::try_enter_in_order() {
  if (!try_enter()) return false;
  if (remote_.empty() && !overfull_) return true;
  leave();
  return false;
}

void Loop::leave() {
  finish_for_waiters();
  // The own thread finds by itself, within a millisecond, what a caller that ran the loop leaves undone: a
  // wake-up for each call would cost more than the calls.
  bool work_left = !(ready_.empty() && tick_end_.empty());
  if (foreign_.load(std::memory_order_relaxed)) {
    work_left = work_left || timers_.next() != told_deadline_.load(std::memory_order_relaxed);
  } else {
    work_left = work_left && !drove_;
  }
  leader_.store(std::thread::id(), std::memory_order_relaxed);
  std::uint32_t expected = kLed;
  if (!token_.compare_exchange_strong(expected, 0)) return hand_over();
  if (work_left) wake_absent();
  left();
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

// The lead goes to exactly one of those who wait, who then owns the token without taking it.
void Loop::hand_over() {
  {
    const std::lock_guard lock(mutex_);
    if (ThreadWaiter* next = first_waiting_) {
      first_waiting_ = next->next_;
      token_.store(kLed | (first_waiting_ ? kWaiters : 0));
      next->lead_ = true;
      next->told_.store(true, std::memory_order_release);
      next->wake_.notify_one();
      return;
    }
    token_.store(0);
  }
  left();
}

bool Loop::ThreadWaiter::wait() {
  if (queue()) {
    look_before_sleep();
    std::unique_lock lock(loop_.mutex_);
    wake_.wait(lock, [this] { return done_ || lead_; });
  }
  if (!lead_) return true;
  Loop& loop = loop_;
  loop.leader_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  if (loop.has_thread_.load(std::memory_order_relaxed)) loop.entries_.fetch_add(1, std::memory_order_relaxed);
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
  now_valid_ = false;
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
  std::uint32_t seen = entries_.load();
  while (!stopping_.load()) {
    const bool led = try_enter();
    if (led) {
      // Its own entries do not count.
      const std::uint32_t entered = entries_.fetch_sub(1, std::memory_order_relaxed) - 1;
      const bool callers_are_about = entered != seen;
      seen = entered;
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
