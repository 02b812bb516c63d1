// AwaitedSignals: which signals the coroutines of one Runtime wait for.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::inline v0::detail {

// Each signal has one wait at most: a second descriptor would take it from the first, now and then. Bit n - 1
// is signal n. Thread: any.
class AwaitedSignals {
 public:
  // Claims all of `signals`, or none: returns those that are claimed already.
  std::uint64_t try_claim(std::uint64_t signals) {
    std::uint64_t claimed = claimed_.load();
    while ((claimed & signals) == 0) {
      if (claimed_.compare_exchange_weak(claimed, claimed | signals)) return 0;
    }
    return claimed & signals;
  }
  void release(std::uint64_t signals) { claimed_.fetch_and(~signals); }

 private:
  std::atomic<std::uint64_t> claimed_{0};
};

}  // namespace sluice::inline v0::detail
