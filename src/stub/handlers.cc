// The border where a handler's exception becomes a status.
#include "sluice/stub/handlers.h"

#include "sluice/rpc/interceptor.h"

namespace sluice::detail {

Status status_of_exception() noexcept { return status_of_exception("handler"); }

Status unknown_codec(std::string_view subtype) {
  constexpr std::size_t kMaxQuoted = 64;  // bytes of what the client chose
  return {StatusCode::kUnimplemented,
          "no codec for content-subtype \"" + std::string(subtype.substr(0, kMaxQuoted)) + "\""};
}

}  // namespace sluice::detail
