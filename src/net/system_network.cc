// SystemNetwork: which scheme is whose.
#include "sluice/net/system_network.h"

#include "net/resolver.h"
#include "net/socket_dial.h"
#include "net/socket_listener.h"

namespace sluice::inline v0::net {
namespace {

Status foreign(const Addr& addr) {
  return Status(
      StatusCode::kInvalidArgument,
      addr.to_string() + " is no socket address, which is tcp:HOST:PORT, unix:PATH or unix-abstract:NAME");
}

}  // namespace

SystemNetwork::SystemNetwork(BlockingPool& pool) : resolver_(std::make_shared<Resolver>(pool)) {}

SystemNetwork::~SystemNetwork() = default;

Result<std::unique_ptr<Listener>> SystemNetwork::listen(const Addr& addr) {
  if (!serves(addr.scheme)) return foreign(addr);
  return addr.scheme == "tcp" ? SocketListener::listen_tcp(addr) : SocketListener::listen_unix(addr);
}

Status SystemNetwork::check_dial(const Addr& addr) const {
  if (!serves(addr.scheme)) return foreign(addr);
  if (addr.scheme == "tcp") return parse_target(addr).status();
  return to_unix_addr(addr).status();
}

bool SystemNetwork::start_dial(DialOp& op, Loop& loop) {
  op.status = check_dial(op.addr);
  if (!op.status.ok()) {
    // Nothing to do.
  } else if (loop.simulation()) {
    op.status = Status(StatusCode::kFailedPrecondition,
                       "dial of " + op.addr.to_string() + ": a simulated loop has no sockets");
  } else {
    return std::make_shared<SocketDial>(op, loop, *resolver_)->start();
  }
  return loop.done_inline(op);
}

void SystemNetwork::cancel_dial(DialOp& op) { static_cast<SocketDial*>(op.pending.get())->cancel(); }

}  // namespace sluice::inline v0::net
