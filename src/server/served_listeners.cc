// ServedListeners: adding, and closing one or all. Listeners are closed without the lock, since their accepts
// end then, here or on other loops.
#include "server/served_listeners.h"

#include <algorithm>
#include <utility>

namespace sluice::inline v0 {

bool ServedListeners::add(const SharedListener& listener) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      listeners_.push_back(listener);
      return true;
    }
  }
  (void)listener->close();
  return false;
}

std::vector<Addr> ServedListeners::addrs() const {
  const std::lock_guard lock(mutex_);
  std::vector<Addr> addrs;
  for (const SharedListener& l : listeners_) addrs.push_back(l->addr());
  return addrs;
}

Status ServedListeners::close(const Addr& addr) {
  SharedListener found;
  {
    const std::lock_guard lock(mutex_);
    const auto it = std::find_if(listeners_.begin(), listeners_.end(),
                                 [&](const SharedListener& l) { return l->addr() == addr; });
    if (it != listeners_.end()) {
      found = *it;
      listeners_.erase(it);
    }
  }
  if (!found) return Status(StatusCode::kNotFound, "the server does not listen on " + addr.to_string());
  return found->close();
}

bool ServedListeners::ended(const SharedListener& listener) {
  const std::lock_guard lock(mutex_);
  return std::erase(listeners_, listener) > 0;
}

void ServedListeners::close_all() {
  std::vector<SharedListener> listeners;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    listeners.swap(listeners_);
  }
  for (const SharedListener& l : listeners) (void)l->close();
}

}  // namespace sluice::inline v0
