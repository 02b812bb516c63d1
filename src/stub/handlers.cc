// The border where a handler's exception becomes a status.
#include "sluice/stub/handlers.h"

#include "sluice/rpc/interceptor.h"

namespace sluice::detail {

Status status_of_exception() noexcept { return status_of_exception("handler"); }

}  // namespace sluice::detail
