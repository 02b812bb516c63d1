// The border where a handler's exception becomes a status.
#include "sluice/stub/handlers.h"

namespace sluice::detail {

Status status_of_exception() noexcept {
  try {
    throw;
  } catch (const StatusError& error) {
    // An OK that was thrown says that there is no reply, which is no success.
    if (error.status().ok()) return {StatusCode::kUnknown, "handler threw a StatusError that is OK"};
    return error.status();
  } catch (const std::exception& error) {
    return {StatusCode::kUnknown, std::string("handler threw: ") + error.what()};
  } catch (...) {
    return {StatusCode::kUnknown, "handler threw something that is no std::exception"};
  }
}

}  // namespace sluice::detail
