// Journal: what the interceptors and handlers of a test note down, from whatever thread.
#pragma once

#include <mutex>
#include <string>
#include <vector>

namespace sluice::e2e {

class Journal {
 public:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;  // under mutex_
};

using Lines = std::vector<std::string>;

}  // namespace sluice::e2e
