// Strangers: the connections of a loop of which nobody knows yet whether they speak HTTP/2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "call/transport.h"
#include "sluice/base/addr.h"

namespace sluice::inline v0 {

// The address of a host, without the port that tells its connections apart. What has no hosts, as unix
// sockets and pipes, is one by its scheme.
std::string host_of(const Addr& peer);

// Loop-only.
class Strangers {
 public:
  void add(call::Transport& connection);
  // Nothing if it is none any more.
  void remove(call::Transport& connection);
  std::size_t size() const { return size_; }
  std::size_t from(const std::string& host) const;
  // Null if there is none.
  call::Transport* oldest_from(const std::string& host) const;
  // Of the host with the most.
  call::Transport* oldest_of_most() const;

 private:
  using InOrder = std::map<std::uint64_t, call::Transport*>;
  std::unordered_map<std::string, InOrder> by_host_;
  std::size_t size_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace sluice::inline v0
