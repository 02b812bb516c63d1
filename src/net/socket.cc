// Making sockets.
#include "net/socket.h"

#include <netinet/tcp.h>

namespace sluice::inline v0::net {

Fd make_socket(int family) { return Fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

void set_no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

SocketAddr local_addr_of(int fd) {
  SocketAddr addr;
  ::getsockname(fd, addr.out(), addr.size_out());
  return addr;
}

SocketAddr peer_addr_of(int fd) {
  SocketAddr addr;
  ::getpeername(fd, addr.out(), addr.size_out());
  return addr;
}

}  // namespace sluice::inline v0::net
