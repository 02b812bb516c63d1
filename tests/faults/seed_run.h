// What one seed stands for: a server, a channel, and calls of all four kinds over connections with faults, in
// virtual time. The tests run thousands of seeds, fault_replay one of them with a log.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/status.h"
#include "sluice/testing/fault_conn.h"

namespace sluice::faults {

// Given one line for everything that happens; empty: nobody listens.
using Log = std::function<void(std::string_view)>;

struct SeedReport {
  std::vector<std::string> wrong;  // empty: the seed is good
  int calls = 0;
  std::map<StatusCode, int> ended;  // the calls, by status
  // Faults that happened, by kind; [0] reads, [1] writes.
  std::array<std::array<int, testing::kNumFaultKinds>, 2> faults{};
  int connections = 0;
  std::uint64_t trace = 0;  // the same for every run of a seed

  // Different kinds of fault; a split of a read and one of a write are two.
  int fault_kinds() const;
};

// Never throws; what goes wrong is in the report. A run with anything wrong is leaked.
SeedReport run_seed(std::uint64_t seed, const Log& log = {});

}  // namespace sluice::faults
