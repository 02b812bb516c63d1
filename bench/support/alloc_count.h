// Counts heap allocations of the whole program, by defining malloc and its family in front of glibc's.
// Linked into every benchmark program; while nothing is counted it costs one predicted branch a call.
#pragma once

#include <cstdint>

namespace bench {

struct AllocCount {
  std::int64_t allocations = 0;  // malloc, calloc, realloc that moves or grows from nothing, aligned ones
  std::int64_t live_bytes = 0;   // usable bytes allocated minus freed since counting began; may be negative
};

// Any thread.
void start_counting();
AllocCount stop_counting();
AllocCount counted_so_far();

}  // namespace bench
