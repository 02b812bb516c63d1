// See link_windows.h.
#include "transport/link_windows.h"

namespace sluice::inline v0::transport {

std::size_t LinkWindows::grow(std::size_t window) {
  const std::size_t most = of_link();
  if (most <= window || grown_ >= budget_) return 0;
  const std::size_t more = std::min(most - window, budget_ - grown_);
  if (!memory_.take_room(more)) return 0;
  grown_ += more;
  return more;
}

void LinkWindows::shrink(std::size_t bytes) {
  grown_ -= bytes;
  memory_.give_room_back(bytes);
}

}  // namespace sluice::inline v0::transport
