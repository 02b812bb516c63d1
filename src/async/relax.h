// relax: for loops that wait without sleeping.
#pragma once

namespace sluice::inline v0 {

// Tells the core that this is a loop that waits: it saves power, and leaves the loop faster.
inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace sluice::inline v0
