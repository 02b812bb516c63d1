// See when.h.
#include "sluice/async/when.h"

#include <cassert>

namespace sluice::inline v0::detail {

bool When::suspend(PromiseBase& parent) {
  parent_ = &parent;
  Loop& loop = parent.loop();
  waiting_ = 1;  // this function: what comes meanwhile does not resume the parent
  for (std::size_t i = 0; i < arms_.size(); ++i) {
    Arm& arm = arms_[i];
    arm.when = this;
    arm.index = i;
    arm.waits = true;
    ++waiting_;
    if (!begin(i, loop, arm)) continue;
    assert(first_ == kNone && "nothing is told while it begins");
    arm.waits = false;
    --waiting_;
    if (!any_) continue;
    first_ = i;
    break;
  }
  if (any_ && first_ != kNone) stop_losers();
  return --waiting_ > 0 || !loop.done_inline(parent);
}

void When::stop_losers() {
  for (std::size_t i = 0; i < arms_.size(); ++i) {
    if (i == first_ || !arms_[i].waits || !stop(i)) continue;
    arms_[i].waits = false;
    --waiting_;
  }
}

void When::Arm::came(Runnable& self) noexcept {
  auto& arm = static_cast<Arm&>(self);
  When& when = *arm.when;
  arm.waits = false;
  if (when.any_) {
    if (when.first_ == kNone) {
      when.first_ = arm.index;
      when.stop_losers();
    } else {
      when.give_back(arm.index);
    }
  }
  if (--when.waiting_ == 0) when.parent_->loop().resume(*when.parent_);
}

}  // namespace sluice::inline v0::detail
