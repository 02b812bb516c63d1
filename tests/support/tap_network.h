// TapNetwork: pipes that record what both ends write, or that do not say they are in memory, so that small
// windows are announced as on a socket.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "sluice/net/memory_network.h"

namespace sluice::support {

// Serves addresses "SCHEME:NAME" by pipes of its own: `runtime.add_network("tap", tap)`.
// Thread: any. Lifetime: shared with its conns.
class TapNetwork final : public net::Network {
 public:
  enum class Windows { kOfPipes, kOfSockets };
  enum class Record { kNo, kYes };

  explicit TapNetwork(Windows windows = Windows::kOfPipes, Record record = Record::kYes,
                      const net::MemoryNetworkOptions& pipes = {})
      : pipes_(pipes), windows_(windows), record_(record) {}

  // What the ends that dialled have written so far, and those that accepted; all connections together.
  std::string dialled_wrote() const { return copy_of(log_->dialled); }
  std::string accepted_wrote() const { return copy_of(log_->accepted); }

  Result<std::unique_ptr<net::Listener>> listen(const Addr& addr) override {
    Result<std::unique_ptr<net::Listener>> inner = pipes_.listen(pipe_of(addr));
    if (!inner.ok()) return inner;
    return std::unique_ptr<net::Listener>(std::make_unique<TapListener>(*this, std::move(*inner)));
  }
  bool start_dial(net::DialOp& op, Loop& loop) override {
    auto own = std::make_shared<Dial>(*this, op);
    own->addr = pipe_of(op.addr);
    own->deadline = op.deadline;
    own->context = op.context;
    op.pending = own;
    if (!pipes_.start_dial(*own, loop)) return false;
    own->hand_over();
    return true;
  }
  void cancel_dial(net::DialOp& op) override { pipes_.cancel_dial(*static_cast<Dial*>(op.pending.get())); }

 private:
  struct Log {
    std::mutex mutex;
    std::string dialled, accepted;
  };

  class TapConn final : public net::Conn {
   public:
    TapConn(const TapNetwork& network, std::unique_ptr<net::Conn> inner, std::string Log::*side)
        : inner_(std::move(inner)),
          log_(network.record_ == Record::kYes ? network.log_ : nullptr),
          side_(side),
          in_memory_(network.windows_ == Windows::kOfPipes) {}
    bool start_read(net::ReadOp& op) override { return inner_->start_read(op); }
    bool start_write(net::WriteOp& op) override {
      if (log_) {
        const std::lock_guard lock(log_->mutex);
        for (const Bytes& slice : op.data) ((*log_).*side_).append(slice.text());
      }
      return inner_->start_write(op);
    }
    void close_write() override { inner_->close_write(); }
    void close() override { inner_->close(); }
    Loop& loop() const override { return inner_->loop(); }
    const Addr& local_addr() const override { return inner_->local_addr(); }
    const Addr& peer_addr() const override { return inner_->peer_addr(); }
    bool in_memory() const override { return in_memory_; }

   private:
    const std::unique_ptr<net::Conn> inner_;
    const std::shared_ptr<Log> log_;  // shared: with the network and the other conns
    std::string Log::*const side_;
    const bool in_memory_;
  };

  class TapListener final : public net::Listener {
   public:
    TapListener(const TapNetwork& network, std::unique_ptr<net::Listener> inner)
        : network_(network), inner_(std::move(inner)) {}
    bool start_accept(net::AcceptOp& op, Loop& loop) override {
      auto own = std::make_unique<Accept>(network_, op);
      if (!inner_->start_accept(*own, loop)) {
        (void)own.release();  // its function takes it back
        return false;
      }
      own->hand_over();
      return true;
    }
    Status close() override { return inner_->close(); }
    const Addr& addr() const override { return inner_->addr(); }

   private:
    struct Accept final : net::AcceptOp {
      Accept(const TapNetwork& n, net::AcceptOp& o) : AcceptOp(&done), network(n), op(o) {}
      static void done(Runnable& self) noexcept {
        const std::unique_ptr<Accept> own(static_cast<Accept*>(&self));
        own->hand_over();
        own->op.run();
      }
      void hand_over() {
        op.status = std::move(status);
        op.again = again;
        if (conn) op.conn = std::make_unique<TapConn>(network, std::move(conn), &Log::accepted);
      }
      const TapNetwork& network;
      net::AcceptOp& op;
    };
    const TapNetwork& network_;
    const std::unique_ptr<net::Listener> inner_;
  };

  struct Dial final : net::DialOp {
    Dial(const TapNetwork& n, net::DialOp& o) : DialOp(&done), network(n), op(o) {}
    static void done(Runnable& self) noexcept {
      auto& dial = static_cast<Dial&>(self);
      net::DialOp& op = dial.op;
      dial.hand_over();  // and is gone
      op.run();
    }
    void hand_over() {
      op.status = std::move(status);
      if (conn) op.conn = std::make_unique<TapConn>(network, std::move(conn), &Log::dialled);
      const std::shared_ptr<void> self = std::move(op.pending);
    }
    const TapNetwork& network;
    net::DialOp& op;
  };

  static Addr pipe_of(const Addr& addr) { return Addr("pipe", addr.text); }
  std::string copy_of(const std::string& side) const {
    const std::lock_guard lock(log_->mutex);
    return side;
  }

  net::MemoryNetwork pipes_;
  const Windows windows_;
  const Record record_;
  const std::shared_ptr<Log> log_ = std::make_shared<Log>();
};

}  // namespace sluice::support
