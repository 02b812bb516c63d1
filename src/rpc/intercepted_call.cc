// How a call goes from one interceptor to the next and back.
#include "rpc/intercepted_call.h"

namespace sluice::inline v0::detail {
namespace {

Status take_status_of(Task<Status>& task) noexcept {
  try {
    return task.take();
  } catch (...) {
    return status_of_exception("interceptor");
  }
}

Status pass(MessageFilter& filter, Status (MessageFilter::*way)(Message&), Message& message) noexcept {
  try {
    return (filter.*way)(message);
  } catch (...) {
    return status_of_exception("interceptor");
  }
}

}  // namespace

InterceptedCall::Progress InterceptedCall::enter(std::size_t index, Level* outer, Status& out) {
  Level* level = nullptr;
  for (; index < chain_size(); ++index) {
    if (!wraps(index)) continue;
    if (!level) level = &make_level(outer);
    level->index_ = index;
    try {
      level->task_ = intercept(index, *level);
    } catch (...) {
      free_level(*level);
      out = status_of_exception("interceptor");
      return Progress::kEnded;
    }
    if (level->task_) return start(*level, out);
  }
  if (level) free_level(*level);
  return Progress::kNobody;
}

InterceptedCall::Progress InterceptedCall::start(Level& level, Status& out) {
  (level.outer_ ? level.outer_->inner_ : outermost_) = &level;
  level.running_ = true;
  if (!level.task_.start(call_loop(), level.ended_)) return Progress::kRunning;
  level.running_ = false;
  if (level.next_) return Progress::kRunning;
  out = end_level(level);
  return Progress::kEnded;
}

void Level::Ended::run(Runnable& self) noexcept {
  Level& level = static_cast<Ended&>(self).level;
  level.running_ = false;
  level.call_.level_ended(level);
}

void InterceptedCall::level_ended(Level& level) {
  if (level.next_) return;  // awaited by a coroutine that the interceptor left behind: that ends first
  Level* outer = level.outer_;
  Status status = end_level(level);
  if (outer) return next_ended(*outer, std::move(status));
  chain_ended(std::move(status));
}

Status InterceptedCall::end_level(Level& level) {
  Status status = take_status_of(level.task_);
  (level.outer_ ? level.outer_->inner_ : outermost_) = nullptr;
  free_level(level);
  return status;
}

void InterceptedCall::next_ended(Level& level, Status status) {
  Next& next = *std::exchange(level.next_, nullptr);
  const bool left_behind = !level.running_;
  next.status_ = std::move(status);
  PromiseBase& parent = *next.parent_;
  // The interceptor may end in this, and with it the level and the call.
  if (&parent.loop() == &call_loop()) {
    call_loop().resume(parent);
  } else {
    parent.loop().post(parent);
  }
  if (left_behind) level_ended(level);
}

bool InterceptedCall::begin_next(Level& level, Next& next) {
  if (level.next_) {
    next.status_ = Status(StatusCode::kFailedPrecondition, "next() was awaited while another one runs");
    return false;
  }
  if (next.status_ = check_next(level, level.continued_); !next.status_.ok()) return false;
  level.continued_ = true;
  level.next_ = &next;
  Status status;
  Progress progress = enter(level.index_ + 1, &level, status);
  if (progress == Progress::kNobody) progress = start_end_of_chain(status);
  if (progress == Progress::kRunning) return true;
  level.next_ = nullptr;
  next.status_ = std::move(status);
  if (call_loop().try_inline()) return false;
  call_loop().post(*next.parent_);
  return true;
}

void InterceptedCall::end_of_chain_ended(Status status) {
  if (Level* level = innermost()) return next_ended(*level, std::move(status));
  chain_ended(std::move(status));
}

Level* InterceptedCall::innermost() const {
  Level* level = outermost_;
  while (level && level->inner_) level = level->inner_;
  return level;
}

bool InterceptedCall::has_filters() const {
  for (Level* level = outermost_; level; level = level->inner_) {
    if (level->next_ && level->next_->filter_) return true;
  }
  return false;
}

Status InterceptedCall::filter_request(Message& message) const {
  for (Level* level = outermost_; level; level = level->inner_) {
    if (!level->next_ || !level->next_->filter_) continue;
    if (Status s = pass(*level->next_->filter_, &MessageFilter::on_request, message); !s.ok()) return s;
  }
  return {};
}

Status InterceptedCall::filter_reply(Message& message) const {
  for (Level* level = innermost(); level; level = level->outer_) {
    if (!level->next_ || !level->next_->filter_) continue;
    if (Status s = pass(*level->next_->filter_, &MessageFilter::on_reply, message); !s.ok()) return s;
  }
  return {};
}

}  // namespace sluice::inline v0::detail
