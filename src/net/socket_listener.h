// SocketListener: a Listener over a listening socket of the kernel, tcp and unix alike.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "net/fd.h"
#include "net/socket_addr.h"
#include "net/unix_path.h"
#include "sluice/net/network.h"

namespace sluice::inline v0::net {

// What a listener and the accepts that wait at it have in common. Shared: the accepts are on any loops and
// may outlive the listener by the moment it takes them to see that it is closed.
struct ListeningSocket {
  // Constant once it listens.
  Fd fd;
  Opener opener;
  Addr addr;
  UnixPath path;  // the closing thread's then

  // Any thread.
  std::atomic<bool> closed{false};
  std::atomic<std::uint64_t> num_unnamed{0};  // numbers the peers that have no address
  std::atomic<bool> exhausted{false};         // descriptors have run out; the first accept to see it said so
};

// No lock: the kernel knows who waits. Closing shuts the socket down, which wakes the accepts of all loops,
// and refuses dials also while a child of fork has a copy of it; the child's own copy only goes.
class SocketListener final : public Listener {
 public:
  static Result<std::unique_ptr<Listener>> listen_tcp(const Addr& addr);
  static Result<std::unique_ptr<Listener>> listen_unix(const Addr& addr);
  explicit SocketListener(std::shared_ptr<ListeningSocket> socket) : socket_(std::move(socket)) {}
  ~SocketListener() override { (void)close(); }

  bool start_accept(AcceptOp& op, Loop& loop) override;
  Status close() override;
  const Addr& addr() const override { return socket_->addr; }

 private:
  const std::shared_ptr<ListeningSocket> socket_;
};

}  // namespace sluice::inline v0::net
