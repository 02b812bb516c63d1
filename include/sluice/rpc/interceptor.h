// Interceptors: what a program does around every call of a Server or a Channel: authentication, logging,
// metrics, retries, caches (grpc-go: grpc.UnaryServerInterceptor and its three siblings; here one kind of
// interceptor serves unary calls and streams).
#pragma once

#include <concepts>
#include <memory>
#include <span>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "sluice/rpc/invocation.h"

namespace sluice {

// The server's side: two stages, of which an interceptor may have either or both.
//
// A chain is constant while the server lives; the first is the outermost. Every on_headers() runs before the
// first intercept(). Calls to methods that are not there reach neither (UNIMPLEMENTED).
// Thread: the loop of the call's connection, so that with several loops there are several calls at once: what
// an interceptor changes in itself must be atomic or locked, with no lock held across an await.
// Errors: what is thrown becomes the call's status as it does for handlers: a StatusError's own, else
// UNKNOWN.
class ServerInterceptor {
 public:
  virtual ~ServerInterceptor() = default;

  // Stage one, for admission: the header of a call is here, its body is not, there is no handler. May add
  // header and trailer, and give the handler values (ServerContext::set_context). Not OK ends the call with
  // that status; what the client still sends is thrown away as it comes.
  // It runs while the connection is read: short, and no get().
  virtual Status on_headers(ServerContext& context) { return (void)context, Status(); }
  // The on_headers() of an interceptor further in refused a call that this one let pass: no intercept() will
  // see it. For loggers and counters.
  virtual void on_refused(ServerContext& context, const Status& status) { (void)context, (void)status; }

  // Stage two: a coroutine around the handler. It starts where the handler would, with the whole request of a
  // method that takes one; its status is the call's. An OK without the one reply of a method that gives one
  // is INTERNAL. The empty Task that this default returns means: not this call; it costs no frame, and an
  // override that is a plain function may return it too.
  virtual Task<Status> intercept(ServerInvocation& call) { return (void)call, Task<Status>(); }
};

// What a call is about to send. Lifetime: on_headers' own.
struct OutgoingHeaders {
  const MethodInfo& method;
  Metadata& metadata;  // may be added to and changed; what cannot be sent fails the call with INTERNAL
  const Context& context;
  TimePoint deadline;  // kNever: none
  Loop& loop;          // for its clock
};

// The calling side: two stages, of which an interceptor may have either or both.
//
// A chain is constant while the channel lives; the first is the outermost.
// Thread: the channel's loop, so that one channel's interceptors never run twice at once. An object in the
// chains of several channels may.
// Errors: what is thrown becomes the call's status: a StatusError's own, else UNKNOWN.
class ClientInterceptor {
 public:
  virtual ~ClientInterceptor() = default;

  // Stage one, for credentials: each attempt of a call, just before it begins, inside of every intercept().
  // May change the metadata. Not OK ends the attempt with that status, and nothing is sent.
  virtual Status on_headers(OutgoingHeaders& headers) { return (void)headers, Status(); }

  // Stage two: a coroutine around the call. Its status is what the caller gets. An OK without the one reply
  // of a method that gives one is INTERNAL. The empty Task that this default returns means: not this call; it
  // costs no frame, and an override that is a plain function may return it too.
  virtual Task<Status> intercept(ClientInvocation& call) { return (void)call, Task<Status>(); }
};

// A place in a chain: an interceptor that is shared, or one that is borrowed:
// `{.interceptors = {std::make_shared<Auth>(key), log}}`.
//
// Lifetime: a borrowed one must outlive the server, or the channel and all its calls. A null one is none.
template <class I>
class InterceptorRef {
 public:
  template <std::derived_from<I> T>
  InterceptorRef(std::shared_ptr<T> shared)
      : wraps_(shared && may_wrap(*shared)), object_(std::move(shared)) {}
  template <std::derived_from<I> T>
  InterceptorRef(T& borrowed) : wraps_(may_wrap(borrowed)), object_(std::shared_ptr<void>(), &borrowed) {}

  I* get() const { return object_.get(); }
  // Its owner may let it go; it is not shared.
  bool borrowed() const { return object_ && object_.use_count() == 0; }
  // False: intercept() is not overridden, and need not be called.
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

// In the order in which they are passed from the outside.
template <class I>
using InterceptorChain = std::vector<InterceptorRef<I>>;

namespace detail {

// What is being thrown, as a status: a StatusError's own, else UNKNOWN with `who` ("handler").
Status status_of_exception(const char* who) noexcept;

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
}  // namespace sluice
