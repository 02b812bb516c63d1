// The border where an exception becomes a status.
#include "sluice/base/detail/exception_status.h"

#include <exception>
#include <string>

namespace sluice::inline v0::detail {

Status status_of_exception(const char* who) noexcept {
  const std::string thrower(who);
  try {
    throw;
  } catch (const StatusError& error) {
    // An OK that was thrown says that there is no reply, which is no success.
    if (error.status().ok()) return {StatusCode::kUnknown, thrower + " threw a StatusError that is OK"};
    return error.status();
  } catch (const std::exception& error) {
    return {StatusCode::kUnknown, thrower + " threw: " + error.what()};
  } catch (...) {
    return {StatusCode::kUnknown, thrower + " threw something that is no std::exception"};
  }
}

}  // namespace sluice::inline v0::detail
