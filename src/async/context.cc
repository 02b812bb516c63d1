// Context: a chain of immutable nodes, of which some can be cancelled.
#include "sluice/async/context.h"

#include <algorithm>
#include <vector>

#include "sluice/async/detail/wait_list.h"

namespace sluice::inline v0 {

struct ContextRep {
  std::shared_ptr<ContextRep> parent;
  std::shared_ptr<ContextRep> other;  // the second parent of a joined one
  TimePoint deadline = kNever;
  const std::type_info* type = nullptr;
  std::shared_ptr<const void> value;
  std::string trace;
  bool has_trace = false;

  std::atomic<bool> cancelled{false};
  std::mutex mutex;
  // Under mutex.
  std::string why;
  std::vector<std::weak_ptr<ContextRep>> children;
  std::size_t sweep_at = 16;
  Context::Watch* watches = nullptr;

  void cancel(const std::string& reason, detail::Wakeups& wakeups);
  void add_child(const std::shared_ptr<ContextRep>& child);
};

namespace {

void cancel_now(ContextRep& rep, const std::string& reason) {
  detail::Wakeups wakeups;  // run outside of all locks, which the watches take
  rep.cancel(reason, wakeups);
}

// The nearest that `is_it`, itself or among its ancestors; those of the first parent before the other's.
template <class Is>
const ContextRep* find(const ContextRep* rep, const Is& is_it) {
  for (; rep; rep = rep->parent.get()) {
    if (is_it(*rep)) return rep;
    if (!rep->other) continue;
    const ContextRep* const found = find(rep->parent.get(), is_it);
    return found ? found : find(rep->other.get(), is_it);
  }
  return nullptr;
}

}  // namespace

void ContextRep::cancel(const std::string& reason, detail::Wakeups& wakeups) {
  std::vector<std::weak_ptr<ContextRep>> reached;
  {
    const std::lock_guard lock(mutex);
    if (cancelled.load()) return;
    why = reason;
    cancelled.store(true);
    reached.swap(children);
    while (Context::Watch* watch = watches) {
      watches = watch->next_;
      watch->prev_ = watch->next_ = nullptr;
      watch->posted_ = true;
      wakeups.post(watch->loop_, *watch);
    }
  }
  // Outside the lock: a child's own lock is never taken under its parent's here.
  for (const auto& child : reached) {
    if (const auto rep = child.lock()) rep->cancel(reason, wakeups);
  }
}

void ContextRep::add_child(const std::shared_ptr<ContextRep>& child) {
  std::string reason;
  {
    const std::lock_guard lock(mutex);
    if (!cancelled.load()) {
      // Now and then, so that many children in a row cost each a constant.
      if (children.size() >= sweep_at) {
        std::erase_if(children, [](const auto& c) { return c.expired(); });
        sweep_at = std::max<std::size_t>(16, 2 * children.size());
      }
      children.push_back(child);
      return;
    }
    reason = why;
  }
  cancel_now(*child, reason);
}

Context Context::child() const {
  Context made;
  made.rep_ = std::make_shared<ContextRep>();
  made.rep_->parent = rep_;
  if (rep_) {
    made.rep_->deadline = rep_->deadline;
    rep_->add_child(made.rep_);
  }
  return made;
}

Context Context::with_cancel() const { return child(); }

Context Context::with_deadline(TimePoint deadline) const {
  Context made = child();
  made.rep_->deadline = std::min(made.rep_->deadline, deadline);
  return made;
}

Context Context::with_trace(std::string trace_context) const {
  Context made = child();
  made.rep_->trace = std::move(trace_context);
  made.rep_->has_trace = true;
  return made;
}

Context Context::with_value_of(const std::type_info* type, std::shared_ptr<const void> value) const {
  Context made = child();
  made.rep_->type = type;
  made.rep_->value = std::move(value);
  return made;
}

void Context::cancel(std::string why) const {
  if (rep_) cancel_now(*rep_, why);
}

bool Context::cancelled() const { return rep_ && rep_->cancelled.load(std::memory_order_acquire); }

Status Context::status() const {
  if (!cancelled()) return {};
  const std::lock_guard lock(rep_->mutex);
  return Status(StatusCode::kCancelled, rep_->why);
}

TimePoint Context::deadline() const { return rep_ ? rep_->deadline : kNever; }

Context Context::joined_with(const Context& other) const {
  Context made = child();
  if (!other.rep_) return made;
  made.rep_->other = other.rep_;
  made.rep_->deadline = std::min(made.rep_->deadline, other.rep_->deadline);
  other.rep_->add_child(made.rep_);
  return made;
}

const void* Context::value_of(const std::type_info* type) const {
  const ContextRep* const found =
      find(rep_.get(), [type](const ContextRep& rep) { return rep.type && *rep.type == *type; });
  return found ? found->value.get() : nullptr;
}

std::string_view Context::trace() const {
  const ContextRep* const found = find(rep_.get(), [](const ContextRep& rep) { return rep.has_trace; });
  return found ? std::string_view(found->trace) : std::string_view();
}

void Context::Watch::arm(const Context& context) {
  loop_.assert_led();
  if (!context.rep_) return;
  rep_ = context.rep_;
  const std::lock_guard lock(rep_->mutex);
  if (rep_->cancelled.load()) {
    posted_ = true;
    return loop_.post(*this);
  }
  prev_ = nullptr;
  next_ = rep_->watches;
  if (next_) next_->prev_ = this;
  rep_->watches = this;
}

void Context::Watch::ran() {
  {
    // The canceller posts under this lock; once it is free the canceller no longer touches the loop, which
    // may be about to go.
    const std::lock_guard lock(rep_->mutex);
    posted_ = false;
  }
  rep_.reset();
}

bool Context::Watch::disarm() {
  loop_.assert_led();
  if (!rep_) return true;
  {
    const std::lock_guard lock(rep_->mutex);
    if (posted_) return false;
    (prev_ ? prev_->next_ : rep_->watches) = next_;
    if (next_) next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }
  rep_.reset();
  return true;
}

}  // namespace sluice::inline v0
