// Which content-types are gRPC's (gRPC PROTOCOL-HTTP2, "Requests"), for both sides.
#pragma once

#include <string_view>

namespace sluice::transport {

// "application/grpc", alone or followed by '+' and a subtype or ';' and parameters.
inline bool is_grpc_content(std::string_view type) {
  constexpr std::string_view kBase = "application/grpc";
  if (!type.starts_with(kBase)) return false;
  return type.size() == kBase.size() || type[kBase.size()] == '+' || type[kBase.size()] == ';';
}

}  // namespace sluice::transport
