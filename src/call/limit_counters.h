// LimitCounters: how often each limit has ended or refused a connection, and how near others came; what a
// Server and a Channel count.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "sluice/base/limits.h"

namespace sluice::inline v0::call {

// A word until the first is counted: most channels never count any.
// Thread: any.
class LimitCounters {
 public:
  LimitCounters() = default;
  LimitCounters(const LimitCounters&) = delete;
  ~LimitCounters() { const std::unique_ptr<Kept> kept(kept_.load(std::memory_order_relaxed)); }

  void count(Limit limit) {
    kept().counts[static_cast<std::size_t>(limit)].fetch_add(1, std::memory_order_relaxed);
  }
  void note(const LimitPeaks& peaks) {
    Kept& kept = this->kept();
    for (std::size_t i = 0; i < kLimits; ++i) {
      if (peaks.peaks[i].limit != 0) raise(kept.peaks[i], peaks.peaks[i]);
    }
  }
  LimitCounts read() const {
    LimitCounts read;
    const Kept* kept = kept_.load(std::memory_order_acquire);
    for (std::size_t i = 0; kept != nullptr && i < kLimits; ++i)
      read.counts[i] = kept->counts[i].load(std::memory_order_relaxed);
    return read;
  }
  LimitPeaks read_peaks() const {
    LimitPeaks read;
    const Kept* kept = kept_.load(std::memory_order_acquire);
    for (std::size_t i = 0; kept != nullptr && i < kLimits; ++i)
      read.peaks[i] = unpacked(kept->peaks[i].load(std::memory_order_relaxed));
    return read;
  }

 private:
  struct Kept {
    std::array<std::atomic<std::uint64_t>, kLimits> counts{};
    std::array<std::atomic<std::uint64_t>, kLimits> peaks{};  // packed
  };
  Kept& kept() {
    Kept* kept = kept_.load(std::memory_order_acquire);
    if (kept == nullptr) {
      auto fresh = std::make_unique<Kept>();
      if (kept_.compare_exchange_strong(kept, fresh.get())) kept = fresh.release();
    }
    return *kept;
  }
  static void raise(std::atomic<std::uint64_t>& packed, LimitPeak peak) {
    std::uint64_t old = packed.load(std::memory_order_relaxed);
    do {
      if (!peak.is_above(unpacked(old))) return;
    } while (!packed.compare_exchange_weak(old, pack(peak), std::memory_order_relaxed));
  }
  // In one word, in proportion where they are large.
  static std::uint64_t pack(LimitPeak peak) {
    while (peak.value > 0xffffffff || peak.limit > 0xffffffff) peak.value /= 2, peak.limit /= 2;
    return peak.value << 32 | peak.limit;
  }
  static LimitPeak unpacked(std::uint64_t packed) { return {packed >> 32, packed & 0xffffffff}; }

  std::atomic<Kept*> kept_{nullptr};
};

}  // namespace sluice::inline v0::call
