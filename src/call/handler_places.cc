// See handler_places.h.
#include "call/handler_places.h"

#include "call/served_call.h"

namespace sluice::inline v0::call {

HandlerPlaces::~HandlerPlaces() {
  for (Place* place = held_; place != nullptr; place = place->next) place->of = nullptr;
}

bool HandlerPlaces::take(Place& place, ServedCall& call) {
  if (count_ < most_) [[likely]] {
    hold(place);
    return true;
  }
  place = {nullptr, last_waiting_, nullptr, &call};
  (last_waiting_ ? last_waiting_->next : first_waiting_) = &place;
  last_waiting_ = &place;
  return false;
}

void HandlerPlaces::hold(Place& place) {
  ++count_;
  place = {this, nullptr, held_, nullptr};
  if (held_) held_->prev = &place;
  held_ = &place;
}

void HandlerPlaces::forget_wait(Place& place) {
  (place.prev ? place.prev->next : first_waiting_) = place.next;
  (place.next ? place.next->prev : last_waiting_) = place.prev;
  place.waiting = nullptr;
}

// Wakes one of those that wait: to wake them all each time would be work in the square of their number.
void HandlerPlaces::give(Place& place) {
  (place.prev ? place.prev->next : held_) = place.next;
  if (place.next) place.next->prev = place.prev;
  place.of = nullptr;
  --count_;
  while (first_waiting_ && count_ < most_) {
    Place& next = *first_waiting_;
    ServedCall& call = *next.waiting;
    forget_wait(next);
    if (call.on_place()) hold(next);
  }
}

}  // namespace sluice::inline v0::call
