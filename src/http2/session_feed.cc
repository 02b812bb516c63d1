// Received bytes to frames. A frame that lies whole in what was fed is handled in place; only an incomplete
// one is copied. DATA goes on to the sink piece by piece.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "http2/session.h"
#include "http2/stranger.h"

namespace sluice::inline v0::http2 {

namespace {

// Kept between frames; more is given back.
constexpr std::size_t kKeptPartial = 1024;

// The bytes of the payload that must be there before a frame is handled: all of most types, the length of
// the padding of DATA, the fields of PRIORITY if it has its size, nothing of what is passed over.
[[gnu::always_inline]] inline std::size_t needed(const FrameHeader& header) {
  constexpr std::uint32_t kWhole = 0b11'1101'1010;  // by type: all but DATA, PRIORITY and PUSH_PROMISE
  const auto type = static_cast<std::uint32_t>(header.type);
  if (type < 10 && (kWhole >> type & 1) != 0) return header.length;
  if (header.type == FrameType::kData) return header.has(flag::kPadded) && header.length > 0 ? 1 : 0;
  return header.type == FrameType::kPriority && header.length == kPriorityFieldsSize ? header.length : 0;
}

}  // namespace

Error Session::feed(Bytes bytes, TimePoint now, EventSink& sink) {
  if (!error_.ok()) return error_;
  now_ = now;
  if (!closing_.empty()) deliver_closed(sink);
  while (!bytes.empty()) {
    const bool good = body_.active ? feed_body(bytes, sink) : feed_some(bytes, sink);
    if (!good || !error_.ok()) [[unlikely]]
      return fail();
    if (!closing_.empty()) deliver_closed(sink);
  }
  assert(window_.receive + window_.gathered + body_.charged == connection_window(options_) &&
         "the connection's window, and what is on its way back into it");
  return {};
}

// Takes one frame, or what there is of it, off the front of `bytes`.
bool Session::feed_some(Bytes& bytes, EventSink& sink) {
  if (partial_.preface_left > 0 || !partial_.bytes.empty()) [[unlikely]] {
    return partial_.preface_left > 0 ? feed_preface(bytes) : feed_partial(bytes, sink);
  }
  partial_.want = kFrameHeaderSize;
  if (bytes.size() >= kFrameHeaderSize) [[likely]] {
    const FrameHeader header = FrameHeader::parse(bytes.data());
    if (!unquestioned(header) && !check_header(header)) return false;
    if (header.type == FrameType::kData && feed_whole_data(header, bytes, sink)) return true;
    const std::size_t payload = needed(header);
    partial_.want = kFrameHeaderSize + payload;
    if (bytes.size() >= partial_.want) [[likely]] {
      const bool good = handle_frame(header, bytes.span().subspan(kFrameHeaderSize, payload), sink);
      bytes.remove_prefix(kFrameHeaderSize + payload);
      return good && (!body_.active || bytes.empty() || feed_body(bytes, sink));
    }
  }
  partial_.bytes.assign(bytes.data(), bytes.data() + bytes.size());
  bytes = {};
  return true;
}

// RFC 9113 section 3.4. A server begins with a frame, of which a client looks at the first byte here:
// SETTINGS are shorter than 64 KiB, and the records and texts of other protocols do not begin with a zero.
bool Session::feed_preface(Bytes& bytes) {
  if (options_.role == Role::kClient) {
    partial_.preface_left = 0;
    if (bytes.data()[0] == std::byte{0}) return true;
    return broken(ErrorCode::kProtocolError, name_stranger(options_.role, bytes.text()));
  }
  const std::size_t n = std::min(bytes.size(), partial_.preface_left);
  const std::size_t seen = kClientPreface.size() - partial_.preface_left;
  const std::string_view expected = kClientPreface.substr(seen, n);
  if (std::memcmp(bytes.data(), expected.data(), n) != 0) {
    const std::string first =
        std::string(kClientPreface.substr(0, seen)) + std::string(bytes.text().substr(0, n));
    return broken(ErrorCode::kProtocolError, name_stranger(options_.role, first));
  }
  partial_.preface_left -= n;
  bytes.remove_prefix(n);
  return true;
}

bool Session::feed_partial(Bytes& bytes, EventSink& sink) {
  const std::size_t n = std::min(bytes.size(), partial_.want - partial_.bytes.size());
  partial_.bytes.insert(partial_.bytes.end(), bytes.data(), bytes.data() + n);
  bytes.remove_prefix(n);
  if (partial_.bytes.size() < partial_.want) return true;
  const FrameHeader header = FrameHeader::parse(partial_.bytes.data());
  if (partial_.want == kFrameHeaderSize) {
    if (!check_header(header)) return false;
    partial_.want += needed(header);
    if (partial_.bytes.size() < partial_.want) return true;
  }
  const bool good =
      handle_frame(header, std::span<const std::byte>(partial_.bytes).subspan(kFrameHeaderSize), sink);
  if (partial_.bytes.capacity() > kKeptPartial) {
    partial_.bytes = {};
  } else {
    partial_.bytes.clear();
  }
  return good;
}

// What can be said of a frame before its payload is there.
bool Session::check_header(const FrameHeader& header) {
  if (header.length > options_.local.max_frame_size) {
    return broken(ErrorCode::kFrameSizeError, "frame longer than SETTINGS_MAX_FRAME_SIZE");
  }
  const bool continuation = header.type == FrameType::kContinuation;
  if (block_.stream != 0 && !(continuation && header.stream == block_.stream)) {
    return broken(ErrorCode::kProtocolError, "header block interrupted");
  }
  if (!greeting_.received && (header.type != FrameType::kSettings || header.has(flag::kAck))) {
    return broken(ErrorCode::kProtocolError, "first frame is not SETTINGS");
  }
  return block_.bytes.size() + needed(header) <= max_block_ || exceeded(Limit::kFrameKept);
}

bool Session::handle_frame(const FrameHeader& header, std::span<const std::byte> payload, EventSink& sink) {
  ++counts_.frames[std::min<std::size_t>(static_cast<std::size_t>(header.type), counts_.frames.size() - 1)];
  switch (header.type) {
    case FrameType::kData:
      return begin_data(header, payload, sink);
    case FrameType::kHeaders:
      return handle_headers(header, payload, sink);
    case FrameType::kContinuation:
      return handle_continuation(header, payload, sink);
    case FrameType::kRstStream:
      return handle_rst_stream(header, payload, sink);
    case FrameType::kSettings:
      return handle_settings(header, payload, sink);
    case FrameType::kPing:
      return handle_ping(header, payload, sink);
    case FrameType::kGoaway:
      return handle_goaway(header, payload, sink);
    case FrameType::kWindowUpdate:
      return handle_window_update(header, payload, sink);
    case FrameType::kPushPromise:
      return broken(ErrorCode::kProtocolError, "PUSH_PROMISE although push is off");
    case FrameType::kPriority:
      if (!handle_priority(header, payload, sink)) return false;
      break;
  }
  if (!admit_control_frame()) return false;
  // PRIORITY and unknown types: what they say is passed over (RFC 9113 sections 5.3.2 and 5.5).
  const auto left = header.length - static_cast<std::uint32_t>(payload.size());
  body_ = {.padding = left, .active = left > 0};
  return true;
}

// The head of a DATA frame. Windows are charged for the whole frame at once.
bool Session::begin_data(const FrameHeader& header, std::span<const std::byte> pad_length, EventSink& sink) {
  if (header.stream == 0 || idle(header.stream)) {
    return broken(ErrorCode::kProtocolError, "DATA on an idle stream");
  }
  std::uint32_t padded = 0;
  if (header.has(flag::kPadded)) {
    padded = pad_length.empty() ? 1 : load_u8(pad_length.data()) + 1;
    if (padded > header.length) return broken(ErrorCode::kProtocolError, "padding exceeds its frame");
  }
  if (header.length > window_.receive) {
    return broken(ErrorCode::kFlowControlError, "DATA exceeds the connection's window");
  }
  window_.receive -= header.length;
  const std::uint32_t left = header.length - (padded > 0 ? 1 : 0);
  body_ = {.charged = header.length, .padding = left, .padded = padded, .active = left > 0};
  Stream* stream = find(header.stream);
  if (stream == nullptr) {
    on_closed_stream(header.stream);
  } else if (const Transition& to = transition(stream->state_, Event::kRecvData); !to.ok()) {
    stream_error(*stream, to.code, "DATA on a stream that has ended", sink);
  } else if (stream->content_ == Stream::Content::kNone) {
    stream_error(*stream, ErrorCode::kProtocolError, "DATA before the response headers", sink);
  } else if (header.length > stream->recv_window_) {
    stream_error(*stream, ErrorCode::kFlowControlError, "DATA exceeds the stream's window", sink);
  } else if (!counts(*stream, header.length - padded, header.has(flag::kEndStream))) {
    stream_error(*stream, ErrorCode::kProtocolError, "content-length is not that of the DATA", sink);
  } else {
    stream->recv_window_ -= header.length;
    body_.stream = header.stream;
    body_.data = header.length - padded;
    body_.padding = left - body_.data;
    body_.end = header.has(flag::kEndStream);
    if (body_.data == 0 && body_.end) deliver_data({}, sink);
  }
  if (header.length == padded && !header.has(flag::kEndStream) && !admit_empty_frame()) return false;
  if (!body_.active) end_body();
  return true;
}

// The usual DATA frame, all here, without padding and within every limit, in one go. False: it is not one.
bool Session::feed_whole_data(const FrameHeader& header, Bytes& bytes, EventSink& sink) {
  Stream* stream = find(header.stream);
  const std::uint32_t n = header.length;
  if (stream == nullptr || n == 0 || bytes.size() < kFrameHeaderSize + n || header.has(flag::kPadded) ||
      n > stream->recv_window_ || n > window_.receive || stream->content_ != Stream::Content::kAny ||
      !transition(stream->state_, Event::kRecvData).ok()) {
    return false;
  }
  ++counts_.frames[static_cast<std::size_t>(FrameType::kData)];
  window_.receive -= n, stream->recv_window_ -= n;
  const bool end = header.has(flag::kEndStream);
  if (end) {
    stream->remote_closed_ = true;
    advance(*stream, Event::kRecvEnd);
  }
  bytes.remove_prefix(kFrameHeaderSize);
  sink.on_data(*stream, bytes.take_front(n), end ? EndStream::kYes : EndStream::kNo);
  give_back(n);
  return true;
}

bool Session::feed_body(Bytes& bytes, EventSink& sink) {
  if (body_.data > 0) {
    const std::size_t n = std::min<std::size_t>(bytes.size(), body_.data);
    body_.data -= static_cast<std::uint32_t>(n);
    // Takes the caller's share in the buffer along when this is the end of it.
    deliver_data(bytes.take_front(n), sink);
  } else {
    const std::size_t n = std::min<std::size_t>(bytes.size(), body_.padding);
    body_.padding -= static_cast<std::uint32_t>(n);
    bytes.remove_prefix(n);
  }
  if (body_.data == 0 && body_.padding == 0) end_body();
  return true;
}

void Session::deliver_data(Bytes data, EventSink& sink) {
  Stream* stream = find(body_.stream);
  if (stream == nullptr) return;  // reset meanwhile
  const bool end = body_.end && body_.data == 0;
  if (end) {
    stream->remote_closed_ = true;
    advance(*stream, Event::kRecvEnd);
  }
  sink.on_data(*stream, std::move(data), end ? EndStream::kYes : EndStream::kNo);
}

// The frame is received whole: its share of the connection's window goes back, and padding to its stream.
void Session::end_body() {
  const Body body = std::exchange(body_, {});
  give_back(body.charged);
  if (body.padded == 0 || body.stream == 0) return;
  if (Stream* stream = find(body.stream); stream != nullptr) credit(*stream, body.padded);
}

// Credit of the connection, announced when half the window has gathered.
void Session::give_back(std::uint32_t n) {
  window_.gathered += n;
  if (window_.gathered < conn_credit_at_) [[likely]]
    return;
  write_window_update(out_, 0, window_.gathered);
  window_.receive += window_.gathered;
  window_.credited += window_.gathered;
  window_.gathered = 0;
}

}  // namespace sluice::inline v0::http2
