// Streams come and go: attaching, state changes, stream errors and what arrives for streams that are gone.
#include <algorithm>

#include "http2/session.h"

namespace sluice::inline v0::http2 {

// Never used by either side (RFC 9113 section 5.1).
bool Session::idle(StreamId id) const {
  if (id % 2 == 0) return true;
  return options_.role == Role::kClient ? id >= ids_.next : id > ids_.highest_of_peer;
}

Stream* Session::find_in_table(StreamId id) {
  Stream* stream = table_.find(id);
  if (stream != nullptr) memo_ = stream;
  return stream;
}

void Session::attach(Stream& stream, StreamId id) {
  assert(!stream.attached_ && stream.state_ == State::kIdle);
  stream.id_ = id;
  stream.attached_ = true;
  ++guards_.streams;
  stream.opened_ = now_;
  stream.send_window_ = peer_.initial_window_size;
  stream.recv_window_ = options_.local.initial_window_size;
  // Until it has our SETTINGS the peer may use the protocol's initial window.
  if (!greeting_.acked) stream.recv_window_ = std::max<std::int64_t>(stream.recv_window_, kInitialWindow);
  table_.insert(id, stream);
  if (gone_.reset) gone_.reset->reset((id >> 1) % kRememberedResets);
  memo_ = &stream;
}

void Session::detach(Stream& stream) {
  if (stream.list_ == Stream::List::kReady) ready_.remove(stream);
  if (stream.list_ == Stream::List::kClosing) closing_.remove(stream);
  if (memo_ == &stream) memo_ = nullptr;
  table_.erase(stream.id_);
  stream.attached_ = false;
}

// The stream's last transition. It leaves with the next deliver_closed.
void Session::close(Stream& stream) {
  if (!stream.queue_.empty()) stream.queue_.clear();
  if (stream.list_ == Stream::List::kReady) ready_.remove(stream);
  closing_.push_back(stream);
}

void Session::stream_error(Stream& stream, ErrorCode code, std::string_view what, EventSink& sink) {
  if (stream.state_ == State::kClosed) return;
  ++counts_.provoked_resets;
  count_reply();
  admit_provoked_reset();
  reset(stream, code);
  sink.on_stream_error(stream, Error::on_stream(stream.id_, code, what));
}

// DATA or HEADERS for a stream that is not idle and not attached (RFC 9113 section 5.1, "closed").
void Session::on_closed_stream(StreamId id) {
  const StreamId newest = options_.role == Role::kClient ? ids_.next - 2 : ids_.highest_of_peer;
  const bool forgotten = (newest - id) / 2 >= kRememberedResets;
  if (forgotten || (gone_.reset && gone_.reset->test((id >> 1) % kRememberedResets))) return;
  ++counts_.provoked_resets;
  count_reply();
  admit_provoked_reset();
  write_rst_stream(out_, id, ErrorCode::kStreamClosed);
  mark_reset(id);
}

// The peer opens `id`: those between it and the last one may not be opened any more (RFC 9113 section 5.1.1).
void Session::skip_to(StreamId id) {
  if (!gone_.skipped) gone_.skipped = std::make_unique<ResetIds>();
  constexpr StreamId kKept = 2 * kRememberedResets;
  StreamId from = ids_.highest_of_peer == 0 ? 1 : ids_.highest_of_peer + 2;
  if (id - from > kKept) from = id - kKept;
  for (; from < id; from += 2) gone_.skipped->set((from >> 1) % kRememberedResets);
  gone_.skipped->reset((id >> 1) % kRememberedResets);
}

// REQUIRES: `id` is not idle.
bool Session::skipped(StreamId id) const {
  return gone_.skipped && (ids_.highest_of_peer - id) / 2 < kRememberedResets &&
         gone_.skipped->test((id >> 1) % kRememberedResets);
}

// RFC 9113 section 8.1.1.
bool Session::count_content(Stream& stream, std::size_t n, bool end) {
  if (n > stream.content_left_) return false;
  stream.content_left_ -= n;
  return !end || stream.content_left_ == 0;
}

void Session::deliver_closed(EventSink& sink) {
  while (!closing_.empty()) {
    Stream& stream = closing_.front();
    detach(stream);
    sink.on_closed(stream);
  }
}

void Session::reset(Stream& stream, ErrorCode code) {
  if (!stream.attached_ || stream.state_ == State::kClosed) return;
  write_rst_stream(out_, stream.id_, code);
  mark_reset(stream.id_);
  stream.local_closed_ = true;
  advance(stream, Event::kSendReset);
}

void Session::release(Stream& stream) {
  if (!stream.attached_) return;
  if (error_.ok()) reset(stream, ErrorCode::kCancel);
  detach(stream);
}

}  // namespace sluice::inline v0::http2
