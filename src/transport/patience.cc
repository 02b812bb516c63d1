// Patience: the first of several deadlines, and what happens then.
#include "transport/patience.h"

#include <algorithm>
#include <utility>

namespace sluice::inline v0::transport {

void Patience::set(Awaited what, TimePoint deadline) {
  const TimePoint before = std::exchange(deadlines_[index(what)], deadline);
  const TimePoint armed_for = armed() ? Timer::deadline() : kNever;
  if (deadline < armed_for) return loop_.arm(*this, deadline);
  if (before > armed_for) return;  // neither is the first
  const TimePoint first = *std::min_element(deadlines_.begin(), deadlines_.end());
  if (first == kNever || !armed() || Timer::deadline() != first) loop_.arm(*this, first);
}

void Patience::expired(Runnable& self) noexcept {
  auto& patience = static_cast<Patience&>(static_cast<Timer&>(self));
  const TimePoint now = patience.loop_.now();
  for (std::size_t i = 0; i < kCount; ++i) {
    if (patience.deadlines_[i] > now) continue;
    patience.set(static_cast<Awaited>(i), kNever);
    patience.owner_.on_impatient(static_cast<Awaited>(i));
  }
}

}  // namespace sluice::inline v0::transport
