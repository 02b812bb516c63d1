// What leaves: submitted headers and data, frames of waiting data made fairly among streams, and credit.
#include <algorithm>
#include <cstring>

#include "http2/session.h"

namespace sluice::inline v0::http2 {

namespace {

// Payload below this is copied behind its frame header: cheaper than a slice of its own.
constexpr std::size_t kCopyBelow = 1024;
// Room for a header block that stays for the next one.
constexpr std::size_t kKeptBlock = 512;

}  // namespace

bool Session::can_open() const {
  const std::uint32_t limit =
      greeting_.received ? peer_.max_concurrent_streams : options_.peer_streams_before_settings;
  return options_.role == Role::kClient && error_.ok() && !goaway_.any_received &&
         ids_.next <= kMaxStreamId && table_.size() < limit;
}

void Session::open(Stream& stream, std::span<const HeaderPart> parts, EndStream end) {
  assert(can_open());
  const StreamId id = ids_.next;
  ids_.next += 2;
  attach(stream, id);
  submit_headers(stream, parts, end);
}

bool Session::open_cached(Stream& stream, const BlockCache& block) {
  assert(can_open());
  if (!encoder_.valid(block)) return false;
  const StreamId id = ids_.next;
  ids_.next += 2;
  attach(stream, id);
  write_cached(stream, block, false);
  return true;
}

bool Session::submit_cached(Stream& stream, const BlockCache& block, EndStream end) {
  if (!stream.attached_ || stream.local_closed_ || stream.state_ == State::kClosed) return true;
  if (!stream.queue_.empty() || !encoder_.valid(block)) return false;
  stream.local_closed_ = end == EndStream::kYes;
  write_cached(stream, block, stream.local_closed_);
  return true;
}

void Session::submit_headers(Stream& stream, std::span<const HeaderPart> parts, EndStream end) {
  if (!stream.attached_ || stream.local_closed_ || stream.state_ == State::kClosed) return;
  stream.local_closed_ = end == EndStream::kYes;
  if (stream.queue_.empty()) {
    write_headers(stream, parts, stream.local_closed_);
  } else {
    assert(stream.local_closed_ && "only trailers may wait behind DATA");
    stream.trailers_ = std::make_unique<DeferredHeaders>(parts);
  }
}

void Session::submit_data(Stream& stream, Chain&& data, EndStream end) {
  if (!stream.attached_ || stream.local_closed_ || stream.state_ == State::kClosed) return;
  stream.local_closed_ = end == EndStream::kYes;
  if (stream.queue_.empty() && can_frame(stream, data.size())) [[likely]] {
    if (!data.empty() || stream.local_closed_) write_data(stream, std::move(data), stream.local_closed_);
  } else {
    stream.end_queued_ = stream.local_closed_;
    enqueue(stream, std::move(data));
  }
}

// REQUIRES: the stream's queue is empty.
bool Session::can_frame(const Stream& stream, std::size_t n) const {
  if (n == 0) return true;
  const std::int64_t window = std::min(stream.send_window_, window_.send);
  return n <= peer_.max_frame_size && static_cast<std::int64_t>(n) <= window && ready_.empty() &&
         out_.size() < options_.output_limit;
}

void Session::write_headers(Stream& stream, std::span<const HeaderPart> parts, bool end) {
  encoded_.clear();
  encoder_.encode(parts, encoded_);
  write_block(out_, stream.id_, encoded_, end, peer_.max_frame_size);
  if (encoded_.capacity() > kKeptBlock) encoded_ = {};
  headers_written(stream, end);
}

void Session::write_cached(Stream& stream, const BlockCache& block, bool end) {
  const auto flags = static_cast<std::uint8_t>(flag::kEndHeaders | (end ? flag::kEndStream : 0));
  std::byte* p = out_.append(kFrameHeaderSize + block.size);
  FrameHeader{block.size, FrameType::kHeaders, flags, stream.id_}.write(p);
  std::memcpy(p + kFrameHeaderSize, block.bytes.data(), block.size);
  headers_written(stream, end);
}

void Session::headers_written(Stream& stream, bool end) {
  if (stream.state_ == State::kIdle) stream.state_ = State::kOpen;
  stream.headers_sent_ = true;
  ++guards_.frames_sent;
  if (end) advance(stream, Event::kSendEnd);
}

void Session::write_data(Stream& stream, Chain&& payload, bool end) {
  const std::size_t n = payload.size();
  const std::uint8_t flags = end ? flag::kEndStream : 0;
  const bool copied = n < kCopyBelow;
  queued_payload_ += n;
  // Also of what shares a frame: a peer may answer each message, and makes no more of it than it did.
  ++guards_.frames_sent;
  guards_.data_sent += 1 + n / kMinMaxFrameSize;
  std::byte* p;
  if (stream.id_ == open_frame_.stream && copied && open_frame_.takes(n, out_)) {
    p = out_.append(n);
    open_frame_.size += static_cast<std::uint32_t>(n);
  } else {
    std::byte* const header = out_.append(kFrameHeaderSize + (copied ? n : 0));
    p = header + kFrameHeaderSize;
    open_frame_ = {copied ? stream.id_ : 0, static_cast<std::uint32_t>(n), header, nullptr};
  }
  FrameHeader{open_frame_.size, FrameType::kData, flags, stream.id_}.write(open_frame_.header);
  if (payload.count() == 1 && copied) [[likely]] {
    std::memcpy(p, payload.front().data(), n);
  } else if (copied) {
    payload.copy_to(p);
  } else {
    out_.append(std::move(payload));
  }
  open_frame_.end = out_.tail();
  stream.send_window_ -= static_cast<std::int64_t>(n);
  window_.send -= static_cast<std::int64_t>(n);
  if (end) advance(stream, Event::kSendEnd);
}

void Session::enqueue(Stream& stream, Chain&& data) {
  stream.queue_.append_tight(std::move(data));  // a peer may leave its window shut for long
  if (stream.queue_.size() > kWriteAhead) stream.above_write_ahead_ = true;
  wake_if_ready(stream);
}

void Session::wake_if_ready(Stream& stream) {
  if (stream.list_ == Stream::List::kNone && stream.send_window_ > 0 && !stream.queue_.empty()) {
    ready_.push_back(stream);
  }
}

void Session::take_output(Chain& out, EventSink& sink) {
  if (error_.ok()) [[likely]] {
    if (!closing_.empty()) deliver_closed(sink);
    if (!ready_.empty()) frame_ready(sink);
  }
  replies_ = 0, queued_payload_ = 0;
  open_frame_.stream = 0;
  out_.take(out);
}

bool Session::has_output() const {
  return !out_.empty() || (error_.ok() && (!closing_.empty() || (!ready_.empty() && window_.send > 0)));
}

// One frame a stream and turn.
void Session::frame_ready(EventSink& sink) {
  while (!ready_.empty() && window_.send > 0 && out_.size() < options_.output_limit) {
    Stream& stream = ready_.front();
    ready_.remove(stream);
    frame_some(stream);
    wake_if_ready(stream);
    if (stream.above_write_ahead_ && stream.queue_.size() <= kWriteAhead) {
      stream.above_write_ahead_ = false;
      sink.on_writable(stream);
    }
    deliver_closed(sink);
  }
}

// REQUIRES: queued data, and both windows open.
void Session::frame_some(Stream& stream) {
  const std::int64_t window = std::min(stream.send_window_, window_.send);
  const std::size_t n =
      std::min({stream.queue_.size(), static_cast<std::size_t>(window), std::size_t{peer_.max_frame_size}});
  Chain piece = stream.queue_.take_front(n);
  const bool last = stream.queue_.empty();
  write_data(stream, std::move(piece), last && stream.end_queued_);
  if (!last || stream.trailers_ == nullptr) return;
  const std::unique_ptr<DeferredHeaders> trailers = std::move(stream.trailers_);
  const HeaderPart part{trailers->fields};
  write_headers(stream, {&part, 1}, true);
}

void Session::credit(Stream& stream, std::size_t n, When when) {
  if (!stream.attached_ || stream.remote_closed_ || stream.state_ == State::kClosed) return;
  stream.gathered_ += n;
  if (when == When::kGathered && stream.gathered_ * 2 < options_.local.initial_window_size) return;
  // What does not fit under the largest window stays for later.
  const std::int64_t room = kMaxWindow - std::max<std::int64_t>(stream.recv_window_, 0);
  const auto increment =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(stream.gathered_, static_cast<std::uint64_t>(room)));
  if (increment == 0) return;
  write_window_update(out_, stream.id_, increment);
  stream.recv_window_ += increment;
  stream.gathered_ -= increment;
}

std::int64_t Session::open_window(const Stream& stream) const {
  const bool in_body = body_.stream == stream.id_;
  return stream.recv_window_ + (in_body ? std::int64_t{body_.data} + body_.padded : 0);
}

std::size_t Session::open_window_to(Stream& stream, std::size_t n) {
  const std::int64_t open = open_window(stream) + static_cast<std::int64_t>(stream.gathered_);
  const std::int64_t more = std::max<std::int64_t>(static_cast<std::int64_t>(n) - open, 0);
  credit(stream, static_cast<std::size_t>(more), When::kNow);
  return static_cast<std::size_t>(more);
}

// Of the window that it began with, what is neither open nor about to be opened again. A frame is charged
// when it begins, so what is still to come of one counts as open.
std::optional<std::int64_t> Session::uncredited(const Stream& stream) const {
  if (!stream.attached_ || stream.remote_closed_ || stream.state_ == State::kClosed) return std::nullopt;
  std::int64_t initial = options_.local.initial_window_size;
  if (!greeting_.acked) initial = std::max<std::int64_t>(initial, kInitialWindow);
  return initial - open_window(stream) - static_cast<std::int64_t>(stream.gathered_);
}

}  // namespace sluice::inline v0::http2
