// Interceptors: code of the program around every call of a Server or Channel, such as authentication,
// logging, metrics, retries and caches (grpc-go: grpc.UnaryServerInterceptor and its three siblings). One
// interceptor serves unary calls and streams.
#pragma once

#include <concepts>
#include <memory>
#include <span>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "sluice/base/detail/exception_status.h"
#include "sluice/rpc/invocation.h"

namespace sluice::inline v0 {

// An interceptor of a server. It has two stages, and may override either or both.
//
// A chain is constant while the server lives; its first interceptor is the outermost. All on_headers() of a
// call run before the first intercept(). Calls of unknown methods reach no interceptor (UNIMPLEMENTED).
// Thread: the loop of the call's connection; with several loops, calls of several loops run at once. An
// interceptor's own state must be atomic or locked; no lock may be held across an await.
// Errors: an exception becomes the call's status, as a handler's does: the status of a StatusError, otherwise
// UNKNOWN.
class ServerInterceptor {
 public:
  virtual ~ServerInterceptor() = default;

  // Stage one, for admission: runs when the header of a call has come, without a handler. What has come of
  // the body by then waits, and what is wrong with it counts only if the call is let in. May add header and
  // trailer, and pass values to the handler (ServerContext::set_context). A failed status ends the call; the
  // rest of the request is discarded. It runs on the connection's loop: keep it short, and do not call get().
  // It may close the server.
  virtual Status on_headers(ServerContext& context) { return (void)context, Status(); }
  // For loggers and counters: an inner interceptor's on_headers() has refused a call that this one accepted.
  // No intercept() will run.
  virtual void on_refused(ServerContext& context, const Status& status) { (void)context, (void)status; }

  // Stage two: a coroutine around the handler. It starts when the handler would: for a method with one
  // request, when that is complete. Its status is the call's status. OK without a reply, for a method with
  // one reply, becomes INTERNAL. The default returns an empty Task, which skips this interceptor without a
  // coroutine frame. An override that is not a coroutine may return an empty Task for some calls.
  virtual Task<Status> intercept(ServerInvocation& call) { return (void)call, Task<Status>(); }
};

// The headers of a call before they are sent. Lifetime: until on_headers() returns.
struct OutgoingHeaders {
  const MethodInfo& method;
  Metadata& metadata;  // may be changed; what cannot be sent fails the call with INTERNAL
  const Context& context;
  TimePoint deadline;  // kNever: none
  Loop& loop;          // for its clock
};

// An interceptor of a channel. It has two stages, and may override either or both.
//
// A chain is constant while the channel lives; its first interceptor is the outermost. Thread: the channel's
// loop. An object in the chains of several channels may be called by several threads at once. Errors: an
// exception becomes the call's status: the status of a StatusError, otherwise UNKNOWN.
class ClientInterceptor {
 public:
  virtual ~ClientInterceptor() = default;

  // Stage one, for credentials: runs just before each attempt of a call, inside of all intercept()s. May
  // change the metadata. A failed status ends the attempt, and nothing is sent.
  virtual Status on_headers(OutgoingHeaders& headers) { return (void)headers, Status(); }

  // Stage two: a coroutine around the call. Its status is the status that the caller gets. OK without a
  // reply, for a method with one reply, becomes INTERNAL. An empty Task: as of ServerInterceptor.
  virtual Task<Status> intercept(ClientInvocation& call) { return (void)call, Task<Status>(); }
};

// An element of a chain, a shared interceptor or a borrowed one:
// `{.interceptors = {std::make_shared<Auth>(key), log}}`. A null pointer is skipped.
//
// Lifetime: a borrowed interceptor must outlive the server, or the channel and all its calls.
template <class I>
class InterceptorRef {
 public:
  template <std::derived_from<I> T>
  InterceptorRef(std::shared_ptr<T> shared)
      : wraps_(shared && may_wrap(*shared)), object_(std::move(shared)) {}
  template <std::derived_from<I> T>
  InterceptorRef(T& borrowed) : wraps_(may_wrap(borrowed)), object_(std::shared_ptr<void>(), &borrowed) {}

  I* get() const { return object_.get(); }
  // The chain does not share its ownership.
  bool borrowed() const { return object_ && object_.use_count() == 0; }
  // False: intercept() is not overridden, and is not called.
  bool wraps() const { return wraps_; }

 private:
  // Only the object's own type knows what it overrides.
  template <class T>
  static bool may_wrap(T& object) {
    if (typeid(object) != typeid(T)) return true;
    if constexpr (!std::is_same_v<T, I> && requires { &T::intercept; }) {
      return !std::is_same_v<decltype(&T::intercept), decltype(&I::intercept)>;
    } else {
      return true;
    }
  }
  bool wraps_;
  std::shared_ptr<I> object_;  // shared: with the program and other chains
};

// From the outermost to the innermost.
template <class I>
using InterceptorChain = std::vector<InterceptorRef<I>>;

namespace detail {

template <class I>
bool any_wraps(std::span<const InterceptorRef<I>> chain) {
  for (const InterceptorRef<I>& i : chain) {
    if (i.wraps()) return true;
  }
  return false;
}

// Stage one of a whole chain.
Status run_on_headers(std::span<const InterceptorRef<ServerInterceptor>> chain,
                      ServerContext& context) noexcept;
Status run_on_headers(std::span<const InterceptorRef<ClientInterceptor>> chain,
                      OutgoingHeaders& headers) noexcept;

}  // namespace detail
}  // namespace sluice::inline v0
