// What the tests of beginnings and ends share: handlers that wait to be let go, and networks whose dials do
// as they are told.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "e2e/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::lifecycle {

using namespace std::chrono_literals;
using e2e::bidi;
using e2e::bytes;
using e2e::kUnary;
using e2e::RawService;
using e2e::reply_stream;
using e2e::request_stream;
using e2e::ServedRaw;
using e2e::text_of;

inline void expect_names(const Status& status, StatusCode code, std::string_view what) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_NE(status.message().find(what), std::string_view::npos) << status << " does not name " << what;
}

// Opens when it was counted down; coroutines of any loop, and threads that lead none, wait for it. Any
// thread.
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

// Every method says that it runs, and ends when let go: `ignoring` whether its call was cancelled.
class Held final : public RawService {
 public:
  enum class When : bool { kLetGo, kLetGoOrCancelled };
  explicit Held(int calls, When when = When::kLetGo) : running(calls), when_(when) {}

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

// Addresses "scripted:NAME", whose dials a test answers. For one loop.
class ScriptedNetwork final : public net::Network {
 public:
  struct Seen {
    TimePoint at;
    TimePoint deadline;
  };
  // What becomes of a dial: a failure, a conn, or nothing yet (then answer() or cancel_dial).
  using Answer = std::function<bool(net::DialOp&, Loop&)>;
  explicit ScriptedNetwork(Answer answer) : answer_(std::move(answer)) {}

  Result<std::unique_ptr<net::Listener>> listen(const Addr&) override {
    return Status(StatusCode::kUnimplemented, "nobody listens here");
  }
  bool start_dial(net::DialOp& op, Loop& loop) override {
    dials.push_back({loop.now(), op.deadline});
    if (answer_(op, loop)) {
      loop.post(op);
    } else {
      waiting = &op, waiting_loop = &loop;
    }
    return false;
  }
  void cancel_dial(net::DialOp& op) override {
    op.status = Status(StatusCode::kCancelled, "dial cancelled");
    ++cancelled;
    answer_waiting();
  }
  void answer_waiting() {
    net::DialOp* op = std::exchange(waiting, nullptr);
    waiting_loop->post(*op);
  }

  std::vector<Seen> dials;
  net::DialOp* waiting = nullptr;
  Loop* waiting_loop = nullptr;
  int cancelled = 0;

 private:
  const Answer answer_;
};

}  // namespace sluice::lifecycle
