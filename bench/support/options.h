// The command line that every benchmark program takes.
// bench/run.py starts one process for each subject, row, pinning and round.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

struct Options {
  std::vector<int> rows;           // --rows 1,3: rows of docs/performance.md to measure
  std::string api;                 // --api sync: for subjects that have several
  std::string subject;             // --subject NAME: copied into each result
  std::string pinning = "free";    // --pinning NAME: copied into each result; the caller has pinned us
  int round = 0;                   // --round N: copied into each result
  double seconds = 1.0;            // --seconds S: length of one measurement
  double warmup_seconds = 0.2;     // --warmup S
  std::string scenario;            // --scenario NAME: run `calls` of it and nothing else (for counting tools)
  std::uint64_t calls = 0;         // --calls N
  bool count_allocations = false;  // --count: count allocations in a scenario
  bool first_reply = false;        // --first-reply: make one call, write one byte, end
  bool peaks = false;              // --peaks: tell at the end how near connections came to their limits
};

// Exits with status 2 and a line on stderr when the command line makes no sense.
Options parse_options(int argc, char** argv);

}  // namespace bench
