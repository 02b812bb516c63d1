// run_on: what becomes of an exception that nobody is there to catch.
#include "sluice/async/run_on.h"

#include <exception>
#include <string>

namespace sluice::inline v0::detail {

void log_posted_exception(Loop& loop) noexcept {
  std::string text = "a function that run_on() posted threw";
  try {
    throw;
  } catch (const std::exception& e) {
    text += std::string(": ") + e.what();
  } catch (...) {
    text += " something that is no std::exception";
  }
  loop.group().log(LogLevel::kError, text);
}

}  // namespace sluice::inline v0::detail
