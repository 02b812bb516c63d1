// LiveCounts: what lives on a Loop, in numbers.
#pragma once

#include <string>

namespace sluice::inline v0 {

// What lives on a loop; all zero when everything was given back. Tests check it.
struct LiveCounts {
  int conns = 0;
  int sessions = 0;
  int streams = 0;
  int calls = 0;
  int frames = 0;  // coroutine frames of Tasks that have started
  int timers = 0;  // armed
  int queued = 0;  // 1 if anything is ready or posted
  LiveCounts& operator+=(const LiveCounts& more);
  bool all_zero() const { return !(conns || sessions || streams || calls || frames || timers || queued); }
  std::string to_string() const;
};

}  // namespace sluice::inline v0
