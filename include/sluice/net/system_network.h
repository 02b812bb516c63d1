// SystemNetwork: the sockets of the operating system, tcp and unix.
#pragma once

#include <memory>

#include "sluice/async/blocking.h"
#include "sluice/net/network.h"

namespace sluice::inline v0::net {

// Serves three schemes:
//   tcp:HOST:PORT       IPv4, or IPv6 in brackets. Port 0: a free port, which the listener's addr() has.
//                       "tcp:[::]:80" and "tcp::80" listen on all addresses, IPv4 too. A dial takes
//                       names too: they are resolved on a worker of the pool, one look-up a name at a
//                       time, and their addresses are tried in order.
//   unix:PATH           At most 107 bytes. Listening makes a socket file with mode 0600, which replaces
//                       a file where nobody answers and is removed when the listener closes.
//   unix-abstract:NAME  A name without a file.
//
// Holds no descriptor itself. The kernel completes a dial before the listener's owner accepts it.
//
// Thread: any, as Network. Lifetime: `pool` outlives the dials, and ends before their loops do. Its workers
// must not do other work that waits for a dial.
// Errors: listen: ALREADY_EXISTS, INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND (no such folder),
// RESOURCE_EXHAUSTED (no descriptor left). Dial: UNAVAILABLE names the address and the cause. Accept: when
// descriptors run out, one accept fails with `again`, and later ones wait until there are some.
class SystemNetwork final : public Network {
 public:
  explicit SystemNetwork(BlockingPool& pool);
  ~SystemNetwork() override;
  static bool serves(std::string_view scheme) {
    return scheme == "tcp" || scheme == "unix" || scheme == "unix-abstract";
  }

  Result<std::unique_ptr<Listener>> listen(const Addr& addr) override;
  Status check_dial(const Addr& addr) const override;
  bool start_dial(DialOp& op, Loop& loop) override;
  void cancel_dial(DialOp& op) override;

 private:
  std::shared_ptr<class Resolver> resolver_;  // shared: with look-ups that run on after their dials
};

}  // namespace sluice::inline v0::net
