// The border where a handler's exception becomes a status.
#include "sluice/stub/handlers.h"

#include "base/escape.h"
#include "sluice/rpc/interceptor.h"

namespace sluice::inline v0::detail {

Status status_of_exception() noexcept { return status_of_exception("handler"); }

Status check_named_codec(const ServerCall& call, const MessageOps& request) {
  const std::string_view subtype = call.content_subtype();
  if (!request.type_id || subtype == request.codec || call.codec()) return {};
  constexpr std::size_t kMaxQuoted = 64;  // bytes of what the client chose
  return {StatusCode::kUnimplemented,
          "no codec for content-subtype \"" + escaped(subtype.substr(0, kMaxQuoted), Keep::kAscii) + "\""};
}

}  // namespace sluice::inline v0::detail
