// fail: the only function by which the library ends the process.
#pragma once

#include <string_view>

#include "sluice/base/log.h"

namespace sluice::inline v0::detail {

// Whether the including code is built with assertions. It is passed as a value to a library that may be built
// without them, which then checks too.
enum class Assertions : bool { kOff, kOn };
#ifdef NDEBUG
constexpr Assertions kAssertions = Assertions::kOff;
#else
constexpr Assertions kAssertions = Assertions::kOn;
#endif

// Writes "sluice: TEXT" to stderr and `log` (may be empty), then calls std::terminate, in every build. For a
// programmer's error that would otherwise be undefined behaviour; TEXT says what to do instead.
//
// Thread: any.
[[noreturn, gnu::cold]] void fail(std::string_view text, const LogSink& log = {}) noexcept;

}  // namespace sluice::inline v0::detail
