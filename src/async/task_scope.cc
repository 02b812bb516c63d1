// See task_scope.h.
#include "sluice/async/task_scope.h"

namespace sluice::inline v0 {

bool TaskScope::spawn(Task<Status> task) {
  return counts_ && !context_.cancelled() && scope_.spawn(watch(*this, std::move(task)));
}

bool TaskScope::spawn(Task<void> task) {
  return counts_ && !context_.cancelled() && scope_.spawn(watch(*this, std::move(task)));
}

Task<void> TaskScope::watch(TaskScope& scope, Task<Status> task) {
  try {
    scope.ended(co_await std::move(task));
  } catch (...) {
    scope.ended(detail::status_of_exception("a task of a scope"));
  }
}

Task<void> TaskScope::watch(TaskScope& scope, Task<void> task) {
  try {
    co_await std::move(task);
  } catch (...) {
    scope.ended(detail::status_of_exception("a task of a scope"));
  }
}

void TaskScope::cancel() {
  counts_ = false;
  context_.cancel("the scope was cancelled");
}

void TaskScope::ended(Status status) {
  if (status.ok() || !counts_) return;
  counts_ = false;
  first_ = std::move(status);
  context_.cancel("another task of the scope has failed");
}

}  // namespace sluice::inline v0
