// The value of the grpc-timeout header, both ways (gRPC PROTOCOL-HTTP2, "Timeout"). The transport's streams
// write it at the start of a call and read it before the handler runs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sluice/base/time.h"

namespace sluice::inline v0::wire {

// A timeout as text: at most eight digits and a unit, the smallest that fits, rounded up so that the peer
// never gives up first. Zero and less is "0n". Lifetime: the view points into the object.
class TimeoutText {
 public:
  explicit TimeoutText(Duration timeout);
  std::string_view view() const { return {text_.data() + begin_, text_.size() - begin_}; }

 private:
  std::array<char, 9> text_;
  std::uint8_t begin_;  // the text ends where the array ends
};

// One to eight digits and one of H M S m u n; anything else is nullopt. A timeout too long for a Duration
// is Duration::max(), none is negative.
std::optional<Duration> parse_timeout(std::string_view text);

}  // namespace sluice::inline v0::wire
