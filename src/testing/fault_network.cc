// Dials and accepts handed through to the network below, and their conns wrapped on the way back.
#include "sluice/testing/fault_network.h"

#include <utility>

namespace sluice::testing {
namespace {

std::unique_ptr<net::Conn> wrapped(std::unique_ptr<net::Conn> conn, const FaultPlanner& planner,
                                   FaultEnd::Side side, std::atomic<std::uint64_t>& number) {
  if (!conn) return nullptr;
  FaultEnd end;
  end.side = side;
  end.number = number.fetch_add(1, std::memory_order_relaxed);
  return std::make_unique<FaultConn>(std::move(conn), planner(end));
}

class FaultListener final : public net::Listener {
 public:
  FaultListener(std::unique_ptr<net::Listener> below, FaultPlanner planner)
      : below_(std::move(below)), shared_(std::make_shared<Shared>(std::move(planner))) {}

  bool start_accept(net::AcceptOp& op, Loop& loop) override {
    auto own = std::make_unique<Accept>(shared_, op);
    if (below_->start_accept(*own, loop)) {
      own->hand_over();
      return true;
    }
    static_cast<void>(own.release());  // its function takes it back
    return false;
  }
  Status close() override { return below_->close(); }
  const Addr& addr() const override { return below_->addr(); }

 private:
  struct Shared {
    explicit Shared(FaultPlanner p) : planner(std::move(p)) {}
    const FaultPlanner planner;
    std::atomic<std::uint64_t> accepted{0};
  };
  struct Accept final : net::AcceptOp {
    Accept(std::shared_ptr<Shared> s, net::AcceptOp& o) : AcceptOp(&done), shared(std::move(s)), op(o) {}
    static void done(Runnable& self) noexcept {
      std::unique_ptr<Accept> own(static_cast<Accept*>(&self));
      net::AcceptOp& op = own->op;
      own->hand_over();
      own.reset();
      op.run();
    }
    void hand_over() {
      op.status = std::move(status);
      op.again = again;
      op.conn = wrapped(std::move(conn), shared->planner, FaultEnd::Side::kAccepted, shared->accepted);
    }
    const std::shared_ptr<Shared> shared;  // shared: an accept may end after its listener
    net::AcceptOp& op;
  };

  const std::unique_ptr<net::Listener> below_;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace

// A dial of the network below; owned by the op that asked for it, until it is done.
struct FaultNetwork::Dial final : net::DialOp {
  Dial(FaultNetwork& n, net::DialOp& o) : DialOp(&done), network(n), op(o) {}
  static void done(Runnable& self) noexcept {
    auto& dial = static_cast<Dial&>(self);
    net::DialOp& op = dial.op;
    dial.hand_over();  // and is gone
    op.run();
  }
  void hand_over() {
    op.status = std::move(status);
    op.conn = wrapped(std::move(conn), network.planner_, FaultEnd::Side::kDialled, network.dialled_);
    const std::shared_ptr<void> self = std::move(op.pending);
  }
  FaultNetwork& network;
  net::DialOp& op;
};

FaultNetwork::FaultNetwork(std::shared_ptr<net::Network> below, FaultPlanner planner, std::string scheme)
    : below_(std::move(below)), planner_(std::move(planner)), scheme_(std::move(scheme)) {}

Addr FaultNetwork::below_of(const Addr& addr) const {
  return scheme_.empty() ? addr : Addr(scheme_, addr.text);
}

Result<std::unique_ptr<net::Listener>> FaultNetwork::listen(const Addr& addr) {
  Result<std::unique_ptr<net::Listener>> below = below_->listen(below_of(addr));
  if (!below.ok()) return below;
  return with_faults(std::move(*below), planner_);
}

Status FaultNetwork::check_dial(const Addr& addr) const { return below_->check_dial(below_of(addr)); }

bool FaultNetwork::start_dial(net::DialOp& op, Loop& loop) {
  const auto dial = std::make_shared<Dial>(*this, op);
  dial->addr = below_of(op.addr);
  dial->deadline = op.deadline;
  dial->context = op.context;
  op.pending = dial;
  if (!below_->start_dial(*dial, loop)) return false;
  dial->hand_over();
  return true;
}

void FaultNetwork::cancel_dial(net::DialOp& op) {
  if (op.pending) below_->cancel_dial(*std::static_pointer_cast<Dial>(op.pending));
}

std::unique_ptr<net::Listener> with_faults(std::unique_ptr<net::Listener> below, FaultPlanner planner) {
  return std::make_unique<FaultListener>(std::move(below), std::move(planner));
}

}  // namespace sluice::testing
