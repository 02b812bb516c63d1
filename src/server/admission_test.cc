// Admission: limits in all and of an address, and that nothing is kept of who has gone or was refused.
#include "server/admission.h"

#include <gtest/gtest.h>

namespace sluice::inline v0 {
namespace {

Addr tcp(int host, int port = 1) {
  return Addr("tcp", "10.0.0." + std::to_string(host) + ":" + std::to_string(port));
}

TEST(Admission, RefusesOneTooManyInAllUntilOneLeaves) {
  const Limits limits{.connections = 2};
  Admission admission(limits);
  EXPECT_EQ(admission.admit(tcp(1)), Limit::kNone);
  EXPECT_EQ(admission.admit(Addr("pipe", "x#1")), Limit::kNone);
  EXPECT_EQ(admission.admit(tcp(2)), Limit::kConnections);
  EXPECT_EQ(admission.connections(), 2u);
  admission.leave(tcp(1));
  EXPECT_EQ(admission.admit(tcp(2)), Limit::kNone);
  EXPECT_EQ(admission.addresses(), 0u) << "there is no limit of them";
}

TEST(Admission, CountsTheConnectionsOfAnAddressAndNotOfAPort) {
  const Limits limits{.connections_per_address = 2};
  Admission admission(limits);
  EXPECT_EQ(admission.admit(tcp(1, 1)), Limit::kNone);
  EXPECT_EQ(admission.admit(tcp(1, 2)), Limit::kNone);
  EXPECT_EQ(admission.admit(tcp(1, 3)), Limit::kConnectionsPerAddress);
  EXPECT_EQ(admission.admit(tcp(2, 1)), Limit::kNone);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(admission.admit(Addr("unix", "/x")), Limit::kNone) << "no host";
  admission.leave(tcp(1, 2));
  EXPECT_EQ(admission.admit(tcp(1, 3)), Limit::kNone);
  EXPECT_EQ(admission.connections(), 8u);
}

TEST(Admission, TellsIpv6AddressesApart) {
  const Limits limits{.connections_per_address = 1};
  Admission admission(limits);
  EXPECT_EQ(admission.admit(Addr("tcp", "[::1]:7")), Limit::kNone);
  EXPECT_EQ(admission.admit(Addr("tcp", "[::1]:8")), Limit::kConnectionsPerAddress);
  EXPECT_EQ(admission.admit(Addr("tcp", "[::2]:7")), Limit::kNone);
}

TEST(Admission, KeepsNothingOfAddressesWithoutAConnection) {
  for (const std::uint32_t limit : {0u, 1u, Limits::kOff}) {
    const Limits limits{.connections_per_address = limit};
    Admission admission(limits);
    for (int i = 0; i < 200; ++i) {
      const bool in = admission.admit(tcp(i)) == Limit::kNone;
      EXPECT_EQ(in, limit > 0);
      EXPECT_EQ(admission.addresses(), limit == 1 ? 1u : 0u);
      if (in) admission.leave(tcp(i));
      EXPECT_EQ(admission.addresses(), 0u);
    }
    EXPECT_EQ(admission.connections(), 0u);
  }
}

}  // namespace
}  // namespace sluice::inline v0
