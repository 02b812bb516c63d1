// fail: the one way in which the library ends the process.
#pragma once

#include <string_view>

#include "sluice/base/log.h"

namespace sluice::detail {

// Ends the process (std::terminate) for a programmer's error that would else be undefined behaviour, in every
// build. Tells stderr and `log`, which may be empty, "sluice: TEXT" first; TEXT says what to do instead.
//
// Thread: any.
[[noreturn, gnu::cold]] void fail(std::string_view text, const LogSink& log = {}) noexcept;

}  // namespace sluice::detail
