// WrappingNetwork: a Network that puts every Conn of another Network into a Conn of its own. FaultNetwork and
// LinkNetwork are made of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sluice/net/network.h"

namespace sluice::inline v0::testing {

// The side of a connection that a conn is.
enum class ConnSide : std::uint8_t { kDialled, kAccepted };

// Puts a conn into another one. Called once for each conn, on the conn's loop; with several loops it is
// called by several threads at once. Must not throw.
using WrapConn = std::function<std::unique_ptr<net::Conn>(std::unique_ptr<net::Conn> conn, ConnSide side)>;

// Thread: any. Lifetime: as a Network; shares the one below.
class WrappingNetwork : public net::Network {
 public:
  // `scheme`: the scheme of every address, as the network below is given it. Empty: addresses are passed on
  // unchanged.
  WrappingNetwork(std::shared_ptr<net::Network> below, WrapConn wrap, std::string scheme = {});
  Result<std::unique_ptr<net::Listener>> listen(const Addr& addr) override;
  Status check_dial(const Addr& addr) const override;
  bool start_dial(net::DialOp& op, Loop& loop) override;
  void cancel_dial(net::DialOp& op) override;

 private:
  struct Dial;
  Addr below_of(const Addr& addr) const;

  const std::shared_ptr<net::Network> below_;
  const std::shared_ptr<const WrapConn> wrap_;  // shared: with listeners and dials, which may end later
  const std::string scheme_;
};

// A listener whose every conn is put into another one.
std::unique_ptr<net::Listener> wrap_listener(std::unique_ptr<net::Listener> below, WrapConn wrap);

}  // namespace sluice::inline v0::testing
