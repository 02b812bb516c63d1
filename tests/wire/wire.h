// What the tests of the wire use: kits of tests/support, by their names alone.
#pragma once

#include <chrono>

#include "support/held_service.h"
#include "support/raw_service.h"
#include "support/wire_fixture.h"

namespace sluice::inline v0::wire {

using namespace std::chrono_literals;
using namespace support;
using http2::ErrorCode;
using http2::FrameType;
using http2::SettingId;

}  // namespace sluice::inline v0::wire
