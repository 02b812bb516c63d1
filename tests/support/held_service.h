// Handlers that wait to be let go.
#pragma once

#include <atomic>
#include <chrono>
#include <utility>

#include "support/raw_service.h"

namespace sluice::support {

using namespace std::chrono_literals;

// Opens when it has been counted down. Coroutines of any loop wait for it, and threads that lead none.
//
// Thread: any.
class Latch {
 public:
  explicit Latch(int count = 1) : left_(count) {}
  void count_down() {
    if (left_.fetch_sub(1) == 1) opened_.cancel("open");
  }
  bool open() const { return opened_.cancelled(); }
  Task<void> wait() { (void)co_await sleep(24h, opened_); }

 private:
  std::atomic<int> left_;
  const Context opened_ = Context().with_cancel();
};

// Every method counts `running` down and ends when it is let go.
class HeldService final : public RawService {
 public:
  enum class When : bool { kLetGo, kLetGoOrCancelled };
  explicit HeldService(int calls, When when = When::kLetGo) : running(calls), when_(when) {}

  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    co_await hold(context);
    co_return Chain(request);
  }
  Task<Status> reply_stream(ServerContext& context, const Chain& request,
                            ServerWriter<Chain>& writer) override {
    co_await hold(context);
    co_return co_await writer.write(request);
  }
  Task<Result<Chain>> request_stream(ServerContext& context, ServerReader<Chain>& reader) override {
    co_await hold(context);
    Chain all, request;
    while (co_await reader.read_into(request)) all.append(std::move(request));
    co_return all;
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    co_await hold(context);
    Chain request;
    while (co_await stream.read_into(request)) {
      if (Status status = co_await stream.write(request); !status.ok()) co_return status;
    }
    co_return Status();
  }

  Latch running;  // opens when that many handlers run
  Latch let_go;
  std::atomic<int> ended = 0;
  std::atomic<int> cancelled = 0;  // of those that ended

 private:
  Task<void> hold(ServerContext& context) {
    running.count_down();
    if (when_ == When::kLetGo) {
      co_await let_go.wait();
    } else {
      (void)co_await sleep(24h, context.context());
    }
    cancelled += context.cancelled();
    ++ended;
  }
  const When when_;
};

}  // namespace sluice::support
