// Points and spans of time, in nanoseconds on the one monotonic clock that each Loop is given. Nothing in
// sluice reads another clock.
#pragma once

#include <chrono>

namespace sluice::inline v0 {

using Duration = std::chrono::nanoseconds;

// The time scale of a Loop's clock: the system's monotonic clock, or a simulation's virtual time.
struct Clock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
};

using TimePoint = Clock::time_point;

// "No deadline": later than every real point.
inline constexpr TimePoint kNever = TimePoint::max();

// "No timeout", for a duration.
inline constexpr Duration kNoTimeout = Duration::max();

// `now + timeout` without overflow: kNever if it is too late to be represented, TimePoint::min() if too
// early.
constexpr TimePoint after(TimePoint now, Duration timeout) {
  if (timeout > Duration::zero() && now.time_since_epoch() > Duration::max() - timeout) return kNever;
  if (timeout < Duration::zero() && now.time_since_epoch() < Duration::min() - timeout)
    return TimePoint::min();
  return now + timeout;
}

}  // namespace sluice::inline v0
