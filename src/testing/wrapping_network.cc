// Hands dials and accepts through to the network below, and puts their conns into others on the way back.
#include "sluice/testing/wrapping_network.h"

#include <utility>

namespace sluice::inline v0::testing {
namespace {

// An op may end after the listener or network that it was started on.
using SharedWrap = std::shared_ptr<const WrapConn>;

std::unique_ptr<net::Conn> wrapped(std::unique_ptr<net::Conn> conn, const SharedWrap& wrap, ConnSide side) {
  if (!conn) return nullptr;
  return (*wrap)(std::move(conn), side);
}

class WrappingListener final : public net::Listener {
 public:
  WrappingListener(std::unique_ptr<net::Listener> below, SharedWrap wrap)
      : below_(std::move(below)), wrap_(std::move(wrap)) {}

  bool start_accept(net::AcceptOp& op, Loop& loop) override {
    auto own = std::make_unique<Accept>(wrap_, op);
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
  struct Accept final : net::AcceptOp {
    Accept(SharedWrap w, net::AcceptOp& o) : AcceptOp(&done), wrap(std::move(w)), op(o) {}
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
      op.conn = wrapped(std::move(conn), wrap, ConnSide::kAccepted);
    }
    const SharedWrap wrap;
    net::AcceptOp& op;
  };

  const std::unique_ptr<net::Listener> below_;
  const SharedWrap wrap_;
};

}  // namespace

// Owned by the op that asked for it, until it is done.
struct WrappingNetwork::Dial final : net::DialOp {
  Dial(SharedWrap w, net::DialOp& o) : DialOp(&done), wrap(std::move(w)), op(o) {}
  static void done(Runnable& self) noexcept {
    auto& dial = static_cast<Dial&>(self);
    net::DialOp& op = dial.op;
    dial.hand_over();  // and is gone
    op.run();
  }
  void hand_over() {
    op.status = std::move(status);
    op.conn = wrapped(std::move(conn), wrap, ConnSide::kDialled);
    const std::shared_ptr<void> self = std::move(op.pending);
  }
  const SharedWrap wrap;
  net::DialOp& op;
};

WrappingNetwork::WrappingNetwork(std::shared_ptr<net::Network> below, WrapConn wrap, std::string scheme)
    : below_(std::move(below)),
      wrap_(std::make_shared<const WrapConn>(std::move(wrap))),
      scheme_(std::move(scheme)) {}

Addr WrappingNetwork::below_of(const Addr& addr) const {
  return scheme_.empty() ? addr : Addr(scheme_, addr.text);
}

Result<std::unique_ptr<net::Listener>> WrappingNetwork::listen(const Addr& addr) {
  Result<std::unique_ptr<net::Listener>> below = below_->listen(below_of(addr));
  if (!below.ok()) return below;
  return std::unique_ptr<net::Listener>(std::make_unique<WrappingListener>(std::move(*below), wrap_));
}

Status WrappingNetwork::check_dial(const Addr& addr) const { return below_->check_dial(below_of(addr)); }

bool WrappingNetwork::start_dial(net::DialOp& op, Loop& loop) {
  const auto dial = std::make_shared<Dial>(wrap_, op);
  dial->addr = below_of(op.addr);
  dial->deadline = op.deadline;
  dial->context = op.context;
  op.pending = dial;
  if (!below_->start_dial(*dial, loop)) return false;
  dial->hand_over();
  return true;
}

void WrappingNetwork::cancel_dial(net::DialOp& op) {
  if (op.pending) below_->cancel_dial(*std::static_pointer_cast<Dial>(op.pending));
}

std::unique_ptr<net::Listener> wrap_listener(std::unique_ptr<net::Listener> below, WrapConn wrap) {
  return std::make_unique<WrappingListener>(std::move(below),
                                            std::make_shared<const WrapConn>(std::move(wrap)));
}

}  // namespace sluice::inline v0::testing
