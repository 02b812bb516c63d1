// Sleep: a timer, and a watch on the context.
#include "sluice/async/sleep.h"

#include <algorithm>

namespace sluice::inline v0 {

bool Sleep::begin(detail::PromiseBase& parent) {
  parent_ = &parent;
  Loop& loop = parent.loop();
  if (context_) {
    watch_.emplace(*this, loop);
    watch_->arm(context_);
  }
  // Neither timeout nor deadline: only the context ends it.
  loop.arm(*this, std::min(after(loop.now(), timeout_), context_.deadline()));
  return true;
}

void Sleep::expired(Runnable& self) noexcept {
  auto& sleep = static_cast<Sleep&>(static_cast<Timer&>(self));
  if (sleep.deadline() == sleep.context_.deadline()) {
    sleep.status_ = Status(StatusCode::kDeadlineExceeded, "context deadline exceeded");
  }
  sleep.fired_ = true;
  // A watch that has been posted already resumes the coroutine when it runs.
  if (!sleep.watch_ || sleep.watch_->disarm()) sleep.parent_->loop().post(*sleep.parent_);
}

void Sleep::cancelled(Runnable& self) noexcept {
  auto& watch = static_cast<CancelWatch&>(static_cast<Context::Watch&>(self));
  Sleep& sleep = watch.sleep;
  watch.ran();
  if (!sleep.fired_) {
    sleep.status_ = sleep.context_.status();
    sleep.parent_->loop().disarm(sleep);
  }
  sleep.parent_->run();
}

}  // namespace sluice::inline v0
