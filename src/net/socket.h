// Making sockets: what the listener and the dial have in common.
#pragma once

#include "net/fd.h"
#include "net/socket_addr.h"
#include "sluice/base/result.h"

namespace sluice::inline v0::net {

// A stream socket that does not block and is closed by exec. Sets errno when it is none.
Fd make_socket(int family);
// A small message leaves at once; tcp only. (Keepalive is HTTP/2's, so the kernel's stays off.)
void set_no_delay(int fd);
// The socket's own address and its peer's; empty ones if it is connected no more.
SocketAddr local_addr_of(int fd);
SocketAddr peer_addr_of(int fd);

}  // namespace sluice::inline v0::net
