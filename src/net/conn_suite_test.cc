// The contract suites of Conn and Listener, over every kind that net has.
#include "support/conn_end_suite.h"

#include <unistd.h>

#include "sluice/net/memory_network.h"
#include "sluice/net/system_network.h"
#include "support/listener_suite.h"

namespace sluice::support {
namespace {

ConnKind pipe_kind() {
  constexpr std::size_t kCapacity = 100'000;
  return {
      .name = "Pipe",
      .make_network =
          [] {
            return std::make_unique<net::MemoryNetwork>(
                net::MemoryNetworkOptions{.pipe_capacity = kCapacity});
          },
      .listen_on = {"pipe", "suite"},
      .nobody = {"pipe", "nobody"},
      .closed_again = "pipe listener already closed",
      .too_much = kCapacity + 1,
  };
}

// What make_network gives: the network with the pool that it resolves names on.
class Sockets final : public net::Network {
 public:
  Result<std::unique_ptr<net::Listener>> listen(const Addr& addr) override { return network_.listen(addr); }
  bool start_dial(net::DialOp& op, Loop& loop) override { return network_.start_dial(op, loop); }
  void cancel_dial(net::DialOp& op) override { network_.cancel_dial(op); }

 private:
  BlockingPool pool_{1};
  net::SystemNetwork network_{pool_};
};

// More than both of a loopback connection's buffers can grow to.
constexpr std::size_t kMoreThanTcpTakes = 64 << 20;
constexpr std::size_t kMoreThanUnixTakes = 1 << 20;

ConnKind socket_kind(std::string name, Addr listen_on, Addr nobody, std::size_t too_much) {
  const std::string closed_again = listen_on.scheme + " listener already closed";
  return {
      .name = std::move(name),
      .make_network = [] { return std::make_unique<Sockets>(); },
      .listen_on = std::move(listen_on),
      .nobody = std::move(nobody),
      .closed_again = closed_again,
      .too_much = too_much,
  };
}

// Test processes run side by side.
std::string unique(const std::string& name) {
  return ::testing::TempDir() + "sluice-" + std::to_string(::getpid()) + "-" + name;
}

std::vector<ConnParam> socket_params() {
  const ConnKind kinds[] = {
      socket_kind("Tcp", {"tcp", "127.0.0.1:0"}, {"tcp", "127.0.0.1:1"}, kMoreThanTcpTakes),
      socket_kind("TcpV6", {"tcp", "[::1]:0"}, {"tcp", "[::1]:1"}, kMoreThanTcpTakes),
      socket_kind("Unix", {"unix", unique("suite")}, {"unix", unique("nobody")}, kMoreThanUnixTakes),
      socket_kind("UnixAbstract", {"unix-abstract", unique("suite")}, {"unix-abstract", unique("nobody")},
                  kMoreThanUnixTakes),
  };
  std::vector<ConnParam> params;
  for (const ConnKind& kind : kinds) {
    for (const Loops loops : {Loops::kOne, Loops::kTwo}) params.push_back({kind, loops});
  }
  return params;
}

const auto kAll = ::testing::Values(ConnParam{pipe_kind(), Loops::kSimulated},
                                    ConnParam{pipe_kind(), Loops::kOne}, ConnParam{pipe_kind(), Loops::kTwo});
std::string name_of(const ::testing::TestParamInfo<ConnParam>& info) { return ConnParam::name(info.param); }

INSTANTIATE_TEST_SUITE_P(Net, ConnSuite, kAll, name_of);
INSTANTIATE_TEST_SUITE_P(Net, ListenerSuite, kAll, name_of);

const auto kSockets = ::testing::ValuesIn(socket_params());
INSTANTIATE_TEST_SUITE_P(Sockets, ConnSuite, kSockets, name_of);
INSTANTIATE_TEST_SUITE_P(Sockets, ListenerSuite, kSockets, name_of);

}  // namespace
}  // namespace sluice::support
