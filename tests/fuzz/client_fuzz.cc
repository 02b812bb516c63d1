// Frames to a client's session with a few requests under way; as server_fuzz.cc.
#include "drive.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::http2::fuzz::Input in(data, size);
  const std::uint32_t how = in.u8();
  const std::uint32_t piece = in.u8();
  sluice::http2::fuzz::drive(sluice::http2::Role::kClient, how, in.rest(), [piece] { return piece * piece; });
  return 0;
}
