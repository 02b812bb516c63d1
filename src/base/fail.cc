// fail: the last words of a process.
#include "sluice/base/fail.h"

#include <cstdio>
#include <exception>
#include <string>

namespace sluice::inline v0::detail {

void fail(std::string_view text, const LogSink& log) noexcept {
  const std::string line = std::string("sluice: ").append(text);
  // The sink is the program's, and may throw; stderr comes first.
  std::fputs((line + "\n").c_str(), stderr);
  std::fflush(stderr);
  try {
    if (log) log(LogLevel::kError, line);
  } catch (...) {
  }
  std::terminate();
}

}  // namespace sluice::inline v0::detail
