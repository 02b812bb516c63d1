// Loop: who leads it. Entering and leaving, posts from outside, and what a leader does that has nothing to
// do.
#include <algorithm>
#include <thread>

#include "async/own_thread.h"
#include "async/relax.h"
#include "sluice/async/loop.h"

namespace sluice::inline v0 {
namespace {

// Turns of the loop that a leader makes for others before it leaves, and to let go of what was submitted; a
// call in memory takes three.
constexpr int kTurnsForWaiters = 16;
constexpr int kTurnsOfVisit = 16;
// Looks at the queue, while spinning, for each look at the clock, at the descriptors and for other threads
// that want the core: together about a microsecond.
constexpr int kLooksPerRound = 32;

}  // namespace

// Pairs with start_thread(), so that who sees a thread sees what it is made of.
inline OwnThread* Loop::own_thread() const {
  return has_thread_.load(std::memory_order_acquire) ? own_thread_.get() : nullptr;
}

void Loop::post(Runnable& r) {
  if (leads()) return schedule_.push(r);
  token_.enter_post();
  schedule_.post(r);  // from now on `r` may have run
  switch (token_.look()) {
    case detail::RunToken::Lead::kParked:
      wake_parked();
      break;
    case detail::RunToken::Lead::kFree:
      wake_absent();
      break;
    case detail::RunToken::Lead::kAwake:
      break;  // the leader looks before it sleeps or leaves
  }
  token_.leave_post();
}

// There is work and nobody leads: tells whoever is to come by themselves. Callers of get() need no telling.
void Loop::wake_absent() {
  if (OwnThread* own = own_thread()) {
    own->wake();
  } else if (has_host_.load()) {
    schedule_.wake_host();
  }
}

void Loop::wake_parked() {
  if (token_.claim_wake()) schedule_.wake();
}

Status Loop::check_may_block() const {
  if (!group_.leads_any()) return {};
  return Status(
      StatusCode::kFailedPrecondition,
      "get() on a thread that runs a loop of this Runtime (a handler or callback): co_await instead");
}

bool Loop::try_enter() {
  if (!token_.try_take()) return false;
  lead_begins();
  return true;
}

inline void Loop::lead_begins() {
  schedule_.begin();
  drove_ = false;
}

bool Loop::try_enter_in_order(Visit visit) {
  if (!try_enter()) return false;
  if (schedule_.may_be_late() && nobody_attends(visit)) {
    try {
      schedule_.catch_up(kTurnsOfVisit);
    } catch (...) {  // out of a watch
      leave();
      throw;
    }
  }
  if (!schedule_.is_behind()) return true;
  leave();
  return false;
}

// No thread and no other loop runs this one between visits. Who drives a loop that is somebody else's guest
// may do that one's work; who looks in leaves it where it belongs.
bool Loop::nobody_attends(Visit visit) const {
  if (!schedule_.may_run_early() || has_thread_.load(std::memory_order_relaxed)) return false;
  return visit == Visit::kDrive || !has_host_.load(std::memory_order_relaxed);
}

void Loop::leave() {
  do {
    finish_for_waiters();
    finish_submitted();
  } while (!free_lead());
}

// Who looks in at a loop with a thread of its own leaves the work to that one, which is woken for it.
void Loop::finish_submitted() {
  if (!schedule_.has_ready()) return;
  if (!nobody_attends(Visit::kLookIn) && !(drove_ && has_thread_.load(std::memory_order_relaxed))) return;
  for (int i = 0; i < kTurnsOfVisit && schedule_.has_ready(); ++i) {
    if (token_.has_line()) return;  // the first in line leads next
    schedule_.turn();
  }
}

bool Loop::take_over() {
  if (leads() || !nobody_attends(Visit::kLookIn)) return false;
  // Counted first: whoever leads meanwhile may be all that keeps the loop.
  token_.enter_post();
  if (!token_.take_or_tell_leader()) {
    token_.leave_post();
    return false;
  }
  lead_begins();
  schedule_.take_posted();
  return true;
}

void Loop::give_back() {
  leave();
  token_.leave_post();
}

// False: something was posted that relies on this thread, which leads on. Once the lead of a loop without a
// thread is free, nothing of the loop is touched: it may go.
bool Loop::free_lead() {
  // The own thread finds by itself, within a millisecond, what a caller that ran the loop leaves undone: a
  // wake-up for each call would cost more than the calls.
  bool work_left = schedule_.has_ready();
  if (has_host_.load(std::memory_order_relaxed)) {
    work_left = work_left || schedule_.next_deadline() != told_deadline_.load(std::memory_order_relaxed);
  } else {
    work_left = work_left && !drove_;
  }
  const bool attended = !nobody_attends(Visit::kLookIn);
  if (!token_.try_free()) return hand_over();
  if (!attended) return true;
  if (work_left) wake_absent();
  left();
  return true;
}

// Threads in line are asleep, and the loop would stand still until one of them has woken up to lead it. What
// they wait for is often a few turns away: then it is done here, and nobody need be handed the lead.
void Loop::finish_for_waiters() {
  if (!drove_ || !schedule_.may_run_early()) return;
  for (int i = 0; i < kTurnsForWaiters && token_.has_line(); ++i) {
    if (schedule_.turn() == 0) return;
  }
}

// The token is free, and what was posted meanwhile relied on a leader.
void Loop::left() {
  if (schedule_.has_posted()) wake_absent();
  if (OwnThread* own = own_thread()) own->on_lead_free();
}

// False: nobody takes the lead; this thread leads on, runs what was posted, and tries to leave again.
bool Loop::hand_over() {
  if (token_.pass_on()) return true;
  if (nobody_attends(Visit::kLookIn)) schedule_.take_posted();
  return false;
}

bool Loop::run_until(const bool& done) {
  drove_ = true;
  if (OwnThread* own = own_thread()) own->on_drive();
  while (!done) {
    if (schedule_.turn() == 0 && !idle_until_work(Leader::kCaller)) return done;
  }
  return true;
}

// Nothing is ready. Waits for something, or lets virtual time pass; false if nothing can ever come.
bool Loop::idle_until_work(Leader leader) {
  if (!schedule_.may_sleep()) return schedule_.pass_time();
  park(leader);
  return true;
}

// Looks for work without sleeping, for as long as it may. True: there is some.
bool Loop::spin(TimePoint deadline, Leader leader) {
  const TimePoint end = std::min(after(schedule_.read_clock(), spin_), deadline);
  do {
    for (int i = 0; i < kLooksPerRound; ++i) {
      if (schedule_.has_posted() || wanted_elsewhere(leader)) return true;
      relax();
    }
    if (schedule_.has_watches() && schedule_.poll_descriptors() > 0) return true;
    // On a busy machine whoever is to bring the work may need this very core.
    std::this_thread::yield();
  } while (schedule_.read_clock() < end);
  return false;
}

// The loop's own thread has to stop, or gives way to a caller.
bool Loop::wanted_elsewhere(Leader leader) const {
  return leader == Leader::kOwnThread && !own_thread_->may_lead_on();
}

void Loop::park(Leader leader) {
  if (spin_ > Duration::zero() && spin(schedule_.next_deadline(), leader)) return schedule_.awake();
  const Duration timeout = schedule_.before_sleep();
  token_.park();
  const bool wanted = schedule_.has_posted() || wanted_elsewhere(leader);
  schedule_.sleep(wanted ? Duration::zero() : timeout);
  token_.unpark();
  schedule_.after_sleep();
}

}  // namespace sluice::inline v0
