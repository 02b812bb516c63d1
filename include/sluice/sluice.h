// What most programs need of sluice: Runtime, Server, Channel and the types of their calls, those of methods
// without generated code too. Generated code includes the rest.
#pragma once

#include "sluice/async/event.h"
#include "sluice/async/queue.h"
#include "sluice/async/signal.h"
#include "sluice/async/sleep.h"
#include "sluice/async/task_scope.h"
#include "sluice/async/when.h"
#include "sluice/client/channel.h"
#include "sluice/runtime/runtime.h"
#include "sluice/server/server.h"
#include "sluice/stub/client_streams.h"
#include "sluice/stub/unary.h"
