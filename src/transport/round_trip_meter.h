// RoundTripMeter: how much comes in one round trip, measured by PINGs while much comes (grpc-go:
// bdpEstimator).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace sluice::inline v0::transport {

// Needs no clock: what comes from a little before a PING to its acknowledgement is what a round trip brings.
// Where windows are what holds the peer back that is as much as they are, and twice that is the next thing to
// try, until the link holds the peer back. A PING is sent as data comes: what windows let out comes at once,
// so a later one would find nothing on its way. And servers that count PINGs forgive those behind data of
// theirs.
class RoundTripMeter {
 public:
  // `window`: what half of it brings is nothing to tell of.
  explicit RoundTripMeter(std::size_t window) : per_round_trip_(window / 2) {}

  // After each read. `received`: all bytes so far. True: a PING is to leave.
  bool asks(std::uint64_t received) {
    const std::uint64_t before = std::exchange(seen_, received);
    if (in_flight_ || received < not_before_ || received == before) return false;
    begun_at_ = before;
    return in_flight_ = true;
  }
  void on_ack(std::uint64_t received) {
    if (!in_flight_) return;
    in_flight_ = false;
    const auto came = static_cast<std::size_t>(received - begun_at_);
    // Where nothing changes it is asked less often.
    pause_ = came > per_round_trip_ ? 1 : std::clamp(2 * pause_, kMuch, kLongestPause);
    not_before_ = received + pause_;
    per_round_trip_ = std::max(per_round_trip_, came);
  }
  std::size_t per_round_trip() const { return per_round_trip_; }

 private:
  static constexpr std::size_t kMuch = 16 << 10;  // bytes
  static constexpr std::size_t kLongestPause = 1 << 20;
  std::size_t per_round_trip_;
  std::size_t pause_ = 1;  // bytes
  std::uint64_t not_before_ = kMuch;
  std::uint64_t seen_ = 0;
  std::uint64_t begun_at_ = 0;
  bool in_flight_ = false;
};

}  // namespace sluice::inline v0::transport
