// Which content-types are gRPC's (gRPC PROTOCOL-HTTP2, "Requests"), for both sides.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::inline v0::wire {

inline constexpr std::string_view kGrpcContent = "application/grpc";

// "application/grpc", alone or followed by '+' and a subtype or ';' and parameters.
inline bool is_grpc_content(std::string_view type) {
  if (!type.starts_with(kGrpcContent)) return false;
  const std::size_t end = kGrpcContent.size();
  return type.size() == end || type[end] == '+' || type[end] == ';';
}

// What follows the '+', up to parameters. REQUIRES: is_grpc_content(type).
inline std::string_view subtype_of(std::string_view type) {
  type.remove_prefix(kGrpcContent.size());
  if (!type.starts_with('+')) return {};
  return type.substr(1, type.find(';') - 1);
}

}  // namespace sluice::inline v0::wire
