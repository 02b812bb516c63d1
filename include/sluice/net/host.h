// Host: what servers and channels run on: loops and networks. A Runtime is one.
#pragma once

#include <span>
#include <string_view>

#include "sluice/net/network.h"

namespace sluice::net {

// Thread: any. Constant while servers and channels use it.
class Host {
 public:
  virtual std::span<Loop* const> loops() const = 0;
  // The loop of the next channel that is dialled by none of them. A Runtime takes each in its turn.
  virtual Loop& next_loop() { return *loops().front(); }
  // The network that serves `scheme`, or null.
  virtual Network* network(std::string_view scheme) const = 0;
  // Why there is none: names the scheme, those that are there, and the target to link for a known one.
  virtual Status no_network(std::string_view scheme) const = 0;

 protected:
  ~Host() = default;
};

}  // namespace sluice::net
