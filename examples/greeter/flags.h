// `--name value` pairs of a command line.
#pragma once

#include <charconv>
#include <string_view>
#include <system_error>

namespace greeter {

// Gives each pair to `take`; false as soon as it returns false, or when the last name has no value.
template <class Take>
bool parse_flags(int argc, char** argv, Take take) {
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc || !take(std::string_view(argv[i]), std::string_view(argv[i + 1]))) return false;
  }
  return true;
}

inline bool parse_number(std::string_view text, unsigned& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace greeter
