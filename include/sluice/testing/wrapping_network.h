// Networks whose conns are put into others as they come: what FaultNetwork and LinkNetwork share.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sluice/net/network.h"

namespace sluice::testing::detail {

enum class Side : std::uint8_t { kDialled, kAccepted };

// Called once a conn, on its loop; with several loops from several threads at once. It must not throw.
using Wrap = std::function<std::unique_ptr<net::Conn>(std::unique_ptr<net::Conn> conn, Side side)>;

// `scheme`: put in the place of every address's; empty: addresses are passed on as they are.
std::unique_ptr<net::Network> wrapping_network(std::shared_ptr<net::Network> below, Wrap wrap,
                                               std::string scheme);
std::unique_ptr<net::Listener> wrapping_listener(std::unique_ptr<net::Listener> below, Wrap wrap);

}  // namespace sluice::testing::detail
