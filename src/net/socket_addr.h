// SocketAddr: an address as the kernel takes it, and how it becomes an Addr and back.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "sluice/base/addr.h"

namespace sluice::inline v0::net {

// A value. Made empty it has room for what the kernel writes.
class SocketAddr {
 public:
  SocketAddr() = default;
  SocketAddr(const void* addr, socklen_t size);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return storage_.ss_family; }
  // For accept, getsockname and getpeername.
  sockaddr* out() { return reinterpret_cast<sockaddr*>(&storage_); }
  socklen_t* size_out() { return &size_; }

  void set_port(std::uint16_t port);  // of an IPv4 or IPv6 address
  bool is_any_v6() const;             // [::]
  bool is_unnamed() const;            // a unix socket that was not bound
  friend bool operator==(const SocketAddr& a, const SocketAddr& b);

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = sizeof(sockaddr_storage);
};

// The text of a tcp Addr. An empty host stands for every address of this machine.
struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;
  bool bracketed = false;
};

// INVALID_ARGUMENT names the address and what is wrong with it.
Result<HostPort> parse_host_port(const Addr& addr);
// The same of an address to be dialled, which needs a host and a port other than 0.
Result<HostPort> parse_target(const Addr& addr);
// The host as numbers; nothing: it is a name.
std::optional<SocketAddr> to_literal(const HostPort& target);
// INVALID_ARGUMENT names the path and the limit.
Result<SocketAddr> to_unix_addr(const Addr& addr);

// "tcp:127.0.0.1:80", "tcp:[::1]:80", "unix:/run/x", "unix-abstract:x". An IPv4 peer of a dual-stack socket
// is an IPv4 address. Bytes of a peer's name that are not printable are written %XX.
Addr to_addr(const SocketAddr& addr);

}  // namespace sluice::inline v0::net
