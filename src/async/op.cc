// Driving operations: from a thread, from a coroutine of another loop, and those already in flight.
#include "sluice/async/op.h"

namespace sluice::detail {
namespace {

// Runs `fn(record)` of a kind on the loop, when the thread at hand cannot.
struct PostedCall final : Runnable {
  PostedCall(void (*f)(OpRecord*), OpRecord* r) : Runnable(&go), fn(f), record(r) {}
  static void go(Runnable& self) noexcept {
    auto& posted = static_cast<PostedCall&>(self);
    posted.fn(posted.record);
    delete &posted;
  }
  void (*fn)(OpRecord*);
  OpRecord* record;
};

void on_loop(Loop& loop, void (*fn)(OpRecord*), OpRecord* record) {
  if (loop.leads()) return fn(record);
  if (loop.try_enter()) {
    fn(record);
    return loop.leave();
  }
  loop.post(*new PostedCall(fn, record));
}

// Makes `waiter` the record's, or runs it at once if the record is done. Loop-only.
void wait_for(OpRecord* record, Runnable& waiter) {
  if (record->done()) return waiter.run();
  record->set_waiter(waiter);
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

void release_record(const OpKind& kind, OpRecord* record) {
  if (record->failed()) {
    delete static_cast<FailedRecord*>(record);
  } else {
    kind.release(record);
  }
}

}  // namespace

void release_op(const OpKind& kind, Loop& loop, OpRecord* record) {
  if (record->failed()) return release_record(kind, record);
  on_loop(loop, kind.release, record);
}

void cancel_op(const OpKind& kind, Loop& loop, OpRecord* record) {
  if (!record->failed()) on_loop(loop, kind.cancel, record);
}

bool attach_op(Loop& loop, OpRecord* record, PromiseBase& parent) {
  if (&loop != &parent.loop()) {
    loop.post(*new Attachment(record, parent));
    return true;
  }
  if (!record->done()) {
    record->set_waiter(parent);
    return true;
  }
  if (loop.try_inline()) return false;
  loop.post(parent);
  return true;
}

// Starts an operation on a loop that another thread leads.
class Driven::Starter final : public Runnable {
 public:
  Starter(const OpArgs* args, OpRecord*& record, Loop::ThreadWaiter& waiter)
      : Runnable(&go), args_(args), record_(record), waiter_(waiter) {}

 private:
  static void go(Runnable& self) noexcept {
    auto& s = static_cast<Starter&>(self);
    if (s.args_) s.record_ = s.args_->kind->start(*s.args_);
    wait_for(s.record_, s.waiter_);
  }
  const OpArgs* const args_;
  OpRecord*& record_;
  Loop::ThreadWaiter& waiter_;
};

Driven::Driven(const OpArgs& args) : kind_(*args.kind), loop_(args.kind->loop(args)), owns_(true) {
  drive(&args);
}

Driven::Driven(const OpKind& kind, Loop& loop, OpRecord* record) : kind_(kind), loop_(loop), record_(record) {
  drive(nullptr);
}

void Driven::drive(const OpArgs* args) {
  if (Status status = loop_.check_may_block(); !status.ok()) return fail(std::move(status));
  bool progress;
  if (loop_.try_enter()) {
    leading_ = true;
    if (args) record_ = args->kind->start(*args);
    progress = loop_.run_until(record_->done_flag());
  } else {
    Loop::ThreadWaiter waiter(loop_);
    Starter starter(args, record_, waiter);
    loop_.post(starter);
    progress = waiter.wait();
    leading_ = waiter.leading();
  }
  if (!progress) fail(loop_.stuck());
}

Driven::~Driven() {
  if (owns_ && record_) {
    if (leading_) {
      release_record(kind_, record_);
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

// Runs twice on the operation's loop: to start it, and when it is done.
void RemoteOp::step(Runnable& self) noexcept {
  auto& op = static_cast<RemoteOp&>(self);
  if (!op.inner_) {
    op.inner_ = op.args_.kind->start(op.args_);
    if (!op.inner_->done()) return op.inner_->set_waiter(op);
  }
  // The parent may destroy this object as soon as it is posted.
  if (PromiseBase* parent = op.parent_) return parent->loop().post(*parent);
  op.complete(op.loop_);
}

namespace {

void cancel_remote(OpRecord* record) {
  auto& remote = *static_cast<RemoteOp*>(record);
  if (remote.inner() && !remote.inner()->failed()) remote.kind().cancel(remote.inner());
}

void release_remote(OpRecord* record) {
  auto* remote = static_cast<RemoteOp*>(record);
  if (remote->inner()) release_record(remote->kind(), remote->inner());
  delete remote;
}

}  // namespace

const OpKind kRemoteOpKind = {.loop = nullptr,
                              .start = nullptr,
                              .cancel = &cancel_remote,
                              .release = &release_remote,
                              .capture = nullptr,
                              .drop_captured = nullptr,
                              .header = nullptr,
                              .trailer = nullptr,
                              .peer = nullptr};

StartedOp start_op(const OpArgs& args) {
  Loop& loop = args.kind->loop(args);
  if (loop.leads()) return {args.kind->start(args), nullptr};
  if (loop.try_enter()) {
    OpRecord* record = args.kind->start(args);
    loop.leave();
    return {record, nullptr};
  }
  OpArgs own = args;
  if (own.kind->capture) own.kind->capture(own);
  auto* remote = new RemoteOp(own, loop, true);
  loop.post(*remote);
  return {remote->inner(), remote};
}

}  // namespace sluice::detail
