// The text form of Addr.
#include "sluice/base/addr.h"

namespace sluice::inline v0 {
namespace {

bool is_scheme_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

}  // namespace

Result<Addr> Addr::parse(std::string_view text) {
  const auto refused = [text](std::string_view why) {
    return Status(StatusCode::kInvalidArgument, "address \"" + std::string(text) + "\" " + std::string(why));
  };
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return refused("has no scheme");
  const std::string_view scheme = text.substr(0, colon);
  const std::string_view rest = text.substr(colon + 1);
  if (scheme.empty()) return refused("has an empty scheme");
  for (const char c : scheme) {
    if (!is_scheme_char(c)) return refused("has a scheme that is not of a-z, 0-9, +, - and .");
  }
  if (rest.empty()) return refused("has nothing after its scheme");
  return Addr{std::string(scheme), std::string(rest)};
}

}  // namespace sluice::inline v0
