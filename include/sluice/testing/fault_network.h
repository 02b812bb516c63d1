// FaultNetwork: a Network, or one Listener, whose every Conn is a FaultConn with the faults that a plan has
// for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sluice/testing/fault_conn.h"
#include "sluice/testing/wrapping_network.h"

namespace sluice::inline v0::testing {

// The end that a plan is asked about.
struct FaultEnd {
  using Side = ConnSide;
  Side side = Side::kDialled;
  std::uint64_t number = 0;  // counts the conns of this side, from 0
};

// Called once for each conn, on the conn's loop; with several loops it is called by several threads at once.
// Must not throw.
using FaultPlanner = std::function<FaultOptions(const FaultEnd&)>;

// After `runtime.add_network("fault", std::make_shared<FaultNetwork>(pipes, planner, "pipe"))` the address
// "fault:NAME" is pipe:NAME with faults, for Server and Channel alike. Thread, lifetime, scheme: as
// WrappingNetwork.
class FaultNetwork final : public WrappingNetwork {
 public:
  FaultNetwork(std::shared_ptr<net::Network> below, FaultPlanner planner, std::string scheme = {});
};

// A listener whose conns have faults: for a server that anybody may dial, over tcp too.
std::unique_ptr<net::Listener> with_faults(std::unique_ptr<net::Listener> below, FaultPlanner planner);

}  // namespace sluice::inline v0::testing
