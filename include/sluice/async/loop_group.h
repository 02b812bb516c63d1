// LoopGroup: what the loops of one Runtime share: where they log, and whether they assert.
#pragma once

#include <string_view>
#include <vector>

#include "sluice/base/fail.h"
#include "sluice/base/log.h"

namespace sluice {

class Loop;

// The loops of one Runtime. Constant once they run.
class LoopGroup {
 public:
  // With assertions its loops check at their end that nothing lives on them.
  explicit LoopGroup(LogSink log = {}, detail::Assertions assertions = detail::kAssertions)
      : log_(std::move(log)), assertions_(assertions) {}
  void add(Loop& loop) { loops_.push_back(&loop); }
  // True if the calling thread leads one of them.
  bool leads_any() const;
  // Control characters, which may come from a peer, are escaped: a text is one line.
  void log(LogLevel level, std::string_view text) const;
  bool logs() const { return static_cast<bool>(log_); }
  bool asserts() const { return assertions_ == detail::Assertions::kOn; }
  // Ends the process: see detail::fail.
  [[noreturn, gnu::cold]] void fail(std::string_view text) const noexcept { detail::fail(text, log_); }

 private:
  std::vector<Loop*> loops_;
  const LogSink log_;
  const detail::Assertions assertions_;
};

}  // namespace sluice
