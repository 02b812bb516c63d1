// LimitCounters: how often each limit has ended or refused a connection; what a Server and a Channel count.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "sluice/base/limits.h"

namespace sluice::transport {

// A word until the first is counted: most channels never count any.
// Thread: any.
class LimitCounters {
 public:
  LimitCounters() = default;
  LimitCounters(const LimitCounters&) = delete;
  ~LimitCounters() { const std::unique_ptr<Counts> counts(counts_.load(std::memory_order_relaxed)); }

  void count(Limit limit) {
    Counts* counts = counts_.load(std::memory_order_acquire);
    if (counts == nullptr) {
      auto fresh = std::make_unique<Counts>();
      if (counts_.compare_exchange_strong(counts, fresh.get())) counts = fresh.release();
    }
    (*counts)[static_cast<std::size_t>(limit)].fetch_add(1, std::memory_order_relaxed);
  }
  LimitCounts read() const {
    LimitCounts read;
    const Counts* counts = counts_.load(std::memory_order_acquire);
    for (std::size_t i = 0; counts != nullptr && i < kLimits; ++i)
      read.counts[i] = (*counts)[i].load(std::memory_order_relaxed);
    return read;
  }

 private:
  using Counts = std::array<std::atomic<std::uint64_t>, kLimits>;
  std::atomic<Counts*> counts_{nullptr};
};

}  // namespace sluice::transport
