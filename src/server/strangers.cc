// Strangers, by their hosts and in the order of their coming.
#include "server/strangers.h"

#include <algorithm>

namespace sluice::inline v0 {

std::string host_of(const Addr& peer) {
  return peer.scheme == "tcp" ? peer.text.substr(0, peer.text.rfind(':')) : peer.scheme;
}

void Strangers::add(call::Transport& connection) {
  connection.stranger = ++last_;
  by_host_[host_of(connection.peer_addr())].emplace(last_, &connection);
  ++size_;
}

void Strangers::remove(call::Transport& connection) {
  if (connection.stranger == 0) return;
  const auto host = by_host_.find(host_of(connection.peer_addr()));
  host->second.erase(connection.stranger);
  if (host->second.empty()) by_host_.erase(host);
  connection.stranger = 0;
  --size_;
}

std::size_t Strangers::from(const std::string& host) const {
  const auto found = by_host_.find(host);
  return found == by_host_.end() ? 0 : found->second.size();
}

call::Transport* Strangers::oldest_from(const std::string& host) const {
  const auto found = by_host_.find(host);
  return found == by_host_.end() ? nullptr : found->second.begin()->second;
}

call::Transport* Strangers::oldest_of_most() const {
  const auto most = std::max_element(by_host_.begin(), by_host_.end(), [](const auto& a, const auto& b) {
    if (a.second.size() != b.second.size()) return a.second.size() < b.second.size();
    return a.second.begin()->first > b.second.begin()->first;  // not as the hash has it
  });
  return most == by_host_.end() ? nullptr : most->second.begin()->second;
}

}  // namespace sluice::inline v0
