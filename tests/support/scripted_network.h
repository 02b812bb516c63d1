// A network whose dials do as they are told.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "sluice/net/network.h"

namespace sluice::support {

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

}  // namespace sluice::support
