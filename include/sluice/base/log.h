// The log sink: sluice tells it what an operator should know. Off by default; the library never prints.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace sluice::inline v0 {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

// Called on any thread, and concurrently. Must not call sluice. The text is one line without a line end, and
// holds no credentials. An empty function: logging is off.
using LogSink = std::function<void(LogLevel level, std::string_view text)>;

}  // namespace sluice::inline v0
