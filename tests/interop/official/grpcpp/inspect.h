// What the server and the client of the interop service that are made of grpc++ share.
#pragma once

#include <grpcpp/grpcpp.h>

#include "common.h"
#include "grpc/testing/test.grpc.pb.h"

// gRPC core's own, which its official programs ask too; exported, but in no installed header.
std::uint32_t grpc_call_test_only_get_message_flags(grpc_call* call);

namespace official {

// Whether the message that this call received last came compressed.
inline bool message_compressed(grpc_call* call) {
  constexpr std::uint32_t kWasCompressed = 0x40000000, kCompressed = 0x80000000;
  return (grpc_call_test_only_get_message_flags(call) & (kWasCompressed | kCompressed)) != 0;
}

inline std::string text_of(grpc::string_ref text) { return {text.data(), text.size()}; }

}  // namespace official
