// What nearly every test includes, compiled once where SLUICE_PCH is on. No test includes this file.
#pragma once

#include <google/protobuf/extension_set.h>
#include <google/protobuf/generated_message_reflection.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "sluice/sluice.h"
#include "sluice/stub/client_streams.h"
#include "sluice/stub/handlers.h"
#include "sluice/stub/unary.h"
