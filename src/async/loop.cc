// Loop: ticks, time and what lives on it. Who leads is in lead.cc.
#include "sluice/async/loop.h"

#include <utility>

#include "async/poller.h"
#include "base/escape.h"
#include "sluice/async/simulation.h"

namespace sluice {
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
// Somebody else's loop gets its turn back after so many.
constexpr int kTicksPerForeignPoll = 64;

std::uint64_t seed_of(Simulation* simulation) {
  if (simulation) return simulation->random();
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

Runnable* ReadyQueue::choose() {
  if (choices_.empty()) return nullptr;
  const std::size_t i = simulation_->choose(choices_.size());
  Runnable* r = choices_[i];
  choices_.erase(choices_.begin() + static_cast<std::ptrdiff_t>(i));
  return r;
}

void ReadyQueue::put_back(Runnable* list) {
  if (list == nullptr) return;
  Runnable* last = list;
  while (last->next_ != nullptr) last = last->next_;
  last->next_ = head_;
  if (head_ == nullptr) tail_ = last;
  head_ = list;
}

std::string LiveCounts::to_string() const {
  std::string out;
  const auto part = [&out](const char* name, int n) {
    if (n != 0) out += (out.empty() ? "" : ", ") + std::string(name) + " " + std::to_string(n);
  };
  part("conns", conns), part("sessions", sessions), part("streams", streams), part("calls", calls);
  part("frames", frames), part("timers", timers), part("queued", queued);
  return out.empty() ? "nothing" : out;
}

bool LoopGroup::leads_any() const {
  for (const Loop* loop : loops_) {
    if (loop->leads()) return true;
  }
  return false;
}

void LoopGroup::log(LogLevel level, std::string_view text) const {
  if (log_) log_(level, escaped(text, Keep::kUnicode));
}

Loop::Loop(LoopGroup& group, Simulation* simulation)
    : group_(group),
      simulation_(simulation),
      ready_(simulation),
      tick_end_(simulation),
      random_(seed_of(simulation)) {
  group.add(*this);
}

Loop::Loop(LoopGroup& group, std::unique_ptr<Poller> poller) : Loop(group, nullptr) {
  poller_ = std::move(poller);
}

Loop::~Loop() {
  stop_thread();
  // What another thread posted may have run, and so have let this loop go, before that thread came back from
  // post(), or has left the loop that it took over: the rest of that is waited for.
  while (posters_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
  if (token_.load() != 0)
    group_.fail(
        "a loop was destroyed while a thread runs it, in get(), run() or poll(): its Runtime goes last");
  if (group_.asserts() && !was_stuck_) expect_empty();
}

void Loop::expect_empty() const noexcept {
  const LiveCounts left = live();
  const int owners = owners_.load(std::memory_order_relaxed);
  if (left.all_zero() && owners == 0 && unread_.held() == 0) return;
  std::string what = left.all_zero() ? "" : left.to_string();
  if (owners != 0)
    what += std::string(what.empty() ? "" : ", ") + "channels and servers " + std::to_string(owners);
  if (unread_.held() != 0)
    what += std::string(what.empty() ? "" : ", ") + "unread bytes " + std::to_string(unread_.held());
  group_.fail("a loop was destroyed while something lives on it: " + what +
              "; servers, channels, calls and streams go before their Runtime");
}

void Loop::used_by_a_stranger() const noexcept {
  group_.fail(
      "a loop-only member was used on a thread that does not run the loop: post to it, use run_on(), or "
      "co_await in a coroutine there");
}

TimePoint Loop::read_clock() {
  if (simulation_) return simulation_->now();
  now_valid_ = true;
  return now_ = TimePoint(std::chrono::steady_clock::now().time_since_epoch());
}

TimePoint Loop::recently() const { return simulation_ ? simulation_->now() : now_; }

void Loop::arm_timer(Timer& timer, TimePoint deadline) {
  if (deadline == kNever) return timers_.disarm(timer);
  // Timers of one instant fire in the order of arming, or as the simulation chooses.
  timers_.arm(timer, deadline, simulation_ ? simulation_->random() : ++timer_order_);
}

std::size_t Loop::fire_timers() {
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
std::size_t Loop::fire_timers_while_busy() {
  if (timers_.next() > now()) return 0;
  if (watches_ > 0 && !timers_put_off_) {
    if (const std::size_t ready = poll_descriptors(); ready > 0) return timers_put_off_ = true, ready;
  }
  timers_put_off_ = false;
  return fire_timers();
}

std::size_t Loop::poll_descriptors() {
  poll_soon_ = false;
  looked_at_ = now();
  poller_->wait(Duration::zero());
  foreign_woken_.store(false);  // after the wait, which took the signal, and before the queues are looked at
  return poller_->dispatch();
}

// True: descriptors and timers have not been looked at for too long `since` then, and the tick is to end.
bool Loop::busy_too_long(TimePoint& since) {
  runs_to_check_ = kRunsPerCheck;
  if (simulation_) return false;  // its time does not pass meanwhile
  const TimePoint now(std::chrono::steady_clock::now().time_since_epoch());
  if (!now_valid_) now_ = now, now_valid_ = true;
  if (now - std::exchange(checked_at_, now) >= kLookEvery) runs_to_check_ = 1;
  if (since == TimePoint()) since = now;
  if (now - since < kLookEvery) return false;
  return overdue_ = true;
}

inline std::size_t Loop::run_ready(int most) {
  std::size_t ran = 0;
  for (int i = 0; i < most; ++i) {
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
inline std::size_t Loop::run_tick_end() {
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

// One tick: what is ready, then what wanted to come at its end, and now and then timers and descriptors.
std::size_t Loop::turn() {
  now_valid_ = false;
  allow_inline();
  remote_.drain_into(ready_);
  if (simulation_) [[unlikely]]
    return simulated_turn();
  std::size_t ran = run_ready(kRunsPerTick);
  overfull_ = !ready_.empty();
  ran += run_tick_end();
  ++ticks_;
  if (ran == 0) return 0;  // an idle loop does the rest in park() and poll()
  const bool overdue = std::exchange(overdue_, false);
  if (overdue) busy_since_ = checked_at_;
  if (watches_ > 0 && (poll_soon_ || overdue || ticks_ % kTicksPerPoll == 0)) ran += poll_descriptors();
  if (!timers_.empty() && (overdue || ticks_ % kTicksPerTimerCheck == 0)) ran += fire_timers_while_busy();
  return ran;
}

// Timers fire when nothing else is left, or when a test has let time pass in between.
std::size_t Loop::simulated_turn() {
  const int most = simulation_->runs_before_interruption(kRunsPerTick);
  std::size_t ran = run_ready(most);
  Runnable* const interruption = most < kRunsPerTick ? simulation_->take_interruption() : nullptr;
  if (interruption != nullptr) interruption->run();
  ReadyQueue now_ending(simulation_);
  std::swap(now_ending, tick_end_);
  for (; Runnable* r = now_ending.pop(); ++ran) r->run();
  ++ticks_;
  return interruption == nullptr ? ran : ran + 1 + fire_timers();
}

std::size_t Loop::poll() {
  if (!try_enter()) return 0;
  const LeaveLoop leave_at_end(*this);  // whatever a watch or an allocation throws
  drove_ = true;
  // Time that nobody ran the loop is not the peer's fault: what has arrived is read before timers fire.
  std::size_t ran = poller_ ? poll_descriptors() : 0;
  for (int i = 0; i < kTicksPerForeignPoll || !foreign_.load(std::memory_order_relaxed); ++i) {
    std::size_t n = turn();
    if (n == 0 && !timers_.empty()) n = fire_timers();
    if (n == 0) break;
    ran += n;
  }
  told_deadline_.store(timers_.next(), std::memory_order_relaxed);
  return ran;
}

int Loop::native_fd() {
  if (simulation_) return -1;
  // The poller is made on the loop, whoever leads it.
  struct Ask final : Runnable {
    Ask(Loop& l, ThreadWaiter* w) : Runnable(&answer), loop(l), waiter(w) {}
    static void answer(Runnable& self) noexcept {
      auto& ask = static_cast<Ask&>(self);
      ask.fd = ask.loop.poller().fd();
      ask.loop.foreign_.store(true);
      if (ask.waiter) ask.waiter->run();
    }
    Loop& loop;
    ThreadWaiter* waiter;
    int fd = -1;
  };
  const bool led_before = leads();
  if (led_before || try_enter()) {
    Ask ask(*this, nullptr);
    ask.run();
    if (!led_before) leave();
    return ask.fd;
  }
  ThreadWaiter waiter(*this);
  Ask ask(*this, &waiter);
  post(ask);
  waiter.wait();
  if (waiter.leading()) leave();
  return ask.fd;
}

Poller& Loop::poller() {
  if (!poller_) {
    Status why;
    poller_ = make_epoll_poller(why);
    if (!poller_) poller_ = make_blind_poller(std::move(why));
  }
  return *poller_;
}

Status Loop::add_watch(FdWatch& watch) {
  if (simulation_) return Status(StatusCode::kFailedPrecondition, "a simulated loop has no descriptors");
  Status status = poller().add(watch);
  if (status.ok()) ++watches_;
  return status;
}

Status Loop::change_watch(FdWatch& watch, std::uint32_t epoll_events) {
  watch.events_ = epoll_events;
  return poller().change(watch);
}

void Loop::remove_watch(FdWatch& watch) {
  poller().remove(watch);
  --watches_;
}

LiveCounts Loop::live() const {
  LiveCounts live = counts_;
  live.timers = static_cast<int>(timers_.size());
  live.queued = ready_.empty() && tick_end_.empty() && remote_.empty() ? 0 : 1;
  return live;
}

void Loop::put_waiter(Waiter& waiter) {
  waiter.prev_ = nullptr;
  waiter.next_ = waiters_;
  if (waiters_) waiters_->prev_ = &waiter;
  waiters_ = &waiter;
}

void Loop::take_waiter(Waiter& waiter) {
  (waiter.prev_ ? waiter.prev_->next_ : waiters_) = waiter.next_;
  if (waiter.next_) waiter.next_->prev_ = waiter.prev_;
}

Status Loop::stuck() const {
  was_stuck_ = true;
  std::string text = "nothing can make progress: ";
  const std::size_t begin = text.size();
  for (const Waiter* w = waiters_; w != nullptr; w = w->next_) {
    const std::size_t before = text.size();
    if (before > begin) text += "; ";
    const std::size_t at = text.size();
    w->describe(text);
    if (text.size() == at) text.resize(before);  // it waits for nothing
  }
  if (text.size() == begin) text += "no waiter is known";
  return Status(StatusCode::kInternal, std::move(text));
}

}  // namespace sluice
