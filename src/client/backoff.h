// Backoff: when a channel may try to connect again (gRPC's connection-backoff.md).
#pragma once

#include <cstdint>

#include "sluice/async/loop.h"
#include "sluice/client/channel.h"

namespace sluice::inline v0 {

// Counts the failures in a row, and draws from the loop's random numbers how long the wait behind them is.
//
// Thread: loop-only.
class Backoff {
 public:
  explicit Backoff(const BackoffOptions& options) : options_(options) {}

  // An attempt begins, and the wait for the next one counts from here. Returns how long this one may take.
  Duration begin_attempt(Loop& loop);
  void attempt_failed();
  // There is a connection: no wait, unless it fails as an attempt does.
  void connected() { not_before_ = TimePoint(); }
  // The connection that was made at `begun` ended before it proved itself.
  void connection_failed(TimePoint begun, Loop& loop);
  // A connection has proved itself.
  void forget_failures() { failures_ = 0; }

  // Of the next attempt, unless this one makes a connection.
  TimePoint not_before() const { return not_before_; }
  // In a row, and not followed by a connection that has proved itself.
  unsigned failures() const { return failures_; }
  Duration initial() const { return options_.initial; }

 private:
  Duration wait_after(unsigned failures, Loop& loop) const;

  const BackoffOptions options_;
  TimePoint not_before_{};
  std::uint16_t failures_ = 0;
};

}  // namespace sluice::inline v0
