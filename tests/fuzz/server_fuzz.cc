// Frames to a server's session: whatever a client sends, events come in their legal order and what is written
// is well formed. Input: how the application behaves, the size of the pieces that are fed, the wire.
#include "drive.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::http2::fuzz::Input in(data, size);
  const std::uint32_t how = in.u8();
  const std::uint32_t piece = in.u8();
  sluice::http2::fuzz::drive(sluice::http2::Role::kServer, how, in.rest(), [piece] { return piece * piece; });
  return 0;
}
