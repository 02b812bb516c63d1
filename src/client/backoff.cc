// Backoff: the waits, and what their options may be.
#include "client/backoff.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace sluice::inline v0 {

Status BackoffOptions::check() const {
  const auto wrong = [](const char* name, const std::string& value, const char* why) {
    return Status(StatusCode::kInvalidArgument, "backoff." + std::string(name) + " of " + value + " " + why);
  };
  const auto ns = [](Duration time) { return std::to_string(time.count()) + " ns"; };
  if (initial < Duration::zero()) return wrong("initial", ns(initial), "is negative");
  if (max < Duration::zero()) return wrong("max", ns(max), "is negative");
  if (min_connect_timeout <= Duration::zero())
    return wrong("min_connect_timeout", ns(min_connect_timeout), "leaves no time");
  // Comparisons that NaN does not pass.
  if (!(multiplier >= 1 && std::isfinite(multiplier)))
    return wrong("multiplier", std::to_string(multiplier), "is no number from 1 on");
  if (!(jitter >= 0 && jitter <= 1)) return wrong("jitter", std::to_string(jitter), "is not within 0 and 1");
  return {};
}

Duration Backoff::begin_attempt(Loop& loop) {
  const Duration most = std::max(options_.min_connect_timeout, wait_after(failures_, loop));
  not_before_ = after(loop.now(), wait_after(failures_ + 1u, loop));
  return most;
}

void Backoff::attempt_failed() {
  if (failures_ < std::numeric_limits<std::uint16_t>::max()) ++failures_;
}

void Backoff::connection_failed(TimePoint begun, Loop& loop) {
  attempt_failed();
  not_before_ = std::max(not_before_, after(begun, wait_after(failures_, loop)));
}

// initial · multiplier^(failures - 1), at most max, ± jitter; at most what a Duration holds.
Duration Backoff::wait_after(unsigned failures, Loop& loop) const {
  if (failures == 0) return Duration::zero();
  const BackoffOptions& b = options_;
  // Finite: an initial wait of nothing stays one.
  const double grown = std::min(std::pow(b.multiplier, std::min(failures - 1, 100u)), 1e300);
  double ns = static_cast<double>(b.initial.count()) * grown;
  ns = std::min(ns, static_cast<double>(b.max.count()));
  const double unit = static_cast<double>(loop.random() >> 11) / 9007199254740992.0;  // 2^53
  ns *= 1 + b.jitter * (2 * unit - 1);
  constexpr double kMost = 9.2e18;
  return Duration(static_cast<std::int64_t>(std::min(ns, kMost)));
}

}  // namespace sluice::inline v0
