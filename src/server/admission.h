// Admission: how many connections a server has, in all and from each address, and whether it takes one more.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "sluice/base/addr.h"
#include "sluice/base/limits.h"

namespace sluice::inline v0 {

// Thread: any. Lifetime: the limits outlive it.
class Admission {
 public:
  explicit Admission(const Limits& limits) : limits_(limits) {}

  // Counts a connection in, unless the Limit returned forbids it.
  Limit admit(const Addr& peer);
  // Counts out one that was counted in.
  void leave(const Addr& peer);

  std::uint32_t connections() const { return connections_.load(std::memory_order_relaxed); }
  // Addresses that are kept: each has a connection, and there is a limit of them.
  std::size_t addresses() const;

 private:
  bool counts_addresses(const Addr& peer) const;

  const Limits& limits_;
  std::atomic<std::uint32_t> connections_{0};
  mutable std::mutex mutex_;
  // Under mutex_.
  std::unordered_map<std::string, std::uint32_t> from_;
};

}  // namespace sluice::inline v0
