// fail: the one way in which the library ends the process.
#pragma once

#include <string_view>

#include "sluice/base/log.h"

namespace sluice::detail {

// Whether the code that includes this is built with assertions. It travels as a value to what a library that
// is built without them can check too.
enum class Assertions : bool { kOff, kOn };
#ifdef NDEBUG
constexpr Assertions kAssertions = Assertions::kOff;
#else
constexpr Assertions kAssertions = Assertions::kOn;
#endif

// Ends the process (std::terminate) for a programmer's error that would else be undefined behaviour, in every
// build. Tells stderr and `log`, which may be empty, "sluice: TEXT" first; TEXT says what to do instead.
//
// Thread: any.
[[noreturn, gnu::cold]] void fail(std::string_view text, const LogSink& log = {}) noexcept;

}  // namespace sluice::detail
