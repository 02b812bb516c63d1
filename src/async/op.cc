// Driving operations: from a thread, from a coroutine of another loop, and those already in flight.
#include "sluice/async/op.h"

#include <exception>
#include <string>

#include "async/waiting_thread.h"

namespace sluice::inline v0::detail {
namespace {

// Makes `waiter` the record's, or runs it at once if the record is done. Loop-only.
void wait_for(OpRecord* record, Runnable& waiter) {
  if (record->done()) return waiter.run();
  set_waiter(record, waiter);
}

// A waiter on another loop than the record's: goes there, waits, and posts the coroutine back home.
struct Attachment final : Runnable {
  Attachment(OpRecord* r, PromiseBase& p) : Runnable(&arrive), record(r), parent(p) {}
  static void arrive(Runnable& self) noexcept {
    auto& a = static_cast<Attachment&>(self);
    a.set_run(&finish);
    wait_for(a.record, a);
  }
  static void finish(Runnable& self) noexcept {
    auto& a = static_cast<Attachment&>(self);
    PromiseBase& parent = a.parent;
    delete &a;
    parent.loop().post(parent);
  }
  OpRecord* record;
  PromiseBase& parent;
};

// What is being thrown, as the outcome of the operation that it kept from starting.
OpRecord* failed_by_exception(const OpArgs& args) noexcept {
  std::string text = "the operation threw as it started";
  try {
    throw;
  } catch (const StatusError& error) {
    text += ": " + error.status().to_string();
  } catch (const std::exception& error) {
    text += std::string(": ") + error.what();
  } catch (...) {
    text += " something that is no std::exception";
  }
  Status why(StatusCode::kInternal, std::move(text));
  if (args.kind->refused) args.kind->refused(args, why);
  return new FailedRecord(std::move(why));
}

using Release = void (*)(OpRecord*);

void release_record(Release release, OpRecord* record) {
  if (record->failed()) {
    delete static_cast<FailedRecord*>(record);
  } else {
    record->forget_waiter();
    release(record);
  }
}

}  // namespace

void set_waiter(OpRecord* record, Runnable& waiter) {
  if (record->has_waiter()) [[unlikely]]
    fail("a Call is waited for twice at once");
  record->set_waiter(waiter);
}

OpRecord* start_record(const OpArgs& args) noexcept {
  try {
    return args.kind->start(args);
  } catch (...) {
    return failed_by_exception(args);
  }
}

// A cancel on its way to the loop. The Call owns it together with the queue, for the Call may be released
// before it arrives, and what kind it is of may be gone then.
struct PostedCancel final : Runnable {
  PostedCancel(const OpKind& k, const StartedOp& o) : Runnable(&arrive), cancel(k.cancel), op(o) {}
  static void arrive(Runnable& self) noexcept {
    auto& posted = static_cast<PostedCancel&>(self);
    if (posted.released) return delete &posted;
    posted.arrived = true;
    posted.now();
  }
  void now() {
    if (op.remote) {
      op.remote->cancel();
    } else if (!op.record->done()) {
      cancel(op.record);
    }
  }
  // Loop-only.
  void (*const cancel)(OpRecord*);
  const StartedOp op;
  bool arrived = false;
  bool released = false;
};

namespace {

// Gives an operation back, when the thread at hand cannot.
struct PostedRelease final : Runnable {
  PostedRelease(const OpKind& k, const StartedOp& o) : Runnable(&arrive), release(k.release), op(o) {}
  static void arrive(Runnable& self) noexcept {
    auto& posted = static_cast<PostedRelease&>(self);
    posted.now();
    delete &posted;
  }
  void now() {
    if (PostedCancel* cancel = op.cancel) {
      if (cancel->arrived) {
        delete cancel;
      } else {
        cancel->released = true;
      }
    }
    if (op.remote) {
      op.remote->release();
    } else {
      release_record(release, op.record);
    }
  }
  const Release release;
  const StartedOp op;
};

// Runs what `Posted` does on the loop: now if this thread leads it or can, else posted. It may overtake what
// was posted before: the start of its own operation, which knows that, and nothing else that matters to it.
template <class Posted>
Posted* run_on(Loop& loop, const OpKind& kind, const StartedOp& op) {
  if (loop.leads()) {
    Posted(kind, op).now();
  } else if (loop.try_enter()) {
    const LeaveLoop leave_at_end(loop);
    Posted(kind, op).now();
  } else {
    auto* posted = new Posted(kind, op);
    loop.post(*posted);
    loop.attend();
    return posted;
  }
  return nullptr;
}

}  // namespace

void release_started(const OpKind& kind, Loop& loop, const StartedOp& op) {
  if (op.record && op.record->failed()) return release_record(kind.release, op.record);
  if (op.record || op.remote) run_on<PostedRelease>(loop, kind, op);
}

void release_op(const OpKind& kind, Loop& loop, OpRecord* record) {
  release_started(kind, loop, {.record = record, .remote = nullptr, .cancel = nullptr});
}

void cancel_started(const OpKind& kind, Loop& loop, StartedOp& op) {
  if (op.cancel || (op.record && op.record->failed()) || !(op.record || op.remote)) return;
  op.cancel = run_on<PostedCancel>(loop, kind, op);
}

bool attach_op(Loop& loop, OpRecord* record, PromiseBase& parent) {
  if (&loop != &parent.loop()) {
    loop.post(*new Attachment(record, parent));
    return true;
  }
  if (!record->done()) {
    set_waiter(record, parent);
    return true;
  }
  if (loop.try_inline()) return false;
  loop.post(parent);
  return true;
}

bool is_done(Loop& loop, const OpRecord& record) {
  if (!record.seen_done() && !loop.leads() && loop.try_enter_in_order()) loop.leave();
  return record.seen_done();
}

// Starts an operation on a loop that another thread leads.
class Driven::Starter final : public Runnable {
 public:
  Starter(const OpArgs* args, OpRecord*& record, WaitingThread& thread)
      : Runnable(&go), args_(args), record_(record), thread_(thread) {}

 private:
  static void go(Runnable& self) noexcept {
    auto& s = static_cast<Starter&>(self);
    if (s.args_) s.record_ = start_record(*s.args_);
    wait_for(s.record_, s.thread_);
  }
  const OpArgs* const args_;
  OpRecord*& record_;
  WaitingThread& thread_;
};

Driven::Driven(const OpArgs& args) : kind_(*args.kind), loop_(args.kind->loop(args)), owns_(true) {
  drive(&args);
}

Driven::Driven(const OpKind& kind, Loop& loop, OpRecord* record) : kind_(kind), loop_(loop), record_(record) {
  drive(nullptr);
}

void Driven::drive(const OpArgs* args) {
  if (Status status = loop_.check_may_block(); !status.ok()) {
    if (args && kind_.refused) kind_.refused(*args, status);
    return fail(std::move(status));
  }
  bool progress;
  if (loop_.try_enter_in_order(Loop::Visit::kDrive)) {
    leading_ = true;
    if (args) record_ = start_record(*args);
    progress = loop_.run_until(record_->done_flag());
  } else {
    WaitingThread thread(loop_);
    Starter starter(args, record_, thread);
    loop_.post(starter);
    progress = thread.wait();
    leading_ = thread.leading();
  }
  if (progress) return;
  Status why = loop_.stuck();
  if (record_) record_->forget_waiter();
  if (args && kind_.refused) kind_.refused(*args, why);
  fail(std::move(why));
}

Driven::~Driven() {
  if (owns_ && record_) {
    if (leading_) {
      release_record(kind_.release, record_);
    } else {
      release_op(kind_, loop_, record_);
    }
  }
  if (leading_) loop_.leave();
}

RemoteOp::RemoteOp(const OpArgs& args, Loop& loop, bool captured)
    : Runnable(&step), args_(args), loop_(loop), captured_(captured) {
  begin();
}

RemoteOp::~RemoteOp() {
  if (captured_ && args_.kind->drop_captured) args_.kind->drop_captured(args_);
}

// Runs once on the operation's loop to start it and, unless it was done at once, again when it is done.
void RemoteOp::step(Runnable& self) noexcept {
  auto& op = static_cast<RemoteOp&>(self);
  if (op.released_) return op.let_go();
  if (!op.inner_) {
    op.inner_ = start_record(op.args_);
    if (!op.inner_->done()) {
      op.inner_->set_waiter(op);
      if (op.cancelled_) op.args_.kind->cancel(op.inner_);
      return;
    }
  }
  // The parent may destroy this object as soon as it is posted.
  if (PromiseBase* parent = op.parent_) return parent->loop().post(*parent);
  op.complete(op.loop_);
}

void RemoteOp::cancel() {
  if (!inner_) {
    cancelled_ = true;
  } else if (!inner_->done()) {
    args_.kind->cancel(inner_);
  }
}

void RemoteOp::release() {
  forget_waiter();
  // While step() is to come it has the last word, and starts nothing any more.
  const bool step_is_posted = !inner_ || (inner_->done() && !done());
  if (step_is_posted) {
    released_ = true;
  } else {
    let_go();
  }
}

void RemoteOp::let_go() {
  if (inner_) release_record(args_.kind->release, inner_);
  delete this;
}

StartedOp start_op(const OpArgs& args) {
  Loop& loop = args.kind->loop(args);
  if (loop.leads()) return {.record = start_record(args), .remote = nullptr, .cancel = nullptr};
  if (loop.try_enter_in_order()) {
    const LeaveLoop leave_at_end(loop);
    return {.record = start_record(args), .remote = nullptr, .cancel = nullptr};
  }
  OpArgs own = args;
  try {
    if (own.kind->capture) own.kind->capture(own);
  } catch (...) {
    return {.record = failed_by_exception(args), .remote = nullptr, .cancel = nullptr};
  }
  auto* remote = new RemoteOp(own, loop, true);
  loop.post(*remote);
  loop.attend();
  return {.record = nullptr, .remote = remote, .cancel = nullptr};
}

}  // namespace sluice::inline v0::detail
