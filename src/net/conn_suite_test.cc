// The contract suites of Conn and Listener, over every kind that net has.
#include "support/conn_suite.h"
#include "sluice/net/memory_network.h"
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

const auto kAll = ::testing::Values(ConnParam{pipe_kind(), Loops::kSimulated},
                                    ConnParam{pipe_kind(), Loops::kOne}, ConnParam{pipe_kind(), Loops::kTwo});
std::string name_of(const ::testing::TestParamInfo<ConnParam>& info) { return ConnParam::name(info.param); }

INSTANTIATE_TEST_SUITE_P(Net, ConnSuite, kAll, name_of);
INSTANTIATE_TEST_SUITE_P(Net, ListenerSuite, kAll, name_of);

}  // namespace
}  // namespace sluice::support
