// TapNetwork: pipes that record what both ends write, or that do not say they are in memory, so that small
// windows are announced as on a socket.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "sluice/net/memory_network.h"
#include "sluice/testing/wrapping_network.h"

namespace sluice::support {

// Serves addresses "SCHEME:NAME" by pipes of its own: `runtime.add_network("tap", tap)`.
// Thread: any. Lifetime: shared with its conns.
class TapNetwork final : public testing::WrappingNetwork {
 public:
  enum class Windows { kOfPipes, kOfSockets };
  enum class Record { kNo, kYes };

  explicit TapNetwork(Windows windows = Windows::kOfPipes, Record record = Record::kYes,
                      const net::MemoryNetworkOptions& pipes = {})
      : TapNetwork(windows, record, pipes, std::make_shared<Log>()) {}

  // What the ends that dialled have written so far, and those that accepted; all connections together.
  std::string dialled_wrote() const { return copy_of(log_->dialled); }
  std::string accepted_wrote() const { return copy_of(log_->accepted); }

 private:
  struct Log {
    std::mutex mutex;
    std::string dialled, accepted;
  };

  class TapConn final : public net::Conn {
   public:
    TapConn(std::unique_ptr<net::Conn> inner, Windows windows, std::shared_ptr<Log> log,
            std::string Log::*side)
        : inner_(std::move(inner)),
          log_(std::move(log)),
          side_(side),
          in_memory_(windows == Windows::kOfPipes) {}
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
    const std::shared_ptr<Log>
        log_;  // shared: with the network and the other conns; null: nothing is recorded
    std::string Log::*const side_;
    const bool in_memory_;
  };

  TapNetwork(Windows windows, Record record, const net::MemoryNetworkOptions& pipes, std::shared_ptr<Log> log)
      : WrappingNetwork(std::make_shared<net::MemoryNetwork>(pipes),
                        wrap_with(windows, record == Record::kYes ? log : nullptr), "pipe"),
        log_(std::move(log)) {}

  static testing::WrapConn wrap_with(Windows windows, std::shared_ptr<Log> log) {
    return [windows, log = std::move(log)](std::unique_ptr<net::Conn> conn,
                                           testing::ConnSide side) -> std::unique_ptr<net::Conn> {
      const bool dialled = side == testing::ConnSide::kDialled;
      return std::make_unique<TapConn>(std::move(conn), windows, log,
                                       dialled ? &Log::dialled : &Log::accepted);
    };
  }
  std::string copy_of(const std::string& side) const {
    const std::lock_guard lock(log_->mutex);
    return side;
  }

  const std::shared_ptr<Log> log_;  // shared: with its conns
};

}  // namespace sluice::support
