// The message of a loop on which nothing can make progress.
#include "sluice/async/detail/stuck_reporter.h"

#include <utility>

namespace sluice::inline v0::detail {

void StuckReporters::add(StuckReporter& reporter) {
  reporter.prev_ = nullptr;
  reporter.next_ = first_;
  if (first_) first_->prev_ = &reporter;
  first_ = &reporter;
}

void StuckReporters::remove(StuckReporter& reporter) {
  (reporter.prev_ ? reporter.prev_->next_ : first_) = reporter.next_;
  if (reporter.next_) reporter.next_->prev_ = reporter.prev_;
}

Status StuckReporters::to_status() const {
  std::string text = "nothing can make progress: ";
  const std::size_t begin = text.size();
  for (const StuckReporter* reporter = first_; reporter != nullptr; reporter = reporter->next_) {
    const std::size_t before = text.size();
    if (before > begin) text += "; ";
    const std::size_t at = text.size();
    reporter->describe(text);
    if (text.size() == at) text.resize(before);  // it waits for nothing
  }
  if (text.size() == begin) text += "no waiter is known";
  return Status(StatusCode::kInternal, std::move(text));
}

}  // namespace sluice::inline v0::detail
