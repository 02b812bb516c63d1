// See live_counts.h.
#include "sluice/async/live_counts.h"

namespace sluice::inline v0 {

LiveCounts& LiveCounts::operator+=(const LiveCounts& more) {
  conns += more.conns, sessions += more.sessions, streams += more.streams;
  calls += more.calls, frames += more.frames;
  timers += more.timers, queued += more.queued;
  return *this;
}

std::string LiveCounts::to_string() const {
  std::string out;
  const auto part = [&out](const char* name, int n) {
    if (n != 0) out += (out.empty() ? "" : ", ") + std::string(name) + " " + std::to_string(n);
  };
  part("conns", conns), part("sessions", sessions), part("streams", streams), part("calls", calls);
  part("frames", frames), part("timers", timers), part("queued", queued);
  return out.empty() ? "nothing" : out;
}

}  // namespace sluice::inline v0
