// UnixPath: the file that a unix listener is found by, from bind to unlink.
#pragma once

#include <sys/types.h>

#include <string>

#include "net/socket_addr.h"
#include "sluice/base/status.h"

namespace sluice::inline v0::net {

// The file is the owner's alone (mode 0600) from its first moment. What stands there before is replaced only
// if it is a socket that nobody answers on; it is taken away only while it is the one that was made here.
class UnixPath {
 public:
  // Binds `fd` and listens. ALREADY_EXISTS: somebody listens there, or it is no socket.
  Status listen(int fd, const Addr& addr, const SocketAddr& target, int backlog);
  // Once it listens; later calls do nothing.
  void remove();

 private:
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    bool is_socket = false;
    bool exists = false;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  static Identity look_at(const std::string& path);
  Status replace(int fd, const Addr& addr, const SocketAddr& target);

  std::string path_;
  Identity mine_;
};

}  // namespace sluice::inline v0::net
