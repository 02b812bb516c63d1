// The border where an exception of the program becomes a status.
#pragma once

#include "sluice/base/status.h"

namespace sluice::inline v0::detail {

// The exception being handled: the status of a StatusError, otherwise UNKNOWN with `who` ("handler").
Status status_of_exception(const char* who) noexcept;

}  // namespace sluice::inline v0::detail
