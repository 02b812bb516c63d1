// LoopGroup: what the loops of one Runtime share: where they log, whether they assert, what their messages
// may hold, and which signals their coroutines wait for.
#pragma once

#include <string_view>
#include <vector>

#include "sluice/async/detail/awaited_signals.h"
#include "sluice/async/memory_budget.h"
#include "sluice/base/fail.h"
#include "sluice/base/log.h"

namespace sluice::inline v0 {

class Loop;

// The loops of one Runtime. Constant once they run, but for memory and signals, which are for any thread.
class LoopGroup {
 public:
  // With assertions its loops check at their end that nothing lives on them.
  explicit LoopGroup(LogSink log = {}, detail::Assertions assertions = detail::kAssertions,
                     std::size_t memory_budget = MemoryBudget::kDefault)
      : log_(std::move(log)), assertions_(assertions), memory_(memory_budget) {}
  void add(Loop& loop) { loops_.push_back(&loop); }
  // True if the calling thread leads one of them.
  bool leads_any() const;
  // Control characters, which may come from a peer, are escaped: a text is one line.
  void log(LogLevel level, std::string_view text) const;
  bool logs() const { return static_cast<bool>(log_); }
  bool asserts() const { return assertions_ == detail::Assertions::kOn; }
  MemoryBudget& memory() { return memory_; }
  detail::AwaitedSignals& awaited_signals() { return awaited_signals_; }
  // Ends the process: see detail::fail.
  [[noreturn, gnu::cold]] void fail(std::string_view text) const noexcept { detail::fail(text, log_); }

 private:
  std::vector<Loop*> loops_;
  const LogSink log_;
  const detail::Assertions assertions_;
  MemoryBudget memory_;
  detail::AwaitedSignals awaited_signals_;
};

}  // namespace sluice::inline v0
