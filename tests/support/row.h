// Three servers in a row, each asking the next for what it was asked for: what a call hands on is seen by
// their handlers.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "sluice/async/scope.h"
#include "support/held_service.h"
#include "support/raw_service.h"

namespace sluice::support {

using namespace std::chrono_literals;

inline Task<Status> unary_call(Channel to, CallOptions options) {
  const Chain request = bytes("m");
  const Result<Chain> reply = co_await to.invoke(kUnary, request, options);
  co_return reply.status();
}
inline Task<Status> reply_stream_call(Channel to, CallOptions options) {
  const Chain request = bytes("m");
  auto stream = reply_stream(to, request, options);
  Chain reply;
  while (co_await stream.read_into(reply)) {
  }
  co_return co_await stream.finish();
}
inline Task<Status> request_stream_call(Channel to, CallOptions options) {
  auto stream = request_stream(to, options);
  const Chain request = bytes("m");
  (void)co_await stream.write(request);
  const Result<Chain> reply = co_await stream.finish();
  co_return reply.status();
}
inline Task<Status> bidi_call(Channel to, CallOptions options) {
  auto stream = bidi(to, options);
  const Chain request = bytes("m");
  (void)co_await stream.write(request);
  Chain reply;
  while (co_await stream.read_into(reply)) {
  }
  co_return co_await stream.finish();
}
// `options` point to what the caller keeps until the end.
inline Task<Status> call(Kind kind, Channel to, CallOptions options) {
  switch (kind) {
    case Kind::kUnary:
      return unary_call(std::move(to), options);
    case Kind::kReplyStream:
      return reply_stream_call(std::move(to), options);
    case Kind::kRequestStream:
      return request_stream_call(std::move(to), options);
    case Kind::kBidi:
      break;
  }
  return bidi_call(std::move(to), options);
}

// One server's service: it asks the next server by a call of the same kind, or, at the end of the row, waits
// for its own end.
class Hop final : public RawService {
 public:
  // Set before the call.
  Channel next;  // none: the last one
  bool passes_context_on = true;
  Duration timeout = kNoTimeout;  // of the call it makes
  Duration before = 0s;           // it waits so long before that
  Duration lasts = 24h;           // the last one: unless its call ends earlier
  Status answer;                  // the last one's, when it was let
  Latch* last_runs = nullptr;

  // Seen by its handler.
  int begun = 0, ended = 0;
  bool cancelled = false;
  TimePoint deadline = kNever, ended_at{};
  Status why;    // of its context
  Status asked;  // what the call came to that it made

  Task<Result<Chain>> unary(ServerContext& context, const Chain&) override {
    const Status status = co_await serve(context, Kind::kUnary);
    if (!status.ok()) co_return status;
    co_return Chain();
  }
  Task<Status> reply_stream(ServerContext& context, const Chain&, ServerWriter<Chain>&) override {
    co_return co_await serve(context, Kind::kReplyStream);
  }
  Task<Result<Chain>> request_stream(ServerContext& context, ServerReader<Chain>&) override {
    const Status status = co_await serve(context, Kind::kRequestStream);
    if (!status.ok()) co_return status;
    co_return Chain();
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    Chain request;
    (void)co_await stream.read_into(request);
    co_return co_await serve(context, Kind::kBidi);
  }

 private:
  Task<Status> serve(ServerContext& context, Kind kind) {
    ++begun;
    deadline = context.deadline();
    if (before > 0s) (void)co_await sleep(before, context.context());
    const bool last = last_runs != nullptr;
    if (last) {
      last_runs->count_down();
      (void)co_await sleep(lasts, context.context());
      asked = answer;
    } else {
      CallOptions options;
      if (passes_context_on) options.context = &context.context();
      options.timeout = timeout;
      asked = co_await call(kind, next, options);
    }
    cancelled = context.cancelled();
    why = context.context().status();
    ended_at = context.loop().now();
    ++ended;
    co_return asked;
  }
};

// Three servers, and a channel to the first.
class Row {
 public:
  // `b`: where A finds B, who listens on "pipe:b".
  explicit Row(Runtime& runtime, const std::string& b = "pipe:b") : Row({&runtime, &runtime, &runtime}, b) {}
  explicit Row(std::array<Runtime*, 3> runtimes, const std::string& b = "pipe:b") {
    const std::string addresses[] = {"pipe:a", "pipe:b", "pipe:c"};
    for (std::size_t i = 0; i < 3; ++i) {
      servers_[i] = std::make_unique<Server>(*runtimes[i]);
      EXPECT_EQ(servers_[i]->register_service(RawService::desc(), &hops[i]), Status());
      EXPECT_EQ(servers_[i]->serve(runtimes[i]->listen(addresses[i]).value()), Status());
    }
    channel = dial(*runtimes[0], addresses[0]).value();
    hops[0].next = dial(*runtimes[0], b).value();
    hops[1].next = dial(*runtimes[1], addresses[2]).value();
    hops[2].last_runs = &last_runs;
  }
  // Every handler has ended when this returns, from the front: what one has asked for is cancelled with it.
  void end() {
    channel = Channel();
    for (std::size_t i = 0; i < 3; ++i) {
      servers_[i].reset();
      hops[i].next = Channel();
    }
  }
  ~Row() { end(); }
  Server& server(std::size_t i) { return *servers_[i]; }

  Latch last_runs;  // opens when C's handler runs
  std::array<Hop, 3> hops;
  Channel channel;

 private:
  std::array<std::unique_ptr<Server>, 3> servers_;
};

// A connection between two pipes that can be lost.
class Relay {
 public:
  Relay(Runtime& runtime, std::string_view from, std::string_view to)
      : runtime_(runtime), listener_(runtime.listen(from).value()), to_(Addr::parse(to).value()) {
    run_on(runtime_.loop(), [this] { (void)scope_.spawn(run()); });
  }
  ~Relay() {
    (void)listener_->close();
    lose();
    while (runtime_.poll() > 0 || !scope_.empty()) {
    }
    run_on(runtime_.loop(), [this] { a_.reset(), b_.reset(); });
    while (runtime_.poll() > 0) {
    }
  }
  // Both sides find the other one gone.
  void lose() {
    run_on(runtime_.loop(), [this] {
      if (a_) a_->close();
      if (b_) b_->close();
    });
  }

 private:
  static Task<void> pump(net::Conn& from, net::Conn& to) {
    for (;;) {
      Result<net::ReadResult> got = co_await from.read();
      if (!got.ok() || got->eof) co_return;
      got->data.keep();
      const Status sent = co_await to.write(std::move(got->data));
      if (!sent.ok()) co_return;
    }
  }
  Task<void> run() {
    Result<std::unique_ptr<net::Conn>> a = co_await listener_->accept();
    if (!a.ok()) co_return;
    a_ = std::move(*a);
    Result<std::unique_ptr<net::Conn>> b = co_await runtime_.network("pipe")->dial(to_);
    if (!b.ok()) co_return a_->close();
    b_ = std::move(*b);
    (void)scope_.spawn(pump(*b_, *a_));
    co_await pump(*a_, *b_);
  }
  Runtime& runtime_;
  const std::unique_ptr<net::Listener> listener_;
  const Addr to_;
  Scope scope_{runtime_.loop()};
  std::unique_ptr<net::Conn> a_, b_;
};

}  // namespace sluice::support
