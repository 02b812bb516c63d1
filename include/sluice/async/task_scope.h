// TaskScope: tasks that run at the same time and end before the block that started them does (structured
// concurrency; Go: errgroup.Group).
#pragma once

#include <functional>
#include <utility>

#include "sluice/async/context.h"
#include "sluice/async/scope.h"
#include "sluice/async/task.h"
#include "sluice/base/detail/exception_status.h"

namespace sluice::inline v0 {

// What with_scope() gives its body.
//
// Thread: Loop-only. Lifetime: the body may not keep it. Errors: the first task that fails, by a status or an
// exception, cancels context(), which is for the others to look at; with_scope() gives its status.
class TaskScope {
 public:
  TaskScope(Loop& loop, const Context& parent) : scope_(loop), context_(parent.with_cancel()) {}
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;

  // Starts `task` now, on this stack. False: something has failed, or the scope was cancelled, and `task` is
  // dropped unstarted.
  [[nodiscard]] bool spawn(Task<Status> task);
  [[nodiscard]] bool spawn(Task<void> task);

  // Of the tasks: pass it to their calls and waits. Cancelled when a task or the body fails, when cancel() is
  // called, and with the context given to with_scope().
  const Context& context() const { return context_; }
  // Enough: cancels context(). How the tasks and the body end afterwards does not count.
  void cancel();
  std::size_t running() const { return scope_.running(); }
  Loop& loop() const { return scope_.loop(); }

 private:
  template <class F, class... Args>
  friend Task<Status> with_scope(Context context, F body, Args&... args);
  static Task<void> watch(TaskScope& scope, Task<Status> task);
  static Task<void> watch(TaskScope& scope, Task<void> task);
  void ended(Status status);

  Scope scope_;
  const Context context_;
  Status first_;
  bool counts_ = true;  // what ends from now on
};

// Runs `body(scope, args...)`, waits until all tasks that it has spawned have ended, and gives the first
// failure, or OK:
//
//   Task<Status> serve(TaskScope& scope, ServerContext& context, ServerWriter<Event>& writer);
//   ...
//   co_return co_await with_scope(context.context(), &serve, context, writer);
//
// A body that returns before its tasks have ended does not cancel them, and they may spawn others:
// scope.cancel() ends that. `body` may be a lambda with captures, which lives until all tasks have ended; so
// a member function of the handler's class is called by `[&](TaskScope& scope) { return serve(scope, writer);
// }`.
//
// Lifetime: `args` are borrowed, so temporaries do not compile; await it in the expression that made it.
// Errors: an exception is the status of a StatusError, otherwise UNKNOWN.
template <class F, class... Args>
Task<Status> with_scope(Context context, F body, Args&... args) {
  Loop& loop = co_await this_loop();
  TaskScope scope(loop, context);
  try {
    scope.ended(co_await std::invoke(body, scope, args...));
  } catch (...) {
    scope.ended(detail::status_of_exception("the body of a scope"));
  }
  co_await scope.scope_.until_idle();
  co_return std::move(scope.first_);
}

}  // namespace sluice::inline v0
