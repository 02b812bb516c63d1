// Settings to and from the wire, with the checks of RFC 9113 section 6.5.2.
#include "http2/settings.h"

#include <array>
#include <utility>

#include "http2/frame.h"
#include "http2/output.h"

namespace sluice::inline v0::http2 {

void write_settings(Output& out, Role role, const Settings& settings) {
  std::array<std::pair<SettingId, std::uint32_t>, 6> entries;
  std::uint32_t n = 0;
  const auto put = [&](SettingId id, std::uint32_t value, std::uint32_t initial) {
    if (value != initial) entries[n++] = {id, value};
  };
  const Settings initial;
  put(SettingId::kHeaderTableSize, settings.header_table_size, initial.header_table_size);
  if (role == Role::kClient) put(SettingId::kEnablePush, 0, 1);
  put(SettingId::kMaxConcurrentStreams, settings.max_concurrent_streams, initial.max_concurrent_streams);
  put(SettingId::kInitialWindowSize, settings.initial_window_size, initial.initial_window_size);
  put(SettingId::kMaxFrameSize, settings.max_frame_size, initial.max_frame_size);
  put(SettingId::kMaxHeaderListSize, settings.max_header_list_size, initial.max_header_list_size);

  const auto length = static_cast<std::uint32_t>(n * kSettingSize);
  std::byte* p = out.append(kFrameHeaderSize + length);
  FrameHeader{length, FrameType::kSettings, 0, 0}.write(p);
  p += kFrameHeaderSize;
  for (std::uint32_t i = 0; i < n; ++i, p += kSettingSize) {
    store_u16(p, static_cast<std::uint16_t>(entries[i].first)), store_u32(p + 2, entries[i].second);
  }
}

Error apply_setting(Settings& settings, Role self, std::uint16_t id, std::uint32_t value) {
  switch (static_cast<SettingId>(id)) {
    case SettingId::kHeaderTableSize:
      settings.header_table_size = value;
      break;
    case SettingId::kEnablePush:
      // A server has no say in it: only a client may allow push (RFC 9113 section 6.5.2).
      if (value > 1 || (value == 1 && self == Role::kClient)) {
        return Error::connection(ErrorCode::kProtocolError, "SETTINGS_ENABLE_PUSH out of range");
      }
      settings.enable_push = value == 1;
      break;
    case SettingId::kMaxConcurrentStreams:
      settings.max_concurrent_streams = value;
      break;
    case SettingId::kInitialWindowSize:
      if (value > kMaxWindow) {
        return Error::connection(ErrorCode::kFlowControlError, "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1");
      }
      settings.initial_window_size = value;
      break;
    case SettingId::kMaxFrameSize:
      if (value < kMinMaxFrameSize || value > kMaxMaxFrameSize) {
        return Error::connection(ErrorCode::kProtocolError, "SETTINGS_MAX_FRAME_SIZE out of range");
      }
      settings.max_frame_size = value;
      break;
    case SettingId::kMaxHeaderListSize:
      settings.max_header_list_size = value;
      break;
  }
  return {};
}

}  // namespace sluice::inline v0::http2
