// MessageTraits: which C++ types can be messages, and their MessageOps.
#pragma once

#include <utility>

#include "sluice/base/message.h"

namespace sluice {

// Specialised for each message type: `static const MessageOps& ops();`. sluice/proto does it for protobuf's.
template <class T>
struct MessageTraits;

// Raw bytes: a Chain is sent and received as it is.
template <>
struct MessageTraits<Chain> {
  static const MessageOps& ops();
};

}  // namespace sluice
