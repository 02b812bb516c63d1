// The contract suites of Conn and Listener over FaultConns, with nothing asked of them and with everything
// short, and over links.
#include "support/conn_end_suite.h"

#include "sluice/net/memory_network.h"
#include "sluice/net/system_network.h"
#include "sluice/testing/fault_network.h"
#include "sluice/testing/link_network.h"
#include "support/listener_suite.h"

namespace sluice::support {
namespace {

constexpr std::size_t kCapacity = 100'000;
constexpr std::size_t kMoreThanTcpTakes = 64 << 20;

testing::FaultPlanner every(std::size_t max_read, std::size_t max_write) {
  return [=](const testing::FaultEnd& end) {
    testing::FaultOptions options;
    options.seed = end.number;
    options.reads.max_piece = max_read;
    options.writes.max_piece = max_write;
    return options;
  };
}

ConnKind pipe_kind(std::string name, testing::FaultPlanner planner) {
  return {
      .name = std::move(name),
      .make_network = [planner = std::move(planner)]() -> std::unique_ptr<net::Network> {
        return std::make_unique<testing::FaultNetwork>(
            std::make_shared<net::MemoryNetwork>(net::MemoryNetworkOptions{.pipe_capacity = kCapacity}),
            planner);
      },
      .listen_on = {"pipe", "suite"},
      .nobody = {"pipe", "nobody"},
      .closed_again = "pipe listener already closed",
      .too_much = kCapacity + 1,
  };
}

// Sockets, with the pool that they resolve names on.
struct Sockets {
  BlockingPool pool{1};
  net::SystemNetwork network{pool};
};

ConnKind tcp_kind(std::string name, testing::FaultPlanner planner) {
  return {
      .name = std::move(name),
      .make_network = [planner = std::move(planner)]() -> std::unique_ptr<net::Network> {
        const auto sockets = std::make_shared<Sockets>();
        return std::make_unique<testing::FaultNetwork>(
            std::shared_ptr<net::Network>(sockets, &sockets->network), planner);
      },
      .listen_on = {"tcp", "127.0.0.1:0"},
      .nobody = {"tcp", "127.0.0.1:1"},
      .closed_again = "tcp listener already closed",
      .too_much = kMoreThanTcpTakes,
  };
}

ConnKind link_kind(std::string name, testing::LinkOptions options) {
  options.buffer = kCapacity;
  return {
      .name = std::move(name),
      .make_network = [options]() -> std::unique_ptr<net::Network> {
        return std::make_unique<testing::LinkNetwork>(
            std::make_shared<net::MemoryNetwork>(net::MemoryNetworkOptions{.pipe_capacity = kCapacity}),
            options);
      },
      .listen_on = {"pipe", "suite"},
      .nobody = {"pipe", "nobody"},
      .closed_again = "pipe listener already closed",
      .too_much = 4 * kCapacity,
  };
}

std::vector<ConnParam> params() {
  std::vector<ConnParam> all;
  for (const ConnKind& kind :
       {pipe_kind("CleanPipe", every(0, 0)), pipe_kind("ShortReads", every(997, 0)),
        pipe_kind("ShortWrites", every(0, 997)), pipe_kind("ShortBoth", every(613, 1009)),
        link_kind("NoLink", {}), link_kind("Link", {.latency = 50us, .bytes_per_second = 1'000'000'000}),
        link_kind("JitteryLink", {.latency = 10us, .jitter = 40us})}) {
    for (const Loops loops : {Loops::kSimulated, Loops::kOne, Loops::kTwo}) all.push_back({kind, loops});
  }
  for (const Loops loops : {Loops::kOne, Loops::kTwo}) {
    all.push_back({tcp_kind("CleanTcp", every(0, 0)), loops});
    all.push_back({tcp_kind("ShortTcp", every(20'000, 40'000)), loops});
  }
  return all;
}
std::string name_of(const ::testing::TestParamInfo<ConnParam>& info) { return ConnParam::name(info.param); }

INSTANTIATE_TEST_SUITE_P(Testing, ConnSuite, ::testing::ValuesIn(params()), name_of);
INSTANTIATE_TEST_SUITE_P(Testing, ListenerSuite, ::testing::ValuesIn(params()), name_of);

}  // namespace
}  // namespace sluice::support
