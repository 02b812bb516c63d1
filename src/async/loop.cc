// Loop: its beginning and end, and what lives on it. Who leads is in lead.cc.
#include "sluice/async/loop.h"

#include <utility>

#include "async/own_thread.h"
#include "async/poller.h"
#include "async/waiting_thread.h"

namespace sluice::inline v0 {
namespace {

// Somebody else's loop gets its turn back after so many.
constexpr int kTicksPerForeignPoll = 64;

}  // namespace

Loop::Loop(LoopGroup& group, Simulation* simulation) : group_(group), schedule_(simulation) {
  group.add(*this);
}

Loop::Loop(LoopGroup& group, std::unique_ptr<Poller> poller) : group_(group), schedule_(std::move(poller)) {
  group.add(*this);
}

Loop::~Loop() {
  stop_thread();
  // What another thread posted may have run, and so have let this loop go, before that thread came back from
  // post(), or has left the loop that it took over: the rest of that is waited for.
  token_.wait_for_posters();
  if (!token_.is_free())
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

std::size_t Loop::poll() {
  if (!try_enter()) return 0;
  const LeaveLoop leave_at_end(*this);  // whatever a watch or an allocation throws
  drove_ = true;
  // Time that nobody ran the loop is not the peer's fault: what has arrived is read before timers fire.
  std::size_t ran = schedule_.poll_descriptors();
  for (int i = 0; i < kTicksPerForeignPoll || !has_host_.load(std::memory_order_relaxed); ++i) {
    std::size_t n = schedule_.turn();
    if (n == 0) n = schedule_.fire_timers();
    if (n == 0) break;
    ran += n;
  }
  told_deadline_.store(schedule_.next_deadline(), std::memory_order_relaxed);
  return ran;
}

int Loop::native_fd() {
  if (!schedule_.may_sleep()) return -1;
  // The poller is made on the loop, whoever leads it.
  struct Ask final : Runnable {
    Ask(Loop& l, WaitingThread* t) : Runnable(&answer), loop(l), thread(t) {}
    static void answer(Runnable& self) noexcept {
      auto& ask = static_cast<Ask&>(self);
      ask.fd = ask.loop.schedule_.native_fd();
      ask.loop.has_host_.store(true);
      if (ask.thread) ask.thread->run();
    }
    Loop& loop;
    WaitingThread* thread;
    int fd = -1;
  };
  const bool led_before = leads();
  if (led_before || try_enter()) {
    Ask ask(*this, nullptr);
    ask.run();
    if (!led_before) leave();
    return ask.fd;
  }
  WaitingThread thread(*this);
  Ask ask(*this, &thread);
  post(ask);
  thread.wait();
  if (thread.leading()) leave();
  return ask.fd;
}

LiveCounts Loop::live() const {
  LiveCounts live = counts_;
  live.timers = static_cast<int>(schedule_.armed());
  live.queued = schedule_.has_ready() || schedule_.has_posted() ? 1 : 0;
  return live;
}

Status Loop::stuck() const {
  was_stuck_ = true;
  return reporters_.to_status();
}

void Loop::start_thread() {
  if (!own_thread_) own_thread_ = std::make_unique<OwnThread>(*this);
  has_thread_ = true;
  own_thread_->start();
}

void Loop::stop_thread() {
  if (!own_thread_) return;
  own_thread_->stop();
  has_thread_ = false;
}

}  // namespace sluice::inline v0
