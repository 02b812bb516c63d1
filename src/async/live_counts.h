// The sum of what lives on several loops.
#pragma once

#include "sluice/async/loop.h"

namespace sluice {

inline LiveCounts& operator+=(LiveCounts& sum, const LiveCounts& more) {
  sum.conns += more.conns, sum.sessions += more.sessions, sum.streams += more.streams;
  sum.calls += more.calls, sum.frames += more.frames;
  sum.timers += more.timers, sum.queued += more.queued;
  return sum;
}

}  // namespace sluice
