// LinkNetwork: a Network whose conns have latency, jitter and bandwidth, as a long link has. In a simulation
// a transfer of minutes takes no longer than it is to compute.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "sluice/base/time.h"
#include "sluice/testing/wrapping_network.h"

namespace sluice::inline v0::testing {

// One direction of a link; both directions are alike.
struct LinkOptions {
  Duration latency = Duration::zero();  // of each byte, one way: half of a round trip
  // Each piece of at most 16 KiB is late by a random time up to this. No piece overtakes another.
  Duration jitter = Duration::zero();
  std::uint64_t bytes_per_second = 0;  // 0: no limit
  // Most bytes on the way, with those that have arrived and are not read yet: what the queues of the link and
  // the buffers of its sockets hold. A writer waits for room. 0: twice the bytes on the way at full speed,
  // and at least 256 KiB; without a bandwidth 16 MiB.
  std::size_t buffer = 0;
  std::uint64_t seed = 1;  // of the jitter
};

// After `runtime.add_network("link", std::make_shared<LinkNetwork>(pipes, options, "pipe"))` the address
// "link:NAME" is pipe:NAME over such a link, for Server and Channel alike. Bytes sent before a conn is closed
// still arrive, and the end after them. A dial takes no time: it does not cross the link. The conns are not
// in_memory(): windows and frames are those of sockets. Thread, lifetime, scheme: as WrappingNetwork.
class LinkNetwork final : public WrappingNetwork {
 public:
  LinkNetwork(std::shared_ptr<net::Network> below, const LinkOptions& options, std::string scheme = {});
};

}  // namespace sluice::inline v0::testing
