// Schedule in real time: ticks, timers, descriptors, and sleep.
#include "sluice/async/detail/schedule.h"

#include <utility>

#include "async/poller.h"

namespace sluice::inline v0::detail {
namespace {

// Ready work per tick before timers and descriptors get a look; a tick ends earlier when nothing is ready.
constexpr int kRunsPerTick = 256;
// A busy loop looks at its timers every so many ticks only: a clock read costs more than a short tick.
constexpr std::uint32_t kTicksPerTimerCheck = 16;
// And at its descriptors.
constexpr std::uint32_t kTicksPerPoll = 64;
// Where the ticks are long, it looks at both after so much time.
constexpr std::chrono::milliseconds kLookEvery{1};
// Whether that has passed is asked every so many runs, or after each while they are as long themselves.
constexpr int kRunsPerCheck = 16;
// A caller that comes back sooner than this need not look at descriptors again: whatever it would find could
// as well have come a moment later. A blocking client that calls all the time is spared a system call a call.
constexpr std::chrono::microseconds kAttendedLately{20};

}  // namespace

std::size_t Schedule::fire_timers() {
  if (timers_.empty()) return 0;
  std::size_t fired = 0;
  const TimePoint now = this->now();
  // No more than there are now: a timer that arms itself for the past must not hold up everything else.
  for (std::size_t left = timers_.size(); left > 0; --left) {
    Timer* timer = timers_.pop_due(now);
    if (timer == nullptr) break;
    timer->run();
    ++fired;
  }
  return fired;
}

// What has arrived in time counts as such, even if nobody ran the loop to see it: it goes first, once.
std::size_t Schedule::fire_timers_while_busy() {
  if (timers_.next() > now()) return 0;
  if (watches_ > 0 && !timers_put_off_) {
    if (const std::size_t ready = poll_descriptors(); ready > 0) return timers_put_off_ = true, ready;
  }
  timers_put_off_ = false;
  return fire_timers();
}

// True: descriptors and timers have not been looked at for too long `since` then, and the tick is to end.
bool Schedule::busy_too_long(TimePoint& since) {
  runs_to_check_ = kRunsPerCheck;
  const TimePoint now = machine_time();
  if (!now_valid_) now_ = now, now_valid_ = true;
  if (now - std::exchange(checked_at_, now) >= kLookEvery) runs_to_check_ = 1;
  if (since == TimePoint()) since = now;
  if (now - since < kLookEvery) return false;
  return overdue_ = true;
}

inline std::size_t Schedule::run_ready() {
  std::size_t ran = 0;
  for (int i = 0; i < kRunsPerTick; ++i) {
    Runnable* r = ready_.pop();
    if (r == nullptr) break;
    r->run();
    ++ran;
    if (--runs_to_check_ == 0 && busy_too_long(busy_since_)) break;
  }
  return ran;
}

// What is posted to the end of a tick while it ends belongs to the next one, and so does what there is no
// time for; that goes first there.
inline std::size_t Schedule::run_tick_end() {
  Runnable* ending = tick_end_.take_all();
  if (ending == nullptr) return 0;
  std::size_t ran = 0;
  // Has time of its own: what the tick has submitted is to leave.
  TimePoint since = overdue_ ? checked_at_ : busy_since_;
  do {
    ReadyQueue::follow(ending)->run();
    ++ran;
    if (--runs_to_check_ == 0 && busy_too_long(since)) [[unlikely]] {
      tick_end_.put_back(ending);
      break;
    }
  } while (ending != nullptr);
  return ran;
}

std::size_t Schedule::turn() {
  now_valid_ = false;
  allow_inline();
  take_posted();
  if (!may_run_early()) [[unlikely]]
    return simulated_turn(kRunsPerTick);
  std::size_t ran = run_ready();
  overfull_ = !ready_.empty();
  ran += run_tick_end();
  ++ticks_;
  if (ran == 0) return 0;  // an idle loop does the rest when it sleeps, and in poll()
  const bool overdue = std::exchange(overdue_, false);
  if (overdue) busy_since_ = checked_at_;
  if (watches_ > 0 && (poll_soon_ || overdue || ticks_ % kTicksPerPoll == 0)) ran += poll_descriptors();
  if (!timers_.empty() && (overdue || ticks_ % kTicksPerTimerCheck == 0)) ran += fire_timers_while_busy();
  return ran;
}

void Schedule::catch_up(int most) {
  take_posted();
  const bool due = !timers_.empty() && timers_.next() <= now();
  if (watches_ > 0 && (due || now() - looked_at_ >= kAttendedLately)) poll_descriptors();
  run_some_turns(most);
  if (!due) return;
  fire_timers();
  run_some_turns(most);
}

inline void Schedule::run_some_turns(int most) {
  for (int i = 0; i < most && (has_ready() || has_posted()); ++i) turn();
}

std::size_t Schedule::poll_descriptors() {
  if (!poller_) return 0;
  poll_soon_ = false;
  looked_at_ = now();
  sleep(Duration::zero());
  return poller_->dispatch();
}

int Schedule::native_fd() { return may_sleep() ? poller().fd() : -1; }

Poller& Schedule::poller() {
  if (!poller_) {
    Status why;
    poller_ = make_epoll_poller(why);
    if (!poller_) poller_ = make_blind_poller(std::move(why));
  }
  return *poller_;
}

Status Schedule::watch(FdWatch& watch) {
  if (!may_sleep()) return Status(StatusCode::kFailedPrecondition, "a simulated loop has no descriptors");
  Status status = poller().add(watch);
  if (status.ok()) ++watches_;
  return status;
}

Status Schedule::change(FdWatch& watch, std::uint32_t epoll_events) {
  watch.events_ = epoll_events;
  return poller().change(watch);
}

void Schedule::unwatch(FdWatch& watch) {
  poller().remove(watch);
  --watches_;
}

Duration Schedule::before_sleep() {
  poller();
  const TimePoint deadline = timers_.next();
  if (deadline == kNever) return Duration{-1};
  const TimePoint now = read_clock();
  return deadline > now ? deadline - now : Duration::zero();
}

void Schedule::sleep(Duration timeout) {
  poller_->wait(timeout);
  host_woken_.store(false);  // after the wait, which took the signal, and before the queues are looked at
}

void Schedule::after_sleep() {
  awake();
  // What has arrived goes first; timers that are due wait for the next time the loop is idle, or are seen to
  // by a busy turn().
  if (poller_->dispatch() == 0 && !has_posted()) fire_timers();
}

void Schedule::awake() {
  looked_at_ = busy_since_ = checked_at_ = read_clock();
  allow_inline();
}

void Schedule::wake() { poller_->wake(); }

void Schedule::wake_host() {
  if (!host_woken_.exchange(true)) poller_->wake();
}

}  // namespace sluice::inline v0::detail
