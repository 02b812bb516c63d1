// Admission: counting connections in and out.
#include "server/admission.h"

#include "server/strangers.h"

namespace sluice::inline v0 {

bool Admission::counts_addresses(const Addr& peer) const {
  return limits_.connections_per_address != Limits::kOff && peer.scheme == "tcp";
}

Limit Admission::admit(const Addr& peer) {
  if (connections_.fetch_add(1, std::memory_order_relaxed) >= limits_.connections) {
    connections_.fetch_sub(1, std::memory_order_relaxed);
    return Limit::kConnections;
  }
  if (!counts_addresses(peer)) return Limit::kNone;
  const std::string host = host_of(peer);
  const std::lock_guard lock(mutex_);
  const auto it = from_.find(host);
  const std::uint32_t from = it != from_.end() ? it->second : 0;
  if (from >= limits_.connections_per_address) {
    connections_.fetch_sub(1, std::memory_order_relaxed);
    return Limit::kConnectionsPerAddress;
  }
  from_[host] = from + 1;  // only now: of who is refused nothing is kept
  return Limit::kNone;
}

void Admission::leave(const Addr& peer) {
  connections_.fetch_sub(1, std::memory_order_relaxed);
  if (!counts_addresses(peer)) return;
  const std::lock_guard lock(mutex_);
  const auto it = from_.find(host_of(peer));
  if (--it->second == 0) from_.erase(it);
}

std::size_t Admission::addresses() const {
  const std::lock_guard lock(mutex_);
  return from_.size();
}

}  // namespace sluice::inline v0
