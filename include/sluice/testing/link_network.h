// LinkNetwork: conns that take as long as a link does: latency, jitter, bandwidth. In a simulation a transfer
// that takes minutes is over in as long as it is to compute.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "sluice/base/time.h"
#include "sluice/net/network.h"

namespace sluice::testing {

// One direction of a link; both are alike.
struct LinkOptions {
  Duration latency = Duration::zero();  // of each byte, one way: half of a round trip
  // Each piece of at most 16 KiB may come so much later, at random; none overtakes another.
  Duration jitter = Duration::zero();
  std::uint64_t bytes_per_second = 0;  // 0: as many as there are
  // Bytes that are under way at most, those included that came and are not read yet: what the queues of the
  // link and the buffers of its sockets hold. Whoever writes more waits. 0: twice what is under way at full
  // speed, and at least 256 KiB; without a bandwidth 16 MiB.
  std::size_t buffer = 0;
  std::uint64_t seed = 1;  // of the jitter
};

// `runtime.add_network("link", std::make_shared<LinkNetwork>(pipes, options, "pipe"))`: then "link:NAME" is
// pipe:NAME over such a link, for Server and Channel alike. What is sent before a conn is closed still
// arrives, and the end after it. Connections are made at once: a dial crosses no link. Its conns are not
// in_memory(): windows and frames are those of sockets.
//
// Thread: any. Lifetime: outlives its use, as every Network; shares the one below.
class LinkNetwork final : public net::Network {
 public:
  // `scheme`: what the network below calls itself, put in the place of every address's; empty: addresses are
  // passed on as they are.
  LinkNetwork(std::shared_ptr<net::Network> below, const LinkOptions& options, std::string scheme = {});
  Result<std::unique_ptr<net::Listener>> listen(const Addr& addr) override;
  Status check_dial(const Addr& addr) const override;
  bool start_dial(net::DialOp& op, Loop& loop) override;
  void cancel_dial(net::DialOp& op) override;

 private:
  const std::unique_ptr<net::Network> network_;
};

}  // namespace sluice::testing
