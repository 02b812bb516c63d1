// RunToken::Place: what a thread needs to stand in line for the lead of a loop.
#pragma once

#include <atomic>
#include <condition_variable>

#include "sluice/async/detail/run_token.h"

namespace sluice::inline v0::detail {

// A thread's place in the line for the lead. RunToken's, under the lock of its line.
class RunToken::Place {
 public:
  // For the thread whose place it is.
  bool leads() const { return leads_; }
  const bool& done() const { return done_; }

 private:
  friend class RunToken;
  Place* next_ = nullptr;
  std::condition_variable wake_;
  std::atomic<bool> told_{false};  // done_ or leads_ has become true
  bool done_ = false;
  bool leads_ = false;
};

}  // namespace sluice::inline v0::detail
