// The frames that control the connection and its streams: SETTINGS, PING, GOAWAY, RST_STREAM, WINDOW_UPDATE
// and PRIORITY (RFC 9113 section 6).
#include <algorithm>

#include "http2/session.h"

namespace sluice::inline v0::http2 {

bool Session::handle_settings(const FrameHeader& header, std::span<const std::byte> payload,
                              EventSink& sink) {
  if (header.stream != 0) return broken(ErrorCode::kProtocolError, "SETTINGS on a stream");
  if (header.has(flag::kAck)) {
    if (!payload.empty()) return broken(ErrorCode::kFrameSizeError, "SETTINGS acknowledgement with payload");
    return handle_settings_ack(sink);
  }
  if (payload.size() % kSettingSize != 0)
    return broken(ErrorCode::kFrameSizeError, "SETTINGS not a multiple of six bytes");
  if (!admit_control_frame()) return false;
  Settings next = peer_;
  for (const std::byte* p = payload.data(); p != payload.data() + payload.size(); p += kSettingSize) {
    const auto id = static_cast<std::uint16_t>(load_u16(p));
    const std::uint32_t value = load_u32(p + 2);
    if (const Error error = apply_setting(next, options_.role, id, value); !error.ok()) {
      return broken(error.code, error.what);
    }
    // At each occurrence: a size that was lower in between has emptied the peer's table (RFC 7541
    // section 4.2).
    if (static_cast<SettingId>(id) == SettingId::kHeaderTableSize) encoder_.set_peer_limit(value);
  }
  const std::int64_t delta = std::int64_t{next.initial_window_size} - peer_.initial_window_size;
  if (!adjust_send_windows(delta)) return false;
  peer_ = next;
  greeting_.received = true;
  write_settings_ack(out_);
  count_reply();
  sink.on_settings(peer_);
  return true;
}

// RFC 9113 section 6.9.2.
bool Session::adjust_send_windows(std::int64_t delta) {
  if (delta == 0) return true;
  bool overflow = false;
  table_.for_each([&](Stream& stream) {
    stream.send_window_ += delta;
    overflow = overflow || stream.send_window_ > kMaxWindow;
    if (stream.list_ == Stream::List::kReady && stream.send_window_ <= 0) ready_.remove(stream);
    wake_if_ready(stream);
  });
  if (overflow) {
    return broken(ErrorCode::kFlowControlError, "SETTINGS_INITIAL_WINDOW_SIZE overflows a window");
  }
  return true;
}

// What we announced is now in force for the peer.
bool Session::handle_settings_ack(EventSink& sink) {
  if (greeting_.acked) return broken(ErrorCode::kProtocolError, "SETTINGS acknowledged twice");
  greeting_.acked = true;
  decoder_.set_max_table_size(options_.local.header_table_size);
  const std::int64_t lowered = std::int64_t{kInitialWindow} - options_.local.initial_window_size;
  if (lowered > 0) table_.for_each([lowered](Stream& stream) { stream.recv_window_ -= lowered; });
  sink.on_settings_ack();
  return true;
}

bool Session::handle_ping(const FrameHeader& header, std::span<const std::byte> payload, EventSink& sink) {
  if (header.stream != 0) return broken(ErrorCode::kProtocolError, "PING on a stream");
  if (payload.size() != 8) return broken(ErrorCode::kFrameSizeError, "PING not of eight bytes");
  const std::uint64_t value = load_u64(payload.data());
  if (header.has(flag::kAck)) {
    if (guards_.pings_in_flight > 0) {
      --guards_.pings_in_flight;
    } else if (!admit_ping()) {
      return false;
    }
    sink.on_ping_ack(value);
  } else {
    if (!admit_ping()) return false;
    write_ping(out_, flag::kAck, value);
    count_reply();
  }
  return true;
}

bool Session::handle_goaway(const FrameHeader& header, std::span<const std::byte> payload, EventSink& sink) {
  if (header.stream != 0) return broken(ErrorCode::kProtocolError, "GOAWAY on a stream");
  if (payload.size() < 8) return broken(ErrorCode::kFrameSizeError, "GOAWAY shorter than eight bytes");
  const StreamId last = load_u32(payload.data()) & kMaxStreamId;
  const auto code = static_cast<ErrorCode>(load_u32(payload.data() + 4));
  const bool client = options_.role == Role::kClient;
  if (client && last != 0 && last % 2 == 0)
    return broken(ErrorCode::kProtocolError, "GOAWAY with a stream id that is not ours");
  if (goaway_.any_received && last > goaway_.received)
    return broken(ErrorCode::kProtocolError, "GOAWAY with an increasing stream id");
  if (!admit_control_frame()) return false;
  goaway_.received = last;
  goaway_.any_received = true;
  sink.on_goaway(last, code, as_text(payload.subspan(8)));
  if (!client) return true;

  std::vector<StreamId> unprocessed;
  table_.for_each([&](const Stream& stream) {
    if (stream.id() > last) unprocessed.push_back(stream.id());
  });
  std::sort(unprocessed.begin(), unprocessed.end());
  for (const StreamId id : unprocessed) {
    Stream* stream = find(id);
    if (stream == nullptr || stream->state_ == State::kClosed) continue;
    mark_reset(id);
    stream->remote_closed_ = true;
    advance(*stream, Event::kRecvReset);
    sink.on_reset(*stream, ErrorCode::kRefusedStream);
  }
  return true;
}

bool Session::handle_rst_stream(const FrameHeader& header, std::span<const std::byte> payload,
                                EventSink& sink) {
  if (payload.size() != 4) return broken(ErrorCode::kFrameSizeError, "RST_STREAM not of four bytes");
  if (header.stream == 0 || idle(header.stream)) {
    // Proxies reset what they never sent, when our GOAWAY came before it: calls still run on the connection.
    const bool forestalled = header.stream % 2 == 1 && header.stream > goaway_.sent;
    return (forestalled && options_.role == Role::kServer)
               ? admit_late_reset()
               : broken(ErrorCode::kProtocolError, "RST_STREAM on an idle stream");
  }
  Stream* stream = find(header.stream);
  if (stream == nullptr || stream->state_ == State::kClosed) return admit_late_reset();
  if (!admit_reset(*stream)) return false;
  stream->remote_closed_ = true;
  advance(*stream, Event::kRecvReset);
  sink.on_reset(*stream, static_cast<ErrorCode>(load_u32(payload.data())));
  return true;
}

bool Session::handle_window_update(const FrameHeader& header, std::span<const std::byte> payload,
                                   EventSink& sink) {
  if (payload.size() != 4) return broken(ErrorCode::kFrameSizeError, "WINDOW_UPDATE not of four bytes");
  const std::int64_t increment = load_u32(payload.data()) & kMaxStreamId;
  if (header.stream == 0) {
    if (increment == 0) return broken(ErrorCode::kProtocolError, "WINDOW_UPDATE of zero");
    if (!admit_window_update(nullptr, static_cast<std::uint32_t>(increment))) return false;
    window_.send += increment;
    if (window_.send <= kMaxWindow) return true;
    return broken(ErrorCode::kFlowControlError, "connection's window above 2^31-1");
  }
  if (idle(header.stream)) return broken(ErrorCode::kProtocolError, "WINDOW_UPDATE on an idle stream");
  Stream* stream = find(header.stream);
  if (!admit_window_update(stream, static_cast<std::uint32_t>(increment))) return false;
  if (stream == nullptr || stream->state_ == State::kClosed) return true;
  if (increment == 0) {
    stream_error(*stream, ErrorCode::kProtocolError, "WINDOW_UPDATE of zero", sink);
  } else if (stream->send_window_ + increment > kMaxWindow) {
    stream_error(*stream, ErrorCode::kFlowControlError, "stream's window above 2^31-1", sink);
  } else {
    stream->send_window_ += increment;
    wake_if_ready(*stream);
  }
  return true;
}

bool Session::handle_priority(const FrameHeader& header, std::span<const std::byte> payload,
                              EventSink& sink) {
  if (header.stream == 0) return broken(ErrorCode::kProtocolError, "PRIORITY on stream 0");
  const bool sized = header.length == kPriorityFieldsSize;
  if (sized && !depends_on_itself(header.stream, payload)) return true;
  const ErrorCode code = sized ? ErrorCode::kProtocolError : ErrorCode::kFrameSizeError;
  const std::string_view what = sized ? "stream depends on itself" : "PRIORITY not of five bytes";
  Stream* stream = find(header.stream);
  if (stream != nullptr) {
    stream_error(*stream, code, what, sink);
    return true;
  }
  // Of one that is gone it says nothing any more. On an idle one no RST_STREAM may be sent, so that its
  // error is the connection's.
  return (sized && !idle(header.stream)) || broken(code, what);
}

}  // namespace sluice::inline v0::http2
