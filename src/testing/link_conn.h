// LinkConn: the end of a conn below, at which everything that comes arrives as late as a link would bring it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "sluice/net/conn.h"
#include "sluice/testing/link_network.h"

namespace sluice::inline v0::testing::detail {

// What was written to the conn below is read at once and then held: so nothing that was sent is lost when the
// writer closes. A Conn's contract holds.
class LinkConn final : public net::Conn, private Timer {
 public:
  LinkConn(std::unique_ptr<net::Conn> below, const LinkOptions& options, std::uint64_t seed);
  ~LinkConn() override;

  bool start_read(net::ReadOp& op) override;
  bool start_write(net::WriteOp& op) override { return source_->below->start_write(op); }
  void close_write() override { source_->below->close_write(); }
  void close() override;
  Loop& loop() const override { return source_->below->loop(); }
  const Addr& local_addr() const override { return source_->below->local_addr(); }
  const Addr& peer_addr() const override { return source_->below->peer_addr(); }
  std::optional<PeerCredentials> peer_credentials() const override {
    return source_->below->peer_credentials();
  }

 private:
  // The conn below and a read of it, which may be in flight when nobody reads here: whichever of the two ends
  // last frees it.
  struct Source final : net::ReadOp {
    explicit Source(std::unique_ptr<net::Conn> b) : ReadOp(&done), below(std::move(b)) {}
    static void done(Runnable& self) noexcept;
    const std::unique_ptr<net::Conn> below;
    LinkConn* owner = nullptr;  // null: it has gone
    bool active = false;
  };
  // Bytes, or with none of them the end: why.
  struct Piece {
    TimePoint arrives;
    Chain data;
    Status why = {};
  };

  bool arrived() const;
  void fetch();
  void take();
  void deliver(net::ReadOp& op);
  bool read_on();
  void wake();
  TimePoint time_of(std::size_t bytes);
  static void due(Runnable& timer) noexcept;

  const LinkOptions options_;
  Source* source_;
  std::uint64_t random_;
  std::deque<Piece> pieces_;  // in the order of their times
  std::size_t held_ = 0;      // bytes in pieces_
  TimePoint free_at_{};       // the link, for the next byte
  TimePoint last_{};          // when the last piece arrives
  bool ended_ = false;        // nothing more will come from below
  bool closed_ = false;
  net::ReadOp* op_ = nullptr;  // the owner's, in flight
};

}  // namespace sluice::inline v0::testing::detail
