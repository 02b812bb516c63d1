// What Compressors and Codecs may be called, so that their names can stand in a header field.
#pragma once

#include <algorithm>
#include <string_view>

namespace sluice::inline v0 {

inline bool is_encoding_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), fits);
}

}  // namespace sluice::inline v0
