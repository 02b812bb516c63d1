// Op and Call: an operation that has not started, and one in flight. One stub serves blocking code (get),
// coroutines (co_await) and everything else (start).
#pragma once

#include <cassert>
#include <coroutine>
#include <utility>

#include "sluice/async/detail/op_record.h"
#include "sluice/async/task.h"

namespace sluice::inline v0 {

namespace detail {
template <class W>
class Participant;
}  // namespace detail

// An operation in flight (started by Op::start).
//
// Thread: any, one at a time. Lifetime: its destructor cancels what is not done and never blocks. get() and
// co_await are for once, one of them. Errors: as Op's.
template <class T>
class [[nodiscard]] Call {
 public:
  Call(const detail::OpKindOf<T>& kind, Loop& loop, detail::StartedOp op)
      : kind_(&kind), loop_(&loop), op_(op) {}
  Call(Call&& other) noexcept
      : kind_(other.kind_), loop_(other.loop_), op_(std::exchange(other.op_, detail::StartedOp())) {}
  Call& operator=(Call&& other) noexcept {
    std::swap(kind_, other.kind_), std::swap(loop_, other.loop_), std::swap(op_, other.op_);
    return *this;
  }
  ~Call() { detail::release_started(*kind_, *loop_, op_); }

  detail::OpResult<T> get() {
    detail::Driven driven(*kind_, *loop_, waitable());
    return outcome(driven.record());
  }

  class Awaiter {
   public:
    explicit Awaiter(Call& call) : call_(call) {}
    bool await_ready() const noexcept { return false; }
    template <detail::TaskPromise P>
    SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
      return detail::attach_op(*call_.loop_, call_.waitable(), h.promise());
    }
    detail::OpResult<T> await_resume() { return call_.outcome(call_.waitable()); }

   private:
    Call& call_;
  };
  Awaiter operator co_await() { return Awaiter(*this); }

  // Ends it with CANCELLED unless it is done; any thread.
  void cancel() { detail::cancel_started(*kind_, *loop_, op_); }

  // Any thread. Whether get() and co_await would give their outcome at once. Like them it does first what
  // came meanwhile on a loop that nobody else runs.
  bool done() const { return detail::is_done(*loop_, *waitable()); }

  // For bridges to other kinds of asynchronous code (sluice/asio.h), instead of get() or co_await:
  Loop& loop() const { return *loop_; }
  // Loop-only. Posts `r` to the loop when the operation is done.
  void on_done(Runnable& r) {
    detail::OpRecord* record = waitable();
    record->done() ? loop_->post(r) : record->set_waiter(r);
  }
  // The outcome; any thread. REQUIRES that on_done's Runnable ran.
  detail::OpResult<T> take() { return outcome(waitable()); }

  // REQUIRE a completed get() or await, of an operation that has them (a unary call).
  const Metadata& header() const { return metadata(kind_->header); }
  const Metadata& trailer() const { return metadata(kind_->trailer); }
  const Addr& peer() const {
    detail::OpRecord* record = done_record();
    return record->failed() ? static_cast<detail::FailedRecord*>(record)->nowhere : kind_->peer(record);
  }

 private:
  template <class W>
  friend class detail::Participant;
  detail::OpRecord* waitable() const { return op_.remote ? op_.remote : op_.record; }
  const Metadata& metadata(const Metadata& (*of)(detail::OpRecord*)) const {
    detail::OpRecord* record = done_record();
    return record->failed() ? static_cast<detail::FailedRecord*>(record)->no_metadata : of(record);
  }
  detail::OpRecord* done_record() const { return op_.remote ? op_.remote->inner() : op_.record; }
  detail::OpResult<T> outcome(detail::OpRecord* waited) {
    if (waited->failed()) return detail::take_outcome<T>(*kind_, waited);
    return detail::take_outcome<T>(*kind_, done_record());
  }

  const detail::OpKindOf<T>* kind_;
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
  Op(const detail::OpKindOf<T>& kind, void* object, const void* argument, const void* options)
      : args_{&kind, object, argument, options} {}
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;
  ~Op() { assert(args_.kind == nullptr && "an Op was dropped: get(), co_await or start() it"); }

  // Runs the loop on this thread until the operation is done, or waits while another thread does.
  detail::OpResult<T> get() && {
    const detail::OpArgs args = claim();
    detail::Driven driven(args);
    return detail::take_outcome<T>(of(args), driven.record());
  }
  detail::OpResult<T> get() & = delete;  // of an Op with a name: std::move(op).get(), since it is used once

  class Awaiter {
   public:
    explicit Awaiter(const detail::OpArgs& args) : args_(args) {}
    Awaiter(const Awaiter&) = delete;
    ~Awaiter() {
      if (remote_) delete remote_;
    }
    bool await_ready() const noexcept { return false; }
    template <detail::TaskPromise P>
    SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
      detail::PromiseBase& parent = h.promise();
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
    detail::OpResult<T> await_resume() {
      detail::OpRecord* record = remote_ ? remote_->inner() : record_;
      struct Release {  // after the outcome has been moved to the caller
        const detail::OpArgs& args;
        Loop& loop;
        detail::OpRecord* record;
        ~Release() { detail::release_op(*args.kind, loop, record); }
      } release{args_, remote_ ? remote_->loop() : args_.kind->loop(args_), record};
      return detail::take_outcome<T>(of(args_), record);
    }

   private:
    const detail::OpArgs args_;
    detail::OpRecord* record_ = nullptr;
    detail::RemoteOp* remote_ = nullptr;
  };
  Awaiter operator co_await() && { return Awaiter(claim()); }
  Awaiter operator co_await() & = delete;  // of an Op with a name: co_await std::move(op)

  // In flight when it returns: everything it borrows was sent or copied.
  Call<T> start() && {
    const detail::OpArgs args = claim();
    Loop& loop = args.kind->loop(args);
    return Call<T>(of(args), loop, detail::start_op(args));
  }
  Call<T> start() & = delete;  // of an Op with a name: std::move(op).start()

 private:
  template <class W>
  friend class detail::Participant;
  detail::OpArgs claim() {
    const detail::OpArgs args = args_;
    args_.kind = nullptr;
    return args;
  }
  static const detail::OpKindOf<T>& of(const detail::OpArgs& args) {
    return static_cast<const detail::OpKindOf<T>&>(*args.kind);
  }
  detail::OpArgs args_;
};
static_assert(sizeof(Op<Status>) <= 32);

}  // namespace sluice::inline v0
