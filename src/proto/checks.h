// What protobuf cannot do, found out before it is asked: its own checks would print to stderr.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <limits>

#include "sluice/base/status.h"

namespace sluice::inline v0::detail {

// protobuf counts in int.
inline constexpr std::size_t kMaxProtoSize = std::numeric_limits<int>::max();

Status too_large(StatusCode code, const google::protobuf::MessageLite& message, std::size_t size);
Status missing_fields(const google::protobuf::MessageLite& message);

}  // namespace sluice::inline v0::detail
