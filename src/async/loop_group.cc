// LoopGroup: who leads one of its loops, and where they log.
#include "sluice/async/loop_group.h"

#include "base/escape.h"
#include "sluice/async/loop.h"

namespace sluice::inline v0 {

bool LoopGroup::leads_any() const {
  for (const Loop* loop : loops_) {
    if (loop->leads()) return true;
  }
  return false;
}

void LoopGroup::log(LogLevel level, std::string_view text) const {
  if (log_) log_(level, escaped(text, Keep::kUnicode));
}

}  // namespace sluice::inline v0
