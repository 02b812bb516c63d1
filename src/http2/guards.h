// What a session counts of its peer to hold it to Limits. Looked at only when a frame comes that no honest
// call needs, so that a call costs two additions. Part of the session.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "sluice/base/limits.h"
#include "sluice/base/time.h"

namespace sluice::inline v0::http2 {

// Tokens that come back with time, which is looked at only when one is taken.
class Bucket {
 public:
  // False: there is none left. `earned`: so many have come back otherwise.
  bool take(const RateLimit& rate, TimePoint now, std::uint64_t earned = 0) {
    if (rate.burst == Limits::kOff) return true;
    if (spent_ > 0) refill(rate, now);
    spent_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(spent_, earned));
    if (spent_ == 0) since_ = now;
    if (spent_ >= rate.burst) return false;
    ++spent_;
    return true;
  }

  std::uint32_t spent() const { return spent_; }

 private:
  void refill(const RateLimit& rate, TimePoint now) {
    using std::chrono::seconds;
    if (rate.per_second == 0 || now <= since_) return;
    if (now - since_ >= seconds(spent_ / rate.per_second + 1)) {
      spent_ = 0;
      return;
    }
    // Less than spent_ seconds, and so far from overflow. The rest of a token's time is kept.
    const auto back = static_cast<std::uint64_t>((now - since_).count()) * rate.per_second / 1'000'000'000;
    since_ += Duration(back * 1'000'000'000 / rate.per_second);
    spent_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(spent_, back));
  }

  std::uint32_t spent_ = 0;
  TimePoint since_{};  // up to where what came back is in spent_; meaningless if that is 0
};

// The nearest that a session has come to each of its limits. A word while that is not a hundredth of any.
class Peaks {
 public:
  void note(Limit which, std::uint64_t value, std::uint64_t limit) {
    if (value * 100 < limit || limit == 0) return;
    keep(which, {value, limit});
  }
  const LimitPeaks* kept() const { return kept_.get(); }  // null: none

 private:
  [[gnu::cold, gnu::noinline]] void keep(Limit which, LimitPeak peak) {
    if (!kept_) kept_ = std::make_unique<LimitPeaks>();
    kept_->note(which, peak);
  }
  std::unique_ptr<LimitPeaks> kept_;
};

// The state behind the guards of one session.
struct Guards {
  Bucket pings;
  Bucket control_frames;
  Bucket provoked_resets;

  std::uint64_t streams = 0;  // opened; ids may be skipped

  // Sent: what makes room for PING and WINDOW_UPDATE.
  std::uint64_t frames_sent = 0;      // HEADERS, and pieces of DATA, of which several may share a frame
  std::uint64_t data_sent = 0;        // pieces of DATA, in units of 16 KiB begun
  std::uint64_t frames_pinged = 0;    // of frames_sent, those that made room for PING
  std::uint32_t pings_in_flight = 0;  // ours: their acknowledgements are expected

  // RST_STREAM received in the window that began at resets_since.
  TimePoint resets_since{};
  std::uint32_t resets = 0;
  std::uint32_t early_resets = 0;    // before response headers
  std::uint64_t streams_before = 0;  // the window

  std::uint32_t updates = 0;  // WINDOW_UPDATE while data waited; the average of some is looked at
  std::uint64_t updated = 0;  // bytes they gave

  std::uint64_t last_empty = 0;  // number of the last empty frame among DATA, HEADERS and CONTINUATION
  std::uint32_t empty_in_a_row = 0;

  std::uint32_t header_list_breaches = 0;
};

}  // namespace sluice::inline v0::http2
