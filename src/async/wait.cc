// See wait.h.
#include "sluice/async/detail/wait.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "sluice/base/fail.h"

namespace sluice::inline v0::detail {

Wait::~Wait() {
  if (loop_) [[unlikely]]
    fail("a wait was destroyed before it was over: a coroutine that waits cannot go");
}

bool Wait::begin(Loop& loop, Runnable& done) {
  if (loop_ || ending_) [[unlikely]]
    fail("a wait was begun twice: co_await each of them once");
  arrival_.set_loop(loop);
  if (take_or_list(arrival_)) {
    ending_ = arrived_ = true;
    return true;
  }
  listed_ = true;
  loop_ = &loop;
  done_ = &done;
  if (context_) {
    watch_.emplace(*this, loop);
    watch_->arm(context_);
  }
  TimePoint end = context_.deadline();
  if (timeout_ != kNoTimeout) end = std::min(end, after(loop.now(), timeout_));
  if (end != kNever) loop.arm(alarm_, end);
  loop.add_reporter(*this);
  return false;
}

bool Wait::suspend(PromiseBase& parent) {
  Loop& loop = parent.loop();
  return !begin(loop, parent) || !loop.done_inline(parent);
}

// Nobody waits any more, but for what cannot be stopped.
void Wait::let_go() {
  ending_ = true;
  if (alarm_.armed()) loop_->disarm(alarm_);
  if (listed_ && unlist(arrival_)) listed_ = false;
  if (watch_ && watch_->disarm()) watch_.reset();
  if (is_on_its_way()) return;
  std::exchange(loop_, nullptr)->remove_reporter(*this);
}

bool Wait::stop() {
  if (ending_) return false;  // `done` has been posted, or will run
  let_go();
  return !is_on_its_way();
}

void Wait::end(Status why) {
  if (!ending_) status_ = std::move(why);
  let_go();
}

// From among the timers: the coroutine goes on in its turn.
void Wait::Alarm::expired(Runnable& self) noexcept {
  Wait& wait = static_cast<Alarm&>(static_cast<Timer&>(self)).wait;
  Loop& loop = *wait.loop_;
  const bool by_context = wait.alarm_.deadline() == wait.context_.deadline();
  wait.end(by_context ? Status(StatusCode::kDeadlineExceeded, "context deadline exceeded")
                      : wait.timed_out());
  if (!wait.is_on_its_way()) loop.post(*wait.done_);
}

void Wait::Arrival::came(Runnable& self) noexcept {
  Wait& wait = static_cast<Arrival&>(static_cast<Waiter&>(self)).wait;
  wait.see_out();
  wait.listed_ = false;
  wait.arrived_ = true;
  wait.status_ = Status();
  wait.let_go();
  if (!wait.is_on_its_way()) wait.done_->run();
}

void Wait::CancelWatch::cancelled(Runnable& self) noexcept {
  Wait& wait = static_cast<CancelWatch&>(static_cast<Context::Watch&>(self)).wait;
  wait.watch_->ran();
  wait.watch_.reset();
  if (!wait.arrived_)
    wait.end(wait.context_.status());
  else
    wait.let_go();
  if (!wait.is_on_its_way()) wait.done_->run();
}

Status Wait::timed_out() const {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout_).count();
  return Status(StatusCode::kDeadlineExceeded,
                "timeout after " + std::to_string(ms) + " ms of waiting for " + what_);
}

void Wait::describe(std::string& out) const { out += std::string("a wait for ") + what_; }

}  // namespace sluice::inline v0::detail
