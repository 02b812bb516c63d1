// SocketAccept: one accept that waits at a listening socket, on one loop.
#pragma once

#include <memory>

#include "net/socket_listener.h"

namespace sluice::inline v0::net {

// Watches the socket for as long as it waits, exclusively: of the loops that wait, the kernel tells the one
// that has waited longest, and that one stands at the end of the line when it comes again.
// Thread: loop-only. Lifetime: its own; gone when its op's function is called.
class SocketAccept final : private FdWatch {
 public:
  // `op` ends through its function.
  static void start(std::shared_ptr<ListeningSocket> socket, AcceptOp& op, Loop& loop);
  static Status closed(const ListeningSocket& socket);
  ~SocketAccept() = default;

 private:
  struct Pause : Timer {
    explicit Pause(SocketAccept& a) : Timer(&SocketAccept::pause_over), accept(a) {}
    SocketAccept& accept;
  };

  SocketAccept(std::shared_ptr<ListeningSocket> socket, AcceptOp& op, Loop& loop);
  void on_ready(std::uint32_t events) override;
  static void pause_over(Runnable& timer) noexcept;
  void begin();
  void try_accept();
  void accepted(Fd fd, const SocketAddr& peer);
  void trouble(Status status);
  void pause();
  void end(Status status);

  const std::shared_ptr<ListeningSocket> socket_;  // shared: see there
  AcceptOp& op_;
  Loop& loop_;
  bool watched_ = false;
  Pause pause_{*this};
};

}  // namespace sluice::inline v0::net
