// Which windows make sense.
#include "sluice/base/flow_control.h"

#include <string>

namespace sluice::inline v0 {

namespace {
constexpr std::uint32_t kLargest = 0x7fffffff, kProtocolsDefault = 65'535;

Status refused(const char* name, std::uint32_t bytes, const char* why) {
  return {StatusCode::kInvalidArgument,
          "flow_control." + std::string(name) + " of " + std::to_string(bytes) + why};
}
}  // namespace

Status FlowControl::check() const {
  const struct {
    const char* name;
    std::uint32_t bytes;
    bool smaller;  // than the protocol's
  } windows[] = {{"stream_window", stream_window, stream_window < kProtocolsDefault},
                 {"connection_window", connection_window, connection_window < kProtocolsDefault},
                 {"largest_stream_window", largest_stream_window, false}};
  for (const auto& [name, bytes, smaller] : windows) {
    if (bytes > kLargest) return refused(name, bytes, " is more than HTTP/2 allows, 2147483647");
    if (bytes > 0 && smaller) return refused(name, bytes, " is less than HTTP/2 begins with, 65535");
  }
  return {};
}

}  // namespace sluice::inline v0
