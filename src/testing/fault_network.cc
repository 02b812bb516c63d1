// FaultNetwork: conns of the network below, with the faults of a plan.
#include "sluice/testing/fault_network.h"

#include <atomic>
#include <utility>

#include "testing/wrapping_network.h"

namespace sluice::testing {
namespace {

detail::Wrap wrap_with(FaultPlanner planner) {
  struct Numbers {
    std::atomic<std::uint64_t> dialled{0}, accepted{0};
  };
  return [planner = std::move(planner), numbers = std::make_shared<Numbers>()](
             std::unique_ptr<net::Conn> conn, detail::Side side) -> std::unique_ptr<net::Conn> {
    const bool dialled = side == detail::Side::kDialled;
    FaultEnd end;
    end.side = dialled ? FaultEnd::Side::kDialled : FaultEnd::Side::kAccepted;
    end.number = (dialled ? numbers->dialled : numbers->accepted).fetch_add(1, std::memory_order_relaxed);
    return std::make_unique<FaultConn>(std::move(conn), planner(end));
  };
}

}  // namespace

FaultNetwork::FaultNetwork(std::shared_ptr<net::Network> below, FaultPlanner planner, std::string scheme)
    : network_(detail::wrapping_network(std::move(below), wrap_with(std::move(planner)), std::move(scheme))) {
}

Result<std::unique_ptr<net::Listener>> FaultNetwork::listen(const Addr& addr) {
  return network_->listen(addr);
}
Status FaultNetwork::check_dial(const Addr& addr) const { return network_->check_dial(addr); }
bool FaultNetwork::start_dial(net::DialOp& op, Loop& loop) { return network_->start_dial(op, loop); }
void FaultNetwork::cancel_dial(net::DialOp& op) { network_->cancel_dial(op); }

std::unique_ptr<net::Listener> with_faults(std::unique_ptr<net::Listener> below, FaultPlanner planner) {
  return detail::wrapping_listener(std::move(below), wrap_with(std::move(planner)));
}

}  // namespace sluice::testing
