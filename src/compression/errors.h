// What all decoders say of a message that they do not take.
#pragma once

#include <string>
#include <string_view>

#include "sluice/base/status.h"

namespace sluice::inline v0::compression {

[[gnu::cold]] inline Status too_large(std::size_t max_size) {
  return {StatusCode::kResourceExhausted,
          "message exceeds the limit of " + std::to_string(max_size) + " bytes once it is decompressed"};
}
[[gnu::cold]] inline Status corrupt(std::string_view name, std::string_view why) {
  return {StatusCode::kInternal, "corrupt " + std::string(name) + " message: " + std::string(why)};
}
[[gnu::cold]] inline Status no_memory(std::string_view name) {
  return {StatusCode::kResourceExhausted, "no memory for " + std::string(name)};
}

}  // namespace sluice::inline v0::compression
