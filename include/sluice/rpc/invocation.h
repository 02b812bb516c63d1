// Invocation: a call as intercept() sees it: its request and reply, and next(), which runs the rest of the
// call.
#pragma once

#include <coroutine>
#include <optional>

#include "sluice/async/task.h"
#include "sluice/rpc/channel_base.h"
#include "sluice/rpc/server_context.h"

namespace sluice::inline v0 {

class Invocation;
namespace detail {
class InterceptedCall;
}

// Sees each message of a call, in all four kinds of method. May replace it by bytes, or by an object that the
// Message shares.
//
// The functions run on the call's loop. Requests pass the filters of a chain from the outermost to the
// innermost, replies the other way. Messages are bytes, except that the single reply of a server's handler is
// still an object; decode_as<T>() reads both (message_traits.h).
// Errors: a failed status or an exception stops the message: its reader gets no more messages, its writer
// fails, and the call ends with that status.
class MessageFilter {
 public:
  virtual ~MessageFilter() = default;
  virtual Status on_request(Message& request) { return (void)request, Status(); }
  virtual Status on_reply(Message& reply) { return (void)reply, Status(); }
};

// The result of next(). The interceptor's coroutine awaits it; the call goes on then.
class [[nodiscard]] Next {
 public:
  Next(Invocation& call, MessageFilter* filter) : call_(call), filter_(filter) {}
  Next(const Next&) = delete;
  Next& operator=(const Next&) = delete;
  bool await_ready() const noexcept { return false; }
  template <detail::TaskPromise P>
  SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
    parent_ = &h.promise();
    return begin();
  }
  Status await_resume() { return std::move(status_); }

 private:
  friend class detail::InterceptedCall;
  bool begin();
  Invocation& call_;
  MessageFilter* const filter_;
  detail::PromiseBase* parent_ = nullptr;
  Status status_;
};

// The part that both sides share. Thread: loop-only: the interceptor's coroutine. Lifetime: until that
// coroutine has ended.
class Invocation {
 public:
  virtual const MethodInfo& method() const = 0;
  // For random() and the clock. The loop's clock stands still while the loop works: measure durations with
  // the Runtime's.
  virtual Loop& loop() const = 0;

  // The request of a method with one request, as bytes. May be replaced before next(). Empty if the client
  // streams (use a MessageFilter), and on a server once the handler has decoded it.
  virtual Message& request() = 0;
  // The reply of a method with one reply. Set when next() was OK. May be replaced by bytes or by
  // to_message(). A reply set without next() answers the call.
  virtual std::optional<Message>& reply() = 0;

  // `Status status = co_await call.next();` runs the rest of the chain and the handler or attempt at its end,
  // and gives its status. Does not throw. `filter` sees the messages, and must live until then.
  Next next() { return Next(*this, nullptr); }
  Next next(MessageFilter& filter) { return Next(*this, &filter); }

  // Coroutines with an Invocation parameter take their frame from the loop's pool.
  operator detail::FrameAllocator&() { return loop().blocks(); }

 protected:
  ~Invocation() = default;

 private:
  friend class Next;
  // False: it has ended at once.
  virtual bool begin_next(Next& next) = 0;
};

inline bool Next::begin() { return call_.begin_next(*this); }

// A call on its way to its handler. next() runs the handler; a second next() is INTERNAL and runs nothing. A
// handler that throws has a status too.
//
// Cancel: when the call is over, context() is cancelled; the interceptor runs to its end, and its status and
// reply are discarded.
class ServerInvocation : public Invocation {
 public:
  virtual ServerContext& context() = 0;
  // To answer a stream without its handler, or around it: `ServerWriter<Rep> writer(call.stream());`.
  // Messages written here pass no filter.
  virtual ServerStream& stream() = 0;

 protected:
  ~ServerInvocation() = default;
};

// A call on its way to the transport. next() makes one attempt, from opening a stream to its final status,
// and may be called again after it. Changes made here affect inner interceptors and the attempt.
//
// The caller's operations on a stream wait until an attempt runs. The caller learns of the end of the call
// when the outermost interceptor has ended.
//
// Cancel: when the caller cancels the call, context() is cancelled, and this attempt and all later ones end
// with CANCELLED. The interceptor runs to its end, even if the caller has gone.
class ClientInvocation : public Invocation {
 public:
  // Cancelled with the call, and has its deadline. For waiting (`co_await sleep(50ms, call.context())`) and
  // for calls made on behalf of this one.
  virtual const Context& context() = 0;
  // The deadline of all attempts together; kNever: none.
  virtual TimePoint deadline() const = 0;
  virtual void set_deadline(TimePoint deadline) = 0;
  // Sent by the next attempt.
  virtual Metadata& metadata() = 0;

  // Of the last attempt. REQUIRE: next() has returned.
  virtual const Metadata& header() const = 0;
  virtual const Metadata& trailer() const = 0;
  virtual const Addr& peer() const = 0;

  // Whether next() can restart the call unnoticed by the caller. Unary calls: always. Streams: as long as the
  // caller has got nothing of a response, and all that it wrote is kept. next() itself fails only if
  // something that the caller wrote is not kept (FAILED_PRECONDITION): where only the server streams, an
  // interceptor may continue after the last message with another request.
  virtual bool can_restart() const = 0;
  // Keeps up to `max_bytes` of the caller's messages, to send them again. Each message counts 100 bytes more.
  // REQUIRES: before the first next().
  virtual void keep_writes(std::size_t max_bytes) = 0;

 protected:
  ~ClientInvocation() = default;
};

}  // namespace sluice::inline v0
