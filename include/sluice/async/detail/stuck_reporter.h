// StuckReporter: a line of the message "nothing can make progress", which ends a simulated run that is stuck.
#pragma once

#include <string>

#include "sluice/base/status.h"

namespace sluice::inline v0::detail {

// Something on a loop that can say what it waits for. Loop-only. Lifetime: taken off its loop before it goes.
class StuckReporter {
 public:
  // Appends a few words to `out`, or nothing if it waits for nothing.
  virtual void describe(std::string& out) const = 0;

 protected:
  StuckReporter() = default;
  ~StuckReporter() = default;

 private:
  friend class StuckReporters;
  StuckReporter* prev_ = nullptr;
  StuckReporter* next_ = nullptr;
};

// Those of one loop, the latest first. Loop-only.
class StuckReporters {
 public:
  void add(StuckReporter& reporter);
  void remove(StuckReporter& reporter);
  // INTERNAL, "nothing can make progress: …".
  Status to_status() const;

 private:
  StuckReporter* first_ = nullptr;
};

}  // namespace sluice::inline v0::detail
