// SystemNetwork: the sockets of the operating system, tcp and unix.
#pragma once

#include <memory>

#include "sluice/async/blocking.h"
#include "sluice/net/network.h"

namespace sluice::net {

// Serves three schemes:
//   tcp:HOST:PORT       IPv4, or IPv6 in brackets; port 0 takes a free one, which the listener's addr()
//   tells.
//                       "tcp:[::]:80" and "tcp::80" listen on every address, IPv4 too. Dialling takes names
//                       as well: they are resolved on a worker of the pool, one look-up a name at a time,
//                       and their addresses tried in order.
//   unix:PATH           The socket file is its owner's alone (mode 0600), replaces one that nobody answers
//   on,
//                       and goes when the listener closes. At most 107 bytes.
//   unix-abstract:NAME  A name without a file.
//
// Holds no descriptor itself. A dial is accepted by the kernel, before the listener's owner accepts it.
// Thread: any, as Network. Lifetime: `pool` outlives its dials, and ends before their loops do. What blocks
// on the pool's workers must not wait for a dial: give it one of its own. Errors: listen: ALREADY_EXISTS,
// INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND (no such folder), RESOURCE_EXHAUSTED (no descriptor left).
// Dial: UNAVAILABLE names the address and the cause. Accept: when descriptors run out one fails with `again`;
// later ones wait until it has passed.
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
  std::shared_ptr<class Resolver> resolver_;  // shared: with look-ups that nobody waits for any more
};

}  // namespace sluice::net
