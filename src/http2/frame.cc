// Serialises whole frames other than DATA and SETTINGS into the output.
#include "http2/frame.h"

#include <algorithm>
#include <cstring>

#include "http2/output.h"

namespace sluice::inline v0::http2 {

namespace {

// Writes a frame's header and returns where its `length` bytes of payload go.
std::byte* begin_frame(Output& out, FrameType type, std::uint8_t flags, StreamId id, std::uint32_t length) {
  std::byte* p = out.append(kFrameHeaderSize + length);
  FrameHeader{length, type, flags, id}.write(p);
  return p + kFrameHeaderSize;
}

}  // namespace

void write_rst_stream(Output& out, StreamId id, ErrorCode code) {
  store_u32(begin_frame(out, FrameType::kRstStream, 0, id, 4), static_cast<std::uint32_t>(code));
}

void write_settings_ack(Output& out) { begin_frame(out, FrameType::kSettings, flag::kAck, 0, 0); }

void write_ping(Output& out, std::uint8_t flags, std::uint64_t payload) {
  store_u64(begin_frame(out, FrameType::kPing, flags, 0, 8), payload);
}

void write_goaway(Output& out, StreamId last, ErrorCode code, std::string_view debug) {
  debug = debug.substr(0, kMinMaxFrameSize - 8);
  std::byte* p = begin_frame(out, FrameType::kGoaway, 0, 0, static_cast<std::uint32_t>(8 + debug.size()));
  store_u32(p, last), store_u32(p + 4, static_cast<std::uint32_t>(code));
  if (!debug.empty()) std::memcpy(p + 8, debug.data(), debug.size());
}

void write_window_update(Output& out, StreamId id, std::uint32_t increment) {
  store_u32(begin_frame(out, FrameType::kWindowUpdate, 0, id, 4), increment);
}

void write_block(Output& out, StreamId id, std::span<const std::byte> block, bool end_stream,
                 std::uint32_t max_frame_size) {
  FrameType type = FrameType::kHeaders;
  std::uint8_t flags = end_stream ? flag::kEndStream : 0;
  for (;;) {
    const auto piece = block.first(std::min<std::size_t>(block.size(), max_frame_size));
    block = block.subspan(piece.size());
    if (block.empty()) flags |= flag::kEndHeaders;
    std::byte* p = begin_frame(out, type, flags, id, static_cast<std::uint32_t>(piece.size()));
    if (!piece.empty()) std::memcpy(p, piece.data(), piece.size());
    if (block.empty()) return;
    type = FrameType::kContinuation, flags = 0;
  }
}

}  // namespace sluice::inline v0::http2
