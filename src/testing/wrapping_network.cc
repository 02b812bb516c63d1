// Dials and accepts handed through to the network below, and their conns wrapped on the way back.
#include "testing/wrapping_network.h"

#include <utility>

namespace sluice::testing::detail {
namespace {

// An op may end after the listener or network that it was started on.
using SharedWrap = std::shared_ptr<const Wrap>;

std::unique_ptr<net::Conn> wrapped(std::unique_ptr<net::Conn> conn, const SharedWrap& wrap, Side side) {
  if (!conn) return nullptr;
  return (*wrap)(std::move(conn), side);
}

class WrappingListener final : public net::Listener {
 public:
  WrappingListener(std::unique_ptr<net::Listener> below, Wrap wrap)
      : below_(std::move(below)), wrap_(std::make_shared<const Wrap>(std::move(wrap))) {}

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
      op.conn = wrapped(std::move(conn), wrap, Side::kAccepted);
    }
    const SharedWrap wrap;
    net::AcceptOp& op;
  };

  const std::unique_ptr<net::Listener> below_;
  const SharedWrap wrap_;
};

class WrappingNetwork final : public net::Network {
 public:
  WrappingNetwork(std::shared_ptr<net::Network> below, Wrap wrap, std::string scheme)
      : below_(std::move(below)),
        wrap_(std::make_shared<const Wrap>(std::move(wrap))),
        scheme_(std::move(scheme)) {}

  Result<std::unique_ptr<net::Listener>> listen(const Addr& addr) override {
    Result<std::unique_ptr<net::Listener>> below = below_->listen(below_of(addr));
    if (!below.ok()) return below;
    return wrapping_listener(std::move(*below), *wrap_);
  }
  Status check_dial(const Addr& addr) const override { return below_->check_dial(below_of(addr)); }
  bool start_dial(net::DialOp& op, Loop& loop) override {
    const auto dial = std::make_shared<Dial>(wrap_, op);
    dial->addr = below_of(op.addr);
    dial->deadline = op.deadline;
    dial->context = op.context;
    op.pending = dial;
    if (!below_->start_dial(*dial, loop)) return false;
    dial->hand_over();
    return true;
  }
  void cancel_dial(net::DialOp& op) override {
    if (op.pending) below_->cancel_dial(*std::static_pointer_cast<Dial>(op.pending));
  }

 private:
  // Owned by the op that asked for it, until it is done.
  struct Dial final : net::DialOp {
    Dial(SharedWrap w, net::DialOp& o) : DialOp(&done), wrap(std::move(w)), op(o) {}
    static void done(Runnable& self) noexcept {
      auto& dial = static_cast<Dial&>(self);
      net::DialOp& op = dial.op;
      dial.hand_over();  // and is gone
      op.run();
    }
    void hand_over() {
      op.status = std::move(status);
      op.conn = wrapped(std::move(conn), wrap, Side::kDialled);
      const std::shared_ptr<void> self = std::move(op.pending);
    }
    const SharedWrap wrap;
    net::DialOp& op;
  };
  Addr below_of(const Addr& addr) const { return scheme_.empty() ? addr : Addr(scheme_, addr.text); }

  const std::shared_ptr<net::Network> below_;
  const SharedWrap wrap_;
  const std::string scheme_;
};

}  // namespace

std::unique_ptr<net::Network> wrapping_network(std::shared_ptr<net::Network> below, Wrap wrap,
                                               std::string scheme) {
  return std::make_unique<WrappingNetwork>(std::move(below), std::move(wrap), std::move(scheme));
}

std::unique_ptr<net::Listener> wrapping_listener(std::unique_ptr<net::Listener> below, Wrap wrap) {
  return std::make_unique<WrappingListener>(std::move(below), std::move(wrap));
}

}  // namespace sluice::testing::detail
