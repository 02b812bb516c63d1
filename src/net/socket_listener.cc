// Making listening sockets and closing them.
#include "net/socket_listener.h"

#include <cerrno>

#include "net/socket.h"
#include "net/socket_accept.h"

namespace sluice::inline v0::net {
namespace {

// Connections that the kernel completes before anybody accepts them; it lowers this to its own limit.
constexpr int kBacklog = 4096;

Status listen_failure(const Addr& addr, int error) {
  const std::string what = "listen on " + addr.to_string();
  if (error == EADDRINUSE)
    return Status(StatusCode::kAlreadyExists, addr.to_string() + " is already being listened on");
  if (error == EACCES || error == EPERM) return socket_failure(StatusCode::kPermissionDenied, what, error);
  return socket_failure(StatusCode::kUnavailable, what, error);
}

// Names are for dialling: resolving one may block, and listen() may be called on a loop.
Result<SocketAddr> listen_target(const Addr& addr) {
  Result<HostPort> target = parse_host_port(addr);
  if (!target.ok()) return std::move(target).status();
  if (target->host == "localhost") target->host = "127.0.0.1";
  if (std::optional<SocketAddr> literal = to_literal(*target)) return *literal;
  return {StatusCode::kInvalidArgument,
          "address \"" + addr.to_string() + "\" has a name where listen needs an IP address"};
}

bool bind_tcp(int fd, const SocketAddr& target) {
  const int on = 1, off = 0;
  // A server that starts again need not wait for connections of the last one in TIME_WAIT.
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (target.is_any_v6()) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  return ::bind(fd, target.get(), target.size()) == 0;
}

}  // namespace

Result<std::unique_ptr<Listener>> SocketListener::listen_tcp(const Addr& addr) {
  Result<SocketAddr> target = listen_target(addr);
  if (!target.ok()) return std::move(target).status();
  auto socket = std::make_shared<ListeningSocket>();
  socket->fd = make_socket(target->family());
  const int fd = socket->fd.get();
  if (fd < 0 || !bind_tcp(fd, *target) || ::listen(fd, kBacklog) != 0) return listen_failure(addr, errno);
  socket->addr = to_addr(local_addr_of(fd));
  return std::unique_ptr<Listener>(std::make_unique<SocketListener>(std::move(socket)));
}

Result<std::unique_ptr<Listener>> SocketListener::listen_unix(const Addr& addr) {
  Result<SocketAddr> target = to_unix_addr(addr);
  if (!target.ok()) return std::move(target).status();
  auto socket = std::make_shared<ListeningSocket>();
  socket->fd = make_socket(AF_UNIX);
  socket->addr = addr;
  const int fd = socket->fd.get();
  if (fd < 0) return listen_failure(addr, errno);
  if (addr.scheme == "unix") {
    if (Status status = socket->path.listen(fd, addr, *target, kBacklog); !status.ok()) return status;
  } else if (::bind(fd, target->get(), target->size()) != 0 || ::listen(fd, kBacklog) != 0) {
    return listen_failure(addr, errno);
  }
  return std::unique_ptr<Listener>(std::make_unique<SocketListener>(std::move(socket)));
}

bool SocketListener::start_accept(AcceptOp& op, Loop& loop) {
  op.status = Status();
  op.again = false;
  if (loop.simulation()) {
    op.status = Status(StatusCode::kFailedPrecondition, "a simulated loop accepts nothing from sockets");
  } else if (socket_->closed.load()) {
    op.status = SocketAccept::closed(*socket_);
  } else {
    SocketAccept::start(socket_, op, loop);
    return false;
  }
  return loop.done_inline(op);
}

Status SocketListener::close() {
  if (socket_->closed.exchange(true))
    return Status(StatusCode::kFailedPrecondition, socket_->addr.scheme + " listener already closed");
  if (!socket_->opener.is_this_process()) return {};
  socket_->path.remove();
  ::shutdown(socket_->fd.get(), SHUT_RDWR);
  return {};
}

}  // namespace sluice::inline v0::net
