// Host: the loops and networks that servers and channels run on. A Runtime is a Host.
#pragma once

#include <span>
#include <string_view>

#include "sluice/net/network.h"

namespace sluice::inline v0::net {

// Thread: any. Constant while servers and channels use it.
class Host {
 public:
  virtual std::span<Loop* const> loops() const = 0;
  // The loop of the next channel that is not dialled on one of the loops. A Runtime takes its loops in turn.
  virtual Loop& next_loop() { return *loops().front(); }
  // The network that serves `scheme`, or null.
  virtual Network* network(std::string_view scheme) const = 0;
  // The error for a scheme without a network: names the scheme, the schemes there are, and the target to link
  // if sluice has one for it.
  virtual Status no_network(std::string_view scheme) const = 0;

 protected:
  ~Host() = default;
};

}  // namespace sluice::inline v0::net
