// The heap as this program sees it: operator new and delete are replaced by ones that count. The library and
// protobuf take all their memory from these.
#pragma once

#include <cstdint>

namespace sluice::support {

struct LiveHeap {
  std::int64_t bytes = 0;  // usable bytes of what was allocated and not freed
  std::int64_t blocks = 0;
  std::int64_t allocations = 0;  // blocks there ever were
};

// Since the program began. Any thread.
LiveHeap live_heap();
// The most `bytes` there have been since this was called last.
std::int64_t take_peak_bytes();

}  // namespace sluice::support
