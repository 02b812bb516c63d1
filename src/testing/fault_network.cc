// FaultNetwork: conns of the network below, with the faults of a plan.
#include "sluice/testing/fault_network.h"

#include <atomic>
#include <utility>

namespace sluice::inline v0::testing {
namespace {

WrapConn wrap_with(FaultPlanner planner) {
  struct Numbers {
    std::atomic<std::uint64_t> dialled{0}, accepted{0};
  };
  return [planner = std::move(planner), numbers = std::make_shared<Numbers>()](
             std::unique_ptr<net::Conn> conn, ConnSide side) -> std::unique_ptr<net::Conn> {
    FaultEnd end;
    end.side = side;
    end.number = (side == ConnSide::kDialled ? numbers->dialled : numbers->accepted)
                     .fetch_add(1, std::memory_order_relaxed);
    return std::make_unique<FaultConn>(std::move(conn), planner(end));
  };
}

}  // namespace

FaultNetwork::FaultNetwork(std::shared_ptr<net::Network> below, FaultPlanner planner, std::string scheme)
    : WrappingNetwork(std::move(below), wrap_with(std::move(planner)), std::move(scheme)) {}

std::unique_ptr<net::Listener> with_faults(std::unique_ptr<net::Listener> below, FaultPlanner planner) {
  return wrap_listener(std::move(below), wrap_with(std::move(planner)));
}

}  // namespace sluice::inline v0::testing
