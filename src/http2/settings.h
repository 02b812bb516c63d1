// SETTINGS of one side of a connection, and their form on the wire (RFC 9113 section 6.5).
#pragma once

#include <cstdint>

#include "http2/error.h"

namespace sluice::inline v0::http2 {

class Output;

enum class Role : std::uint8_t { kClient, kServer };

// SETTINGS of one side, with the protocol's initial values (RFC 9113 section 6.5.2).
struct Settings {
  static constexpr std::uint32_t kUnlimited = 0xffffffff;
  std::uint32_t header_table_size = 4096;
  bool enable_push = true;
  std::uint32_t max_concurrent_streams = kUnlimited;
  std::uint32_t initial_window_size = 65535;
  std::uint32_t max_frame_size = 16384;
  std::uint32_t max_header_list_size = kUnlimited;
};

// Writes the SETTINGS frame of `role`: what differs from the protocol's initial values. A client always
// refuses push.
void write_settings(Output& out, Role role, const Settings& settings);

// Puts one parameter that the peer sent to `self` into `settings`. Unknown ones are ignored.
Error apply_setting(Settings& settings, Role self, std::uint16_t id, std::uint32_t value);

}  // namespace sluice::inline v0::http2
