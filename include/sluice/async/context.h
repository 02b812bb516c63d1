// Context: what a call inherits from whoever made it: cancellation, deadline, trace context and typed values
// (grpc-go: context.Context). Passed explicitly; there is no ambient one.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <typeinfo>
#include <utility>

#include "sluice/async/loop.h"

namespace sluice::inline v0 {

struct ContextRep;
class ContextDone;

// One ref-counted pointer; copies are the same context. Default-constructed it is the background: never
// cancelled, no deadline, no values.
//
// Thread: every member may be called from any thread. Cancel: cancelling reaches contexts made from this one
// and the operations that were given it; it never waits for them.
class Context {
 public:
  Context() = default;

  // Children of this context.
  Context with_cancel() const;
  Context with_deadline(TimePoint deadline) const;  // the earlier one wins
  // One value a type; T is the key.
  template <class T>
  Context with_value(T value) const {
    return with_value_of(&typeid(T), std::make_shared<const T>(std::move(value)));
  }
  Context with_trace(std::string trace_context) const;

  // Cancels with CANCELLED and `why`; the first one counts. Nothing on the background context.
  void cancel(std::string why = "context cancelled") const;
  bool cancelled() const;
  // OK, or why it was cancelled. A deadline is not looked at here: whoever holds the clock does.
  Status status() const;
  TimePoint deadline() const;
  template <class T>
  const T* value() const {
    return static_cast<const T*>(value_of(&typeid(T)));
  }
  // The nearest with_trace() text, or empty; opaque here, a "grpc-trace-bin" or "traceparent" to others.
  std::string_view trace() const;

  // Made of both: cancelled when either is, with the earlier deadline, and with the values and the trace
  // context of this one before those of `other`.
  Context joined_with(const Context& other) const;
  // `Status why = co_await context.done();` (async/sleep.h)
  ContextDone done() const;

  explicit operator bool() const { return rep_ != nullptr; }

  // Posts itself to a loop when a context is cancelled. Loop-only but for the posting.
  class Watch : public Runnable {
   public:
    Watch(Run run, Loop& loop) : Runnable(run), loop_(loop) {}
    // Posts at once if it is cancelled already.
    void arm(const Context& context);
    // False: it has been posted and will still run; the owner must wait for that before it goes.
    bool disarm();
    bool armed() const { return rep_ != nullptr; }
    // To be called first by `run`. Waits until the canceller has let go of the loop.
    void ran();

   private:
    friend class Context;
    friend struct ContextRep;
    Loop& loop_;
    std::shared_ptr<ContextRep> rep_;
    Watch* prev_ = nullptr;
    Watch* next_ = nullptr;
    bool posted_ = false;  // under the rep's mutex while armed
  };

 private:
  friend struct ContextRep;
  Context child() const;
  Context with_value_of(const std::type_info* type, std::shared_ptr<const void> value) const;
  const void* value_of(const std::type_info* type) const;
  std::shared_ptr<ContextRep> rep_;  // shared: children, calls and users on any thread race for the end
};

}  // namespace sluice::inline v0
