// What the tests of beginnings and ends use: kits of tests/support, by their names alone.
#pragma once

#include <chrono>

#include "support/held_service.h"
#include "support/raw_service.h"
#include "support/runtime_fixture.h"
#include "support/scripted_network.h"

namespace sluice::lifecycle {

using namespace std::chrono_literals;
using namespace support;

}  // namespace sluice::lifecycle
