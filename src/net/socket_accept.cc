// Accepting, and what to do when it fails.
#include "net/socket_accept.h"

#include <sys/epoll.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "net/socket.h"
#include "net/socket_conn.h"

namespace sluice::inline v0::net {
namespace {

constexpr std::uint32_t kEvents = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE;
// Dials wait in the kernel's backlog while no descriptor is free. Closing one is nothing that a loop is told
// of, so it looks again now and then: often enough for a waiting client, too rarely to cost anything.
constexpr std::chrono::milliseconds kPause{100};
// Connections that died in the backlog, one after another, before other work gets its turn.
constexpr int kMaxDead = 64;

// The connection is gone, not the listener (accept(2): "Linux accept() passes already-pending network
// errors").
bool concerns_one_connection(int error) {
  switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
      return true;
    default:
      return false;
  }
}

Addr peer_of(ListeningSocket& socket, const SocketAddr& peer) {
  if (!peer.is_unnamed()) return to_addr(peer);
  return Addr{socket.addr.scheme, socket.addr.text + "#" + std::to_string(++socket.num_unnamed)};
}

}  // namespace

SocketAccept::SocketAccept(std::shared_ptr<ListeningSocket> socket, AcceptOp& op, Loop& loop)
    : FdWatch(socket->fd.get(), kEvents), socket_(std::move(socket)), op_(op), loop_(loop) {}

void SocketAccept::start(std::shared_ptr<ListeningSocket> socket, AcceptOp& op, Loop& loop) {
  (new SocketAccept(std::move(socket), op, loop))->begin();
}

Status SocketAccept::closed(const ListeningSocket& socket) {
  return Status(StatusCode::kUnavailable, "listener on " + socket.addr.to_string() + " is closed");
}

void SocketAccept::begin() {
  watched_ = loop_.watch(*this).ok();
  if (!watched_) pause();
}

void SocketAccept::on_ready(std::uint32_t) {
  if (socket_->closed.load()) return end(closed(*socket_));
  try_accept();
}

void SocketAccept::pause_over(Runnable& timer) noexcept {
  SocketAccept& accept = static_cast<Pause&>(static_cast<Timer&>(timer)).accept;
  if (accept.socket_->closed.load()) return accept.end(closed(*accept.socket_));
  if (!accept.watched_) {
    Status status = accept.loop_.watch(accept);
    if (!status.ok()) return accept.trouble(std::move(status));
    accept.watched_ = true;
  }
  accept.try_accept();
}

// May end the op, and this with it.
void SocketAccept::try_accept() {
  for (int i = 0; i < kMaxDead; ++i) {
    SocketAddr peer;
    Fd fd(::accept4(socket_->fd.get(), peer.out(), peer.size_out(), SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) return accepted(std::move(fd), peer);
    // Another loop was faster, or what was to be accepted is gone; the kernel will tell of the next.
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (concerns_one_connection(errno)) continue;
    if (socket_->closed.load()) return end(closed(*socket_));
    return trouble(socket_failure(StatusCode::kUnavailable, "accept", errno));
  }
  pause();
}

void SocketAccept::accepted(Fd fd, const SocketAddr& peer) {
  const bool tcp = socket_->addr.scheme == "tcp";
  if (tcp) set_no_delay(fd.get());
  Addr local = tcp ? to_addr(local_addr_of(fd.get())) : socket_->addr;
  auto conn = SocketConn::make(std::move(fd), loop_, std::move(local), peer_of(*socket_, peer));
  if (!conn.ok()) return trouble(std::move(conn).status());
  socket_->exhausted.store(false);
  op_.conn = std::move(*conn);
  end(Status());
}

// Said once, by whoever sees it first; then tried again in silence until it has passed. The socket stays
// watched: what the kernel has told once it tells again only for the next connection, or for the end.
void SocketAccept::trouble(Status status) {
  if (socket_->exhausted.exchange(true)) return pause();
  op_.again = true;
  end(std::move(status));
}

void SocketAccept::pause() { loop_.arm(pause_, after(loop_.now(), kPause)); }

void SocketAccept::end(Status status) {
  const std::unique_ptr<SocketAccept> self(this);
  loop_.disarm(pause_);
  if (watched_) loop_.unwatch(*this);
  op_.status = std::move(status);
  op_.run();
}

}  // namespace sluice::inline v0::net
