// ServedListeners: where a server accepts.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "sluice/net/network.h"

namespace sluice::inline v0 {

// One listener served by the shards.
using SharedListener = std::shared_ptr<net::Listener>;  // shared: by the shards that accept from it

// Thread: any.
class ServedListeners {
 public:
  // False after close_all(): the listener is closed.
  bool add(const SharedListener& listener);
  // In the order of add().
  std::vector<Addr> addrs() const;
  // Closes the one at `addr`; NOT_FOUND names it.
  Status close(const Addr& addr);
  // Forgets a listener that accepts no more; false if it was closed from here.
  bool ended(const SharedListener& listener);
  void close_all();

 private:
  mutable std::mutex mutex_;  // serve() and close() come from any thread
  // Under mutex_.
  std::vector<SharedListener> listeners_;
  bool closed_ = false;
};

}  // namespace sluice::inline v0
