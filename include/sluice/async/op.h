// Op and Call: an operation that has not started, and one in flight. One stub serves blocking code (get),
// coroutines (co_await) and everything else (start).
#pragma once

#include <cassert>
#include <concepts>
#include <coroutine>
#include <memory>
#include <optional>
#include <utility>

#include "sluice/async/task.h"
#include "sluice/base/addr.h"
#include "sluice/base/metadata.h"
#include "sluice/base/result.h"

namespace sluice {

// What an Op<T> gives: a Result<T>, unless T itself already says how it failed (Status, bool, optional).
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
template <class U>
struct OpOutcome<std::optional<U>> {
  using type = std::optional<U>;
  static type failed(Status) { return std::nullopt; }
};
template <class T>
using OpResult = typename OpOutcome<T>::type;

// One started operation, part of a pooled object of the layer that runs it. Loop-only.
class OpRecord {
 public:
  bool done() const { return done_; }
  const bool& done_flag() const { return done_; }
  bool failed() const { return failed_; }
  void set_waiter(Runnable& r) { waiter_ = &r; }
  void forget_waiter() { waiter_ = nullptr; }

 protected:
  OpRecord() = default;
  ~OpRecord() = default;
  // Ready for another operation.
  void begin() { done_ = false, waiter_ = nullptr; }
  void mark_failed() { failed_ = true; }
  // Posts the waiter, if there is one yet. REQUIRES: it is not done.
  void complete(Loop& loop) {
    assert(!done_ && "an operation is completed once");
    done_ = true;
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
  // Any thread, once done and once only: moves the outcome out of the record.
  OpResult<T> (*take)(OpRecord*) = nullptr;
};

namespace detail {

// The record of an operation that was refused, misused or got stuck. No kind's own functions are called with
// it.
struct FailedRecord final : OpRecord {
  explicit FailedRecord(Status s) : status(std::move(s)) { mark_failed(); }
  Status status;
  const Metadata no_metadata = {};
  const Addr nowhere = {};
};

// Starts the operation; an exception out of its start becomes its outcome, INTERNAL with its text. Loop-only.
OpRecord* start_record(const OpArgs& args) noexcept;

template <class T>
OpResult<T> take_outcome(const OpKindOf<T>& kind, OpRecord* record) {
  if (record->failed()) return OpOutcome<T>::failed(std::move(static_cast<FailedRecord*>(record)->status));
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

}  // namespace detail

// An operation in flight (started by Op::start).
//
// Thread: any, one at a time. Lifetime: its destructor cancels what is not done and never blocks. get() and
// co_await are for once, one of them. Errors: as Op's.
template <class T>
class [[nodiscard]] Call {
 public:
  Call(const OpKindOf<T>& kind, Loop& loop, detail::StartedOp op) : kind_(&kind), loop_(&loop), op_(op) {}
  Call(Call&& other) noexcept
      : kind_(other.kind_), loop_(other.loop_), op_(std::exchange(other.op_, detail::StartedOp())) {}
  Call& operator=(Call&& other) noexcept {
    std::swap(kind_, other.kind_), std::swap(loop_, other.loop_), std::swap(op_, other.op_);
    return *this;
  }
  ~Call() { detail::release_started(*kind_, *loop_, op_); }

  OpResult<T> get() {
    detail::Driven driven(*kind_, *loop_, waitable());
    return outcome(driven.record());
  }

  class Awaiter {
   public:
    explicit Awaiter(Call& call) : call_(call) {}
    bool await_ready() const noexcept { return false; }
    template <class P>
    SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
      return detail::attach_op(*call_.loop_, call_.waitable(), h.promise());
    }
    OpResult<T> await_resume() { return call_.outcome(call_.waitable()); }

   private:
    Call& call_;
  };
  Awaiter operator co_await() { return Awaiter(*this); }

  // Ends it with CANCELLED unless it is done; any thread.
  void cancel() { detail::cancel_started(*kind_, *loop_, op_); }

  // For bridges to other kinds of asynchronous code (sluice/asio.h), instead of get() or co_await:
  Loop& loop() const { return *loop_; }
  // Loop-only. Posts `r` to the loop when the operation is done.
  void on_done(Runnable& r) {
    OpRecord* record = waitable();
    record->done() ? loop_->post(r) : record->set_waiter(r);
  }
  // The outcome; any thread. REQUIRES that on_done's Runnable ran.
  OpResult<T> take() { return outcome(waitable()); }

  // REQUIRE a completed get() or await, of an operation that has them (a unary call).
  const Metadata& header() const { return metadata(kind_->header); }
  const Metadata& trailer() const { return metadata(kind_->trailer); }
  const Addr& peer() const {
    OpRecord* record = done_record();
    return record->failed() ? static_cast<detail::FailedRecord*>(record)->nowhere : kind_->peer(record);
  }

 private:
  OpRecord* waitable() const { return op_.remote ? op_.remote : op_.record; }
  const Metadata& metadata(const Metadata& (*of)(OpRecord*)) const {
    OpRecord* record = done_record();
    return record->failed() ? static_cast<detail::FailedRecord*>(record)->no_metadata : of(record);
  }
  OpRecord* done_record() const { return op_.remote ? op_.remote->inner() : op_.record; }
  OpResult<T> outcome(OpRecord* waited) {
    if (waited->failed()) return detail::take_outcome<T>(*kind_, waited);
    return detail::take_outcome<T>(*kind_, done_record());
  }

  const OpKindOf<T>* kind_;
  Loop* loop_;
  detail::StartedOp op_;
};

// An operation that starts when it is got, awaited or started, and only once. All three want a temporary: on
// a named Op they do not compile, unless it is moved.
//
// Lifetime: borrows its arguments until it completes (start(): until start() returns), those of the call that
// made it included. So it is to be used within the expression that made it; a named one outlives them.
// Errors: an Op that is dropped sent nothing, and dev builds assert against it. get() on a thread that leads
// a loop of the same Runtime (a handler, a callback) fails with FAILED_PRECONDITION and starts nothing.
template <class T>
class [[nodiscard]] Op {
 public:
  Op(const OpKindOf<T>& kind, void* object, const void* argument, const void* options)
      : args_{&kind, object, argument, options} {}
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;
  ~Op() { assert(args_.kind == nullptr && "an Op was dropped: get(), co_await or start() it"); }

  // Runs the loop on this thread until the operation is done, or waits while another thread does.
  OpResult<T> get() && {
    const OpArgs args = claim();
    detail::Driven driven(args);
    return detail::take_outcome<T>(of(args), driven.record());
  }
  OpResult<T> get() & = delete;  // of an Op with a name: std::move(op).get(), since it is used once

  class Awaiter {
   public:
    explicit Awaiter(const OpArgs& args) : args_(args) {}
    Awaiter(const Awaiter&) = delete;
    ~Awaiter() {
      if (remote_) delete remote_;
    }
    bool await_ready() const noexcept { return false; }
    template <class P>
    SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
      PromiseBase& parent = h.promise();
      Loop& loop = args_.kind->loop(args_);
      if (&loop == &parent.loop()) {
        record_ = detail::start_record(args_);
        return detail::attach_op(loop, record_, parent);
      }
      remote_ = new detail::RemoteOp(args_, loop, false);
      remote_->set_parent(parent);
      loop.post(*remote_);
      return true;
    }
    OpResult<T> await_resume() {
      OpRecord* record = remote_ ? remote_->inner() : record_;
      struct Release {  // after the outcome has been moved to the caller
        const OpArgs& args;
        Loop& loop;
        OpRecord* record;
        ~Release() { detail::release_op(*args.kind, loop, record); }
      } release{args_, remote_ ? remote_->loop() : args_.kind->loop(args_), record};
      return detail::take_outcome<T>(of(args_), record);
    }

   private:
    const OpArgs args_;
    OpRecord* record_ = nullptr;
    detail::RemoteOp* remote_ = nullptr;
  };
  Awaiter operator co_await() && { return Awaiter(claim()); }
  Awaiter operator co_await() & = delete;  // of an Op with a name: co_await std::move(op)

  // In flight when it returns: everything it borrows was sent or copied.
  Call<T> start() && {
    const OpArgs args = claim();
    Loop& loop = args.kind->loop(args);
    return Call<T>(of(args), loop, detail::start_op(args));
  }
  Call<T> start() & = delete;  // of an Op with a name: std::move(op).start()

 private:
  OpArgs claim() {
    const OpArgs args = args_;
    args_.kind = nullptr;
    return args;
  }
  static const OpKindOf<T>& of(const OpArgs& args) { return static_cast<const OpKindOf<T>&>(*args.kind); }
  OpArgs args_;
};
static_assert(sizeof(Op<Status>) <= 32);

}  // namespace sluice
