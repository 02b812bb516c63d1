// HandlerPlaces: how many handlers of one connection run at once. Part of Connection, on a server.
#pragma once

#include <cstddef>

namespace sluice::inline v0::call {

class ServedCall;

// A handler holds a place from its start to its end, also when its stream was reset: a client that opens and
// resets streams has no more handlers running than it may have streams open. Handlers without a place wait,
// first come first served: ServedCall::on_place says whether the call still wants the place, which it then
// holds.
//
// Loop-only. Lifetime: handlers may outlive it; their places then belong to nobody.
class HandlerPlaces {
 public:
  struct Place {
    HandlerPlaces* of = nullptr;  // null: not held, or the connection has gone
    Place* prev = nullptr;
    Place* next = nullptr;
    ServedCall* waiting = nullptr;  // null: does not wait
  };

  explicit HandlerPlaces(std::size_t most) : most_(most) {}
  ~HandlerPlaces();
  HandlerPlaces(const HandlerPlaces&) = delete;
  HandlerPlaces& operator=(const HandlerPlaces&) = delete;

  // False: the call waits for one now.
  bool take(Place& place, ServedCall& call);
  void give(Place& place);
  void forget_wait(Place& place);  // REQUIRES: it waits here

 private:
  void hold(Place& place);

  const std::size_t most_;
  std::size_t count_ = 0;
  Place* held_ = nullptr;
  Place* first_waiting_ = nullptr;
  Place* last_waiting_ = nullptr;
};

}  // namespace sluice::inline v0::call
