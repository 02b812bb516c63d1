// HTTP/2 frames on the wire (RFC 9113 sections 4 and 6): the nine-byte header, types, flags and big-endian
// numbers. Shared by the session's reading and writing halves; knows no state.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "http2/error.h"

namespace sluice::inline v0::http2 {

class Output;

enum class FrameType : std::uint8_t {
  kData = 0x0,
  kHeaders = 0x1,
  kPriority = 0x2,
  kRstStream = 0x3,
  kSettings = 0x4,
  kPushPromise = 0x5,
  kPing = 0x6,
  kGoaway = 0x7,
  kWindowUpdate = 0x8,
  kContinuation = 0x9,
};

namespace flag {
inline constexpr std::uint8_t kEndStream = 0x1;
inline constexpr std::uint8_t kAck = 0x1;
inline constexpr std::uint8_t kEndHeaders = 0x4;
inline constexpr std::uint8_t kPadded = 0x8;
inline constexpr std::uint8_t kPriority = 0x20;
}  // namespace flag

// Identifiers of SETTINGS parameters (section 6.5.2).
enum class SettingId : std::uint16_t {
  kHeaderTableSize = 0x1,
  kEnablePush = 0x2,
  kMaxConcurrentStreams = 0x3,
  kInitialWindowSize = 0x4,
  kMaxFrameSize = 0x5,
  kMaxHeaderListSize = 0x6,
};

inline constexpr std::string_view kClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr std::size_t kFrameHeaderSize = 9;
inline constexpr std::size_t kPriorityFieldsSize = 5;
inline constexpr std::size_t kSettingSize = 6;
inline constexpr std::uint32_t kMinMaxFrameSize = 1u << 14;
inline constexpr std::uint32_t kMaxMaxFrameSize = (1u << 24) - 1;
inline constexpr std::int64_t kMaxWindow = 0x7fffffff;
inline constexpr std::uint32_t kInitialWindow = 65535;

// Big-endian numbers at any address; one load or store and a byte swap each.
inline std::uint64_t swap_if_little(std::uint64_t v) {
  return std::endian::native == std::endian::little ? __builtin_bswap64(v) : v;
}
inline std::uint32_t swap_if_little(std::uint32_t v) {
  return std::endian::native == std::endian::little ? __builtin_bswap32(v) : v;
}
template <class T>
T load(const std::byte* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return swap_if_little(v);
}
template <class T>
void store(std::byte* p, T v) {
  v = swap_if_little(v);
  std::memcpy(p, &v, sizeof v);
}
inline std::uint32_t load_u8(const std::byte* p) { return std::to_integer<std::uint32_t>(*p); }
inline std::uint32_t load_u16(const std::byte* p) { return load_u8(p) << 8 | load_u8(p + 1); }
inline std::uint32_t load_u32(const std::byte* p) { return load<std::uint32_t>(p); }
inline std::uint64_t load_u64(const std::byte* p) { return load<std::uint64_t>(p); }
inline void store_u8(std::byte* p, std::uint32_t v) { *p = static_cast<std::byte>(v); }
inline void store_u16(std::byte* p, std::uint32_t v) { store_u8(p, v >> 8), store_u8(p + 1, v); }
inline void store_u32(std::byte* p, std::uint32_t v) { store(p, v); }
inline void store_u64(std::byte* p, std::uint64_t v) { store(p, v); }

struct FrameHeader {
  std::uint32_t length = 0;  // of the payload; 24 bits
  FrameType type = FrameType::kData;
  std::uint8_t flags = 0;
  StreamId stream = 0;  // without the reserved bit

  bool has(std::uint8_t bits) const { return (flags & bits) != 0; }

  // REQUIRES: kFrameHeaderSize bytes at `p`.
  static FrameHeader parse(const std::byte* p) {
    const std::uint64_t first = load_u64(p);
    const auto high = static_cast<std::uint32_t>(first);
    return {static_cast<std::uint32_t>(first >> 40), static_cast<FrameType>(first >> 32 & 0xff),
            static_cast<std::uint8_t>(high >> 24), (high << 8 | load_u8(p + 8)) & kMaxStreamId};
  }
  void write(std::byte* p) const {
    store_u64(p, std::uint64_t{length} << 40 | std::uint64_t{static_cast<std::uint8_t>(type)} << 32 |
                     std::uint64_t{flags} << 24 | stream >> 8);
    store_u8(p + 8, stream);
  }
};

void write_rst_stream(Output& out, StreamId id, ErrorCode code);
void write_settings_ack(Output& out);
void write_ping(Output& out, std::uint8_t flags, std::uint64_t payload);
void write_goaway(Output& out, StreamId last, ErrorCode code, std::string_view debug);
void write_window_update(Output& out, StreamId id, std::uint32_t increment);
// HEADERS, and CONTINUATION for what exceeds `max_frame_size`.
void write_block(Output& out, StreamId id, std::span<const std::byte> block, bool end_stream,
                 std::uint32_t max_frame_size);

}  // namespace sluice::inline v0::http2
