// HTTP/2 frames on the wire (RFC 9113 sections 4 and 6): the nine-byte header, types, flags and big-endian
// numbers. Shared by the session's reading and writing halves; knows no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "http2/error.h"

namespace sluice::http2 {

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

inline std::uint32_t load_u8(const std::byte* p) { return std::to_integer<std::uint32_t>(*p); }
inline std::uint32_t load_u16(const std::byte* p) { return load_u8(p) << 8 | load_u8(p + 1); }
inline std::uint32_t load_u24(const std::byte* p) { return load_u16(p) << 8 | load_u8(p + 2); }
inline std::uint32_t load_u32(const std::byte* p) { return load_u16(p) << 16 | load_u16(p + 2); }
inline std::uint64_t load_u64(const std::byte* p) {
  return std::uint64_t{load_u32(p)} << 32 | load_u32(p + 4);
}

inline void store_u8(std::byte* p, std::uint32_t v) { *p = static_cast<std::byte>(v); }
inline void store_u16(std::byte* p, std::uint32_t v) { store_u8(p, v >> 8), store_u8(p + 1, v); }
inline void store_u24(std::byte* p, std::uint32_t v) { store_u8(p, v >> 16), store_u16(p + 1, v); }
inline void store_u32(std::byte* p, std::uint32_t v) { store_u16(p, v >> 16), store_u16(p + 2, v); }
inline void store_u64(std::byte* p, std::uint64_t v) {
  store_u32(p, static_cast<std::uint32_t>(v >> 32)), store_u32(p + 4, static_cast<std::uint32_t>(v));
}

struct FrameHeader {
  std::uint32_t length = 0;  // of the payload; 24 bits
  FrameType type = FrameType::kData;
  std::uint8_t flags = 0;
  StreamId stream = 0;  // without the reserved bit

  bool has(std::uint8_t bits) const { return (flags & bits) != 0; }

  // REQUIRES: kFrameHeaderSize bytes at `p`.
  static FrameHeader parse(const std::byte* p) {
    return {load_u24(p), static_cast<FrameType>(load_u8(p + 3)), static_cast<std::uint8_t>(load_u8(p + 4)),
            load_u32(p + 5) & kMaxStreamId};
  }
  void write(std::byte* p) const {
    store_u24(p, length), store_u8(p + 3, static_cast<std::uint32_t>(type)), store_u8(p + 4, flags);
    store_u32(p + 5, stream);
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

}  // namespace sluice::http2
