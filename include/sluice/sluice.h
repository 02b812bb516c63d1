// What most programs need of sluice: Runtime, Server, Channel and the types of their calls. Generated code
// includes the rest.
#pragma once

#include "sluice/async/sleep.h"
#include "sluice/client/channel.h"
#include "sluice/runtime/runtime.h"
#include "sluice/server/server.h"
