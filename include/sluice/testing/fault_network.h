// FaultNetwork: servers and channels over FaultConns: a Network, or one Listener, whose every Conn gets the
// faults that a plan has for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sluice/net/network.h"
#include "sluice/testing/fault_conn.h"

namespace sluice::testing {

// The end that a plan is asked about.
struct FaultEnd {
  enum class Side : std::uint8_t { kDialled, kAccepted };
  Side side = Side::kDialled;
  std::uint64_t number = 0;  // of this side's conns, from 0
};

// Called once a conn, on its loop; with several loops from several threads at once. It must not throw.
using FaultPlanner = std::function<FaultOptions(const FaultEnd&)>;

// `runtime.add_network("fault", std::make_shared<FaultNetwork>(pipes, planner, "pipe"))`: then "fault:NAME"
// is pipe:NAME with faults, for Server and Channel alike.
//
// Thread: any. Lifetime: outlives its use, as every Network; shares the one below.
class FaultNetwork final : public net::Network {
 public:
  // `scheme`: what the network below calls itself, put in the place of every address's; empty: addresses are
  // passed on as they are.
  FaultNetwork(std::shared_ptr<net::Network> below, FaultPlanner planner, std::string scheme = {});
  Result<std::unique_ptr<net::Listener>> listen(const Addr& addr) override;
  Status check_dial(const Addr& addr) const override;
  bool start_dial(net::DialOp& op, Loop& loop) override;
  void cancel_dial(net::DialOp& op) override;

 private:
  const std::unique_ptr<net::Network> network_;
};

// A listener whose conns have faults; for a server that anybody may dial, over tcp too.
std::unique_ptr<net::Listener> with_faults(std::unique_ptr<net::Listener> below, FaultPlanner planner);

}  // namespace sluice::testing
