// The guards: frames that cost the peer little and us much, held to Limits. docs/security.md has the attacks
// that they stop.
#include <utility>

#include "http2/session.h"

namespace sluice::inline v0::http2 {

namespace {

// WINDOW_UPDATE frames whose mean is looked at.
constexpr std::uint32_t kUpdatesLookedAt = 1000;
// Fewer of them are a connection's first, and no measure of what it does.
constexpr std::uint64_t kUpdatesThatSaySomething = 16;
// More than this waiting is more than a usual frame.
constexpr std::size_t kFrameWaits = kMinMaxFrameSize;

}  // namespace

bool Session::exceeded(Limit limit) {
  error_ = Error::connection(ErrorCode::kEnhanceYourCalm, to_string(limit));
  error_.limit = limit;
  return false;
}

void Session::count_reply() {
  ++replies_;
  peaks_.note(Limit::kOutputStall, replies_, options_.limits->queued_replies);
}

bool Session::admit_ping() {
  const std::uint64_t earned =
      guards_.frames_sent - std::exchange(guards_.frames_pinged, guards_.frames_sent);
  const RateLimit& rate = options_.limits->pings;
  if (!guards_.pings.take(rate, now_, earned)) return exceeded(Limit::kPings);
  peaks_.note(Limit::kPings, guards_.pings.spent(), rate.burst);
  return true;
}

bool Session::admit_control_frame() {
  const RateLimit& rate = options_.limits->control_frames;
  if (!guards_.control_frames.take(rate, now_)) return exceeded(Limit::kControlFrames);
  peaks_.note(Limit::kControlFrames, guards_.control_frames.spent(), rate.burst);
  return true;
}

void Session::admit_provoked_reset() {
  const RateLimit& rate = options_.limits->provoked_resets;
  if (!guards_.provoked_resets.take(rate, now_)) exceeded(Limit::kProvokedResets);
  peaks_.note(Limit::kProvokedResets, guards_.provoked_resets.spent(), rate.burst);
}

// A server that resets harms nobody but itself: the client chooses what it opens. And a client that resets
// what has been open for a while asks for no more work than the streams allow that may be open at once: its
// calls time out together, by the hundred.
bool Session::admit_reset(const Stream& stream) {
  constexpr Duration kBrief = std::chrono::milliseconds(20);
  if (options_.role == Role::kClient || now_ - stream.opened_ >= kBrief) return true;
  Guards& g = guards_;
  if (g.resets == 0 || now_ - g.resets_since >= options_.limits->resets_window) {
    g.resets_since = now_;
    g.resets = g.early_resets = 0;
    // Without those that were open already: a client could keep old ones to dilute what it does now.
    g.streams_before = g.streams - 1;
  }
  ++g.resets;
  if (!stream.headers_sent_) ++g.early_resets;
  const std::uint64_t streams = g.streams - g.streams_before;
  // A client that hedges every call resets half of its streams, but not in step.
  const std::uint32_t slack = options_.limits->resets / 10;
  const std::uint64_t early = streams / 2 + slack;
  if (g.resets > options_.limits->resets && g.early_resets > early) return exceeded(Limit::kResets);
  // Both have to be exceeded.
  if (g.early_resets > early) peaks_.note(Limit::kResets, g.resets, options_.limits->resets);
  return true;
}

// Of a stream that is gone: the peer may not have known. It resets a stream once, and once more if it was
// sent something after that. Some peers answer every DATA frame that comes after their reset with another
// one.
bool Session::admit_late_reset() {
  const std::uint64_t received = counts_.frames[static_cast<std::size_t>(FrameType::kRstStream)];
  if (options_.limits->resets == Limits::kOff) return true;
  const std::uint64_t most = options_.limits->resets + 2 * guards_.streams + guards_.data_sent;
  if (received > most) return exceeded(Limit::kResets);
  peaks_.note(Limit::kResets, received, most);
  return true;
}

// `stream`: null for the connection, and for streams that are gone.
bool Session::admit_window_update(const Stream* stream, std::uint32_t increment) {
  const Limits& limits = *options_.limits;
  const std::uint64_t received = counts_.frames[static_cast<std::size_t>(FrameType::kWindowUpdate)];
  const std::uint64_t most = 5 + 2 * (guards_.streams + limits.window_updates_per_data * guards_.data_sent);
  if (limits.window_updates_per_data != Limits::kOff) {
    if (received > most) return exceeded(Limit::kWindowUpdates);
    if (received >= kUpdatesThatSaySomething) peaks_.note(Limit::kWindowUpdates, received, most);
  }
  const Stream* waiting = stream;
  if (waiting == nullptr && window_.send <= 0 && !ready_.empty()) waiting = &ready_.front();
  if (waiting == nullptr || waiting->queued() <= kFrameWaits) return true;
  Guards& g = guards_;
  g.updated += increment;
  if (++g.updates < kUpdatesLookedAt) return true;
  const std::uint64_t mean = g.updated / g.updates;
  g.updates = 0, g.updated = 0;
  if (mean < limits.mean_window_update) return exceeded(Limit::kMeanWindowUpdate);
  peaks_.note(Limit::kMeanWindowUpdate, limits.mean_window_update, mean);
  return true;
}

bool Session::admit_empty_frame() {
  ++counts_.empty;
  const auto frames = [this](FrameType type) { return counts_.frames[static_cast<std::size_t>(type)]; };
  // Others in between do not make these say more.
  const std::uint64_t number =
      frames(FrameType::kData) + frames(FrameType::kHeaders) + frames(FrameType::kContinuation);
  Guards& g = guards_;
  g.empty_in_a_row = number == g.last_empty + 1 ? g.empty_in_a_row + 1 : 1;
  g.last_empty = number;
  if (g.empty_in_a_row > options_.limits->empty_frames) return exceeded(Limit::kEmptyFrames);
  peaks_.note(Limit::kEmptyFrames, g.empty_in_a_row, options_.limits->empty_frames);
  return true;
}

}  // namespace sluice::inline v0::http2
