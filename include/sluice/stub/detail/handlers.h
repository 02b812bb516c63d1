// The objects that serve a call of each kind, in the call's memory.
#pragma once

#include <exception>
#include <optional>
#include <utility>

#include "sluice/rpc/message_traits.h"
#include "sluice/rpc/service.h"
#include "sluice/stub/server_streams.h"

namespace sluice::inline v0::detail {

// The exception being handled, as a status: that of a StatusError, otherwise UNKNOWN.
Status status_of_exception() noexcept;

template <class T>
class HandlerBase : public ServerCall::Handler {
 public:
  bool start(Loop& loop, Runnable& on_done) override { return task.start(loop, on_done); }
  Task<T> task;
};

// A handler that returns one reply: unary and client streaming.
template <class Rep>
class ReplyHandler : public HandlerBase<Result<Rep>> {
 public:
  Status finish(Message& out) override {
    try {
      result_.emplace(this->task.take());
    } catch (...) {
      return status_of_exception();
    }
    if (!result_->ok()) return std::move(*result_).status();
    out.borrow(&**result_, MessageTraits<Rep>::ops());
    return {};
  }

 private:
  std::optional<Result<Rep>> result_;  // the reply lives until it is encoded
};

template <class Req, class Rep>
struct UnaryHandler final : ReplyHandler<Rep> {
  Req request;
};

struct NoRequest {};

template <class Stream, class Req>
struct StreamHandler final : HandlerBase<Status> {
  explicit StreamHandler(ServerStream& s) : stream(s) {}
  Status finish(Message&) override {
    try {
      return this->task.take();
    } catch (...) {
      return status_of_exception();
    }
  }
  Stream stream;
  [[no_unique_address]] Req request;
};

template <class Req, class Rep>
struct ClientStreamHandler final : ReplyHandler<Rep> {
  explicit ClientStreamHandler(ServerStream& s) : stream(s) {}
  ServerReader<Req> stream;
};

// Makes the handler's task by `make_task`, and runs it. An exception of make_task ends the call as an
// exception of the coroutine would.
template <class H, class MakeTask>
void run_handler(ServerCall& call, H& handler, MakeTask make_task) {
  Status failed;
  bool thrown = false;
  try {
    failed = make_task();
  } catch (...) {
    failed = status_of_exception();
    thrown = true;
  }
  if (failed.ok()) return call.run(handler);
  call.drop(handler);
  thrown ? call.threw(std::move(failed)) : call.reject(std::move(failed));
}

// UNIMPLEMENTED: neither the server nor the method's messages know the codec that the client names.
Status check_named_codec(const ServerCall& call, const MessageOps& request);

template <class Req>
Status check_codec(const ServerCall& call) {
  if (call.content_subtype().empty()) [[likely]]
    return {};
  return check_named_codec(call, MessageTraits<Req>::ops());
}

template <class Req, class H>
Status decode_request(ServerCall& call, H& handler) {
  if (Status s = check_codec<Req>(call); !s.ok()) return s;
  Status status = decode(call.codec(), call.request(), handler.request);
  call.release_request();
  return status;
}

}  // namespace sluice::inline v0::detail
