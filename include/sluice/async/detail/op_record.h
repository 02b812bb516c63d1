// What stands behind an Op: its kind, its record while it is in flight, and the ways to drive, post and
// release it.
#pragma once

#include <atomic>
#include <cassert>
#include <memory>
#include <utility>

#include "sluice/async/detail/promise.h"
#include "sluice/base/addr.h"
#include "sluice/base/metadata.h"
#include "sluice/base/result.h"

namespace sluice::inline v0::detail {

// What an Op<T> gives: a Result<T>, unless T itself already says how it failed (Status, bool, Read).
template <class T>
struct OpOutcome {
  using type = Result<T>;
  static type failed(Status status) { return type(std::move(status)); }
};
template <>
struct OpOutcome<Status> {
  using type = Status;
  static type failed(Status status) { return status; }
};
template <>
struct OpOutcome<bool> {
  using type = bool;
  static type failed(Status) { return false; }
};
template <class T>
using OpResult = typename OpOutcome<T>::type;

// One started operation, part of a pooled object of the layer that runs it. Loop-only.
class OpRecord {
 public:
  bool done() const { return done_; }
  // The same, for threads that do not lead.
  bool seen_done() const { return std::atomic_ref(const_cast<bool&>(done_)).load(std::memory_order_acquire); }
  const bool& done_flag() const { return done_; }
  bool failed() const { return failed_; }
  void set_waiter(Runnable& r) { waiter_ = &r; }
  void forget_waiter() { waiter_ = nullptr; }
  bool has_waiter() const { return waiter_ != nullptr; }

 protected:
  OpRecord() = default;
  ~OpRecord() = default;
  // Ready for another operation.
  void begin() { done_ = false, waiter_ = nullptr; }
  void mark_failed() { failed_ = true; }
  // Posts the waiter, if there is one yet. REQUIRES: it is not done.
  void complete(Loop& loop) {
    assert(!done_ && "an operation is completed once");
    std::atomic_ref(done_).store(true, std::memory_order_release);
    if (waiter_) loop.post(*std::exchange(waiter_, nullptr));
  }

 private:
  bool done_ = true;
  bool failed_ = false;
  Runnable* waiter_ = nullptr;
};

// What an operation acts on; borrowed until it completes.
struct OpArgs {
  const struct OpKind* kind;
  void* object;
  const void* argument;
  const void* options;
};

// How one kind of operation runs: constant, one a kind (each unary method of a stub is one).
struct OpKind {
  Loop& (*loop)(const OpArgs&) = nullptr;
  // On the loop. The record is done already or becomes so; what could not start is a FailedRecord. Copies
  // what it needs of `argument` and `options` before it returns; outputs must outlive the operation. What it
  // throws becomes the outcome, INTERNAL.
  OpRecord* (*start)(const OpArgs&) = nullptr;
  // On the loop, while it is not done. The operation ends soon, as cancelled if it can.
  void (*cancel)(OpRecord*) = nullptr;
  // On the loop. Gives the record back; an operation that is not done is cancelled and forgotten.
  void (*release)(OpRecord*) = nullptr;
  // On the loop. As release(), of a read that nobody waits for any more: its message, there or to come, is
  // the next read's, and nothing is cancelled. Null: it is no read.
  void (*keep)(OpRecord*) = nullptr;
  // Any thread. Copies everything borrowed into something of its own; null: start() needs no copy.
  void (*capture)(OpArgs&) = nullptr;
  void (*drop_captured)(OpArgs&) = nullptr;
  // Any thread; null: nothing to tell. get() was refused, or nothing can make progress any more: for outcomes
  // that cannot carry the status themselves (a read's "ended").
  void (*refused)(const OpArgs&, const Status& why) = nullptr;
  // Any thread, once done. Details for Call; null where the kind has none.
  const Metadata& (*header)(OpRecord*) = nullptr;
  const Metadata& (*trailer)(OpRecord*) = nullptr;
  const Addr& (*peer)(OpRecord*) = nullptr;
};
template <class T>
struct OpKindOf : OpKind {
  // Any thread. Null: OpOutcome's.
  OpResult<T> (*failed)(Status) = nullptr;
  // Any thread, once done and once only: moves the outcome out of the record.
  OpResult<T> (*take)(OpRecord*) = nullptr;
};

// The record of an operation that was refused, misused or got stuck. No kind's own functions are called with
// it.
struct FailedRecord final : OpRecord {
  explicit FailedRecord(Status s) : status(std::move(s)) { mark_failed(); }
  Status status;
  const Metadata no_metadata = {};
  const Addr nowhere = {};
};

// Whose function runs when it is done. Ends the process if somebody else waits for it. Loop-only.
void set_waiter(OpRecord* record, Runnable& waiter);

// Starts the operation; an exception out of its start becomes its outcome, INTERNAL with its text. Loop-only.
OpRecord* start_record(const OpArgs& args) noexcept;

template <class T>
OpResult<T> take_outcome(const OpKindOf<T>& kind, OpRecord* record) {
  if (record->failed()) [[unlikely]] {
    Status& why = static_cast<FailedRecord*>(record)->status;
    return kind.failed ? kind.failed(std::move(why)) : OpOutcome<T>::failed(std::move(why));
  }
  return kind.take(record);
}

// An operation driven by this thread, from the constructor, which returns when it is done, to the destructor,
// which gives the record back and leaves the loop if it was led.
class Driven {
 public:
  explicit Driven(const OpArgs& args);                       // starts it, and owns the record
  Driven(const OpKind& kind, Loop& loop, OpRecord* record);  // waits for one in flight
  ~Driven();
  OpRecord* record() const { return failure_ ? failure_.get() : record_; }

 private:
  class Starter;
  void drive(const OpArgs* args);
  void fail(Status status) { failure_ = std::make_unique<FailedRecord>(std::move(status)); }
  const OpKind& kind_;
  Loop& loop_;
  OpRecord* record_ = nullptr;
  bool owns_ = false;
  bool leading_ = false;
  std::unique_ptr<FailedRecord> failure_;
};

// An operation started for somebody who is not on its loop: a coroutine of another loop, or a thread while
// another one leads. Its own outcome is the inner record's.
class RemoteOp final : public Runnable, public OpRecord {
 public:
  // `args` are captured already, or outlive the operation.
  RemoteOp(const OpArgs& args, Loop& loop, bool captured);
  ~RemoteOp();
  void set_parent(PromiseBase& parent) { parent_ = &parent; }
  OpRecord* inner() const { return inner_; }
  Loop& loop() const { return loop_; }
  // Loop-only. Both may come before the start, or while the news that it is done is on its way.
  void cancel();
  void release();

 private:
  static void step(Runnable& self) noexcept;
  void let_go();
  OpArgs args_;
  Loop& loop_;
  bool captured_;
  OpRecord* inner_ = nullptr;
  PromiseBase* parent_ = nullptr;
  bool cancelled_ = false;
  bool released_ = false;
};

// Gives a record back on its loop: now if this thread leads it or can, else posted.
void release_op(const OpKind& kind, Loop& loop, OpRecord* record);
// The waiter of `record` becomes `parent`, on whichever loop that is; false if it is done already (same
// loop).
bool attach_op(Loop& loop, OpRecord* record, PromiseBase& parent);

// Any thread. On a loop that nobody runs, what came meanwhile is done first.
bool is_done(Loop& loop, const OpRecord& record);

struct PostedCancel;

// What a Call holds.
struct StartedOp {
  OpRecord* record = nullptr;      // if it was started at once
  RemoteOp* remote = nullptr;      // if it was posted
  PostedCancel* cancel = nullptr;  // a cancel that had to be posted
};
StartedOp start_op(const OpArgs& args);
// As release_op; nothing for one that holds nothing.
void release_started(const OpKind& kind, Loop& loop, const StartedOp& op);
void cancel_started(const OpKind& kind, Loop& loop, StartedOp& op);

}  // namespace sluice::inline v0::detail
