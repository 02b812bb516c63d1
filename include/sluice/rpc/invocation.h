// Invocation: a call as a wrapping interceptor holds it: what is sent and answered, and `next()`, which goes
// on with it.
#pragma once

#include <coroutine>
#include <optional>

#include "sluice/async/task.h"
#include "sluice/rpc/channel_base.h"
#include "sluice/rpc/server_context.h"

namespace sluice {

class Invocation;
namespace detail {
class WrappedCall;
}

// Sees each message of a call on its way, in all four kinds of method, and may replace it: by bytes, or by an
// object that the Message shares.
//
// Plain functions on the call's loop. Requests pass the filters of a chain from the outermost to the
// innermost, replies the other way. Messages are bytes, but for the single replies of a server's handlers,
// which are still the objects that the handler returned: decode_as<T>() reads both (message_traits.h).
// Errors: what is not OK, or thrown, takes the message's place: the reader is told that there are no more,
// the writer that it failed, and that status is the call's, whatever comes of it.
class MessageFilter {
 public:
  virtual ~MessageFilter() = default;
  virtual Status on_request(Message& request) { return (void)request, Status(); }
  virtual Status on_reply(Message& reply) { return (void)reply, Status(); }
};

// What next() awaits. The call goes on when it is awaited; by the coroutine of the interceptor.
class [[nodiscard]] Next {
 public:
  Next(Invocation& call, MessageFilter* filter) : call_(call), filter_(filter) {}
  Next(const Next&) = delete;
  Next& operator=(const Next&) = delete;
  bool await_ready() const noexcept { return false; }
  template <class P>
  SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
    parent_ = &h.promise();
    return begin();
  }
  Status await_resume() { return std::move(status_); }

 private:
  friend class detail::WrappedCall;
  bool begin();
  Invocation& call_;
  MessageFilter* const filter_;
  PromiseBase* parent_ = nullptr;
  Status status_;
};

// What both sides share.
//
// Thread: loop-only, that is: the interceptor's coroutine. Lifetime: until that coroutine has ended.
class Invocation {
 public:
  virtual const MethodInfo& method() const = 0;
  // Its random(), and its clock, which stands still while the loop is at work: to take how long something
  // takes read the Runtime's.
  virtual Loop& loop() const = 0;

  // The one request of a method that takes one, as bytes. May be replaced before next(). Empty where the
  // client streams, since a MessageFilter sees those, and on a server once the handler has decoded it.
  virtual Message& request() = 0;
  // The one reply of a method that gives one: there when next() was OK, and to be replaced or set, as bytes
  // or by to_message(). What is set without next() answers the call.
  virtual std::optional<Message>& reply() = 0;

  // `Status status = co_await call.next();` runs the rest of the chain and what stands at its end, and gives
  // the status of that; it does not throw. With a filter, which must live that long, for the messages.
  Next next() { return Next(*this, nullptr); }
  Next next(MessageFilter& filter) { return Next(*this, &filter); }

  // Coroutines that are given an Invocation lie in the loop's pool.
  operator FrameAllocator&() { return loop().blocks(); }

 protected:
  ~Invocation() = default;

 private:
  friend class Next;
  // False: it has ended at once.
  virtual bool begin_next(Next& next) = 0;
};

inline bool Next::begin() { return call_.begin_next(*this); }

// A call on its way to its handler. next() runs the handler, once: a second one is INTERNAL and runs nothing.
// A handler that throws has a status too.
//
// Cancel: nothing ends the interceptor; when the call is over, context().cancelled() and what it awaits with
// that context tell it. Its status and reply are then thrown away.
class ServerInvocation : public Invocation {
 public:
  virtual ServerContext& context() = 0;
  // For answering a stream without a handler, or around it: `ServerWriter<Rep> writer(call.stream());`. Its
  // messages pass no filter.
  virtual ServerStream& stream() = 0;

 protected:
  ~ServerInvocation() = default;
};

// A call on its way to the wire. next() makes an attempt, from opening a stream to its final status, and may
// be awaited again when it has ended. What this interceptor changes holds for what is inside of it.
//
// Of a stream, the caller's operations wait until an attempt runs, and what ends an attempt is told to the
// caller only when the outermost interceptor has ended.
//
// Cancel: when the caller gives the call up, context() is cancelled, the attempt ends with CANCELLED and so
// does every later one. The interceptor runs to its end, also when the caller has gone.
class ClientInvocation : public Invocation {
 public:
  // Cancelled with the call, with its deadline: for waiting, `co_await sleep(50ms, call.context())`, and for
  // calls made for this one.
  virtual const Context& context() = 0;
  // Of all attempts together. It may be moved; kNever is none.
  virtual TimePoint deadline() const = 0;
  virtual void set_deadline(TimePoint deadline) = 0;
  // What the next attempt sends.
  virtual Metadata& metadata() = 0;

  // Of the last attempt, once next() has returned.
  virtual const Metadata& header() const = 0;
  virtual const Metadata& trailer() const = 0;
  virtual const Addr& peer() const = 0;

  // Whether next() can start the call anew without the caller noticing: always for unary calls; for streams
  // as long as nothing of a response was given to the caller and all that it wrote is kept. Where the client
  // streams, next() refuses with FAILED_PRECONDITION what cannot be sent again; where only the server does it
  // is left to the interceptor, which may go on after the last message with a request of its own.
  virtual bool can_restart() const = 0;
  // Keeps what the caller writes, up to so many bytes, to send it again. Each message counts with the hundred
  // bytes that are needed to keep it. Before the first next().
  virtual void keep_writes(std::size_t max_bytes) = 0;

 protected:
  ~ClientInvocation() = default;
};

}  // namespace sluice
