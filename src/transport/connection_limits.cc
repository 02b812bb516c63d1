// What a Connection does to a peer that is slow, or does not read: it stops reading, and in the end closes.
#include <algorithm>
#include <utility>

#include "transport/connection.h"
#include "wire/error_map.h"

namespace sluice::inline v0::transport {
namespace {

// What a peer may still send to a connection that is ending, before it is reset.
constexpr std::size_t kMostReadAway = 4 << 20;  // bytes

}  // namespace

void Connection::on_impatient(Awaited what) {
  using http2::ErrorCode;
  switch (what) {
    case Awaited::kHandshake:
      ending_.broken = true;
      ending_.exceeded = Limit::kHandshakeTimeout;
      return close(Status(StatusCode::kUnavailable,
                          "no HTTP/2 SETTINGS from " + peer_addr().to_string() + " in time"));
    case Awaited::kSettingsAck:
      return end_for(Limit::kSettingsAckTimeout, ErrorCode::kSettingsTimeout);
    case Awaited::kHeaderBlock:
      return end_for(Limit::kHeaderBlockTimeout, ErrorCode::kEnhanceYourCalm);
    case Awaited::kWrite:
      if (write_.data.size() < stalls_.write_left) return watch_write();
      return end_for(Limit::kWriteStall, ErrorCode::kEnhanceYourCalm);
    case Awaited::kOutput:
      return end_for(Limit::kOutputStall, ErrorCode::kEnhanceYourCalm);
    case Awaited::kDrainPing:
      return finish_drain();
    case Awaited::kAssembly:
      return assemblies_.look();
    case Awaited::kGoodbye:
      end_goodbye();
      return finish_if_quiet();
  }
}

// How long it took what is awaited no more.
void Connection::note_wait(Awaited what, Limit limit, Duration timeout) {
  if (!patience_.awaits(what)) return;
  using std::chrono::milliseconds;
  const Duration took = timeout - (patience_.deadline(what) - loop_.now());
  session_.peaks().note(limit, static_cast<std::uint64_t>(std::max<std::int64_t>(took / milliseconds(1), 0)),
                        static_cast<std::uint64_t>(timeout / milliseconds(1)));
}

void Connection::turn_away(Limit limit) {
  ending_.broken = true;
  ending_.exceeded = limit;
  session_.submit_goaway(0, http2::ErrorCode::kEnhanceYourCalm, to_string(limit));
  close(Status(StatusCode::kUnavailable, std::string(to_string(limit))));
}

void Connection::end_for(Limit limit, http2::ErrorCode code) {
  ending_.broken = true;
  ending_.exceeded = limit;
  const std::string_view what = to_string(limit);
  session_.submit_goaway(session_.last_peer_stream(), code, what);
  close(Status(StatusCode::kUnavailable,
               "connection error: " + std::string(wire::error_code_name(code)) + ": " + std::string(what)),
        code);
}

// The write in flight, from here on: it has taken long enough if the peer takes nothing of it.
void Connection::watch_write() {
  stalls_.write_left = write_.data.size();
  patience_.await(Awaited::kWrite, after(loop_.now(), limits_.write_stall_timeout));
}

bool Connection::output_full() const {
  return session_.queued_replies() > limits_.queued_replies || session_.queued_bytes() > limits_.queued_bytes;
}

void Connection::pause_reading() {
  if (closing()) return;
  stalls_.reading_paused = true;
  patience_.await(Awaited::kOutput, after(loop_.now(), limits_.output_stall_timeout));
}

// From within a flush: what had filled the output is being written.
void Connection::resume_reading() {
  stalls_.reading_paused = false;
  patience_.stop(Awaited::kOutput);
  read_node_.queued = true;
  loop_.post(read_node_);
}

// A block that is complete in time is watched no more; the next one has time of its own.
void Connection::watch_header_block() {
  const bool was_watched = stalls_.block_watched;
  stalls_.block_watched = session_.in_header_block() && !closing();
  if (!stalls_.block_watched) {
    note_wait(Awaited::kHeaderBlock, Limit::kHeaderBlockTimeout, limits_.header_block_timeout);
    return patience_.stop(Awaited::kHeaderBlock);
  }
  if (was_watched && stalls_.block == session_.header_block()) return;
  stalls_.block = session_.header_block();
  patience_.await(Awaited::kHeaderBlock, after(loop_.now(), limits_.header_block_timeout));
}

void Connection::start_write(Chain&& data) {
  write_.data = std::move(data);
  write_.active = true;
  write_.active = !conn_->start_write(write_);
}

// The end of a connection whose peer shall read why, or the last of what it asked for. A socket that is
// closed over bytes nobody has read, or to which more come, is reset, and what the peer was sent may be lost:
// it is half-closed, and what still comes is read and dropped until the peer closes too. A client does not
// wait for that: its calls would.
void Connection::begin_goodbye() {
  goodbye_.is_said = true;
  patience_.await(Awaited::kGoodbye, std::min(drain_.gone_by, after(loop_.now(), limits_.goodbye_timeout)));
  if (lingers() && !read_.active && !read_node_.queued) {
    read_node_.queued = true;
    loop_.post(read_node_);
  }
  if (!write_.active) say_goodbye();
}

// What was being written has been, although the connection is closing.
void Connection::say_goodbye() {
  if (goodbye_.is_said) {
    if (goodbye_.last_words && write_.status.ok())
      start_write(std::move(*std::exchange(goodbye_.last_words, nullptr)));
    if (write_.active) return;
    if (!lingers() || read_.result.eof || !write_.status.ok()) {
      end_goodbye();
    } else {
      conn_->close_write();
    }
  }
  finish_if_quiet();
}

// A read is done, or to be done, although the connection is closing.
void Connection::read_away() {
  while (goodbye_.is_said && lingers()) {
    goodbye_.read_away += read_.result.data.size();
    read_.result.data.clear();
    if (read_.result.eof && write_.active) break;
    if (!read_.status.ok() || read_.result.eof || goodbye_.read_away > kMostReadAway) {
      end_goodbye();
      break;
    }
    read_.active = true;
    if (!conn_->start_read(read_)) return;
    read_.active = false;
  }
  finish_if_quiet();
}

void Connection::end_goodbye() {
  goodbye_.is_said = false;
  patience_.stop(Awaited::kGoodbye);
  conn_->close();
}

}  // namespace sluice::inline v0::transport
