// The gate's scenarios that no row of the table measures, as sluice's own subject runs them: client and
// server on Runtimes without threads, over pipes, everything on the calling thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace bench {

// Connected at the first call, and kept. Thread: the one that made it.
class GateCalls {
 public:
  GateCalls();
  ~GateCalls();

  // `calls` calls of the scenario, each checked: false when one gave a wrong answer. Throws Unsupported for a
  // name that is not there.
  bool run(const std::string& scenario, std::uint64_t calls);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bench
