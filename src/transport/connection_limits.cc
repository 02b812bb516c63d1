// What a Connection does to a peer that is slow, or does not read: it stops reading, and in the end closes.
#include <algorithm>
#include <utility>

#include "transport/connection.h"
#include "wire/error_map.h"

namespace sluice::transport {
namespace {

// What a peer may still send to a connection that is ending, before it is reset.
constexpr std::size_t kMostReadAway = 4 << 20;  // bytes

}  // namespace

void Connection::on_impatient(Awaited what) {
  using http2::ErrorCode;
  switch (what) {
    case Awaited::kHandshake:
      broken_ = true;
      exceeded_ = Limit::kHandshakeTimeout;
      return close(Status(StatusCode::kUnavailable,
                          "no HTTP/2 SETTINGS from " + peer_addr().to_string() + " in time"));
    case Awaited::kSettingsAck:
      return end_for(Limit::kSettingsAckTimeout, ErrorCode::kSettingsTimeout);
    case Awaited::kHeaderBlock:
      return end_for(Limit::kHeaderBlockTimeout, ErrorCode::kEnhanceYourCalm);
    case Awaited::kWrite:
      if (write_.data.size() < write_left_) return watch_write();
      return end_for(Limit::kWriteStall, ErrorCode::kEnhanceYourCalm);
    case Awaited::kOutput:
      return end_for(Limit::kOutputStall, ErrorCode::kEnhanceYourCalm);
    case Awaited::kDrainPing:
      return finish_drain();
    case Awaited::kAssembly:
      return look_at_assemblies();
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
  broken_ = true;
  exceeded_ = limit;
  session_.submit_goaway(0, http2::ErrorCode::kEnhanceYourCalm, to_string(limit));
  close(Status(StatusCode::kUnavailable, std::string(to_string(limit))));
}

void Connection::end_for(Limit limit, http2::ErrorCode code) {
  broken_ = true;
  exceeded_ = limit;
  const std::string_view what = to_string(limit);
  session_.submit_goaway(session_.last_peer_stream(), code, what);
  close(Status(StatusCode::kUnavailable,
               "connection error: " + std::string(wire::error_code_name(code)) + ": " + std::string(what)),
        code);
}

// The write in flight, from here on: it has taken long enough if the peer takes nothing of it.
void Connection::watch_write() {
  write_left_ = write_.data.size();
  patience_.await(Awaited::kWrite, after(loop_.now(), limits_.write_stall_timeout));
}

bool Connection::output_full() const {
  return session_.queued_replies() > limits_.queued_replies || session_.queued_bytes() > limits_.queued_bytes;
}

void Connection::pause_reading() {
  if (closing()) return;
  reading_paused_ = true;
  patience_.await(Awaited::kOutput, after(loop_.now(), limits_.output_stall_timeout));
}

// From within a flush: what had filled the output is being written.
void Connection::resume_reading() {
  reading_paused_ = false;
  patience_.stop(Awaited::kOutput);
  read_queued_ = true;
  loop_.post(read_node_);
}

// A block that is complete in time is watched no more; the next one has time of its own.
void Connection::watch_header_block() {
  const bool was_watched = header_block_watched_;
  header_block_watched_ = session_.in_header_block() && !closing();
  if (!header_block_watched_) {
    note_wait(Awaited::kHeaderBlock, Limit::kHeaderBlockTimeout, limits_.header_block_timeout);
    return patience_.stop(Awaited::kHeaderBlock);
  }
  if (was_watched && header_block_ == session_.header_block()) return;
  header_block_ = session_.header_block();
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
  saying_goodbye_ = true;
  patience_.await(Awaited::kGoodbye, std::min(goodbye_by_, after(loop_.now(), limits_.goodbye_timeout)));
  if (lingers() && !read_.active && !read_queued_) {
    read_queued_ = true;
    loop_.post(read_node_);
  }
  if (!write_.active) say_goodbye();
}

// What was being written has been, although the connection is closing.
void Connection::say_goodbye() {
  if (saying_goodbye_) {
    if (last_words_ && write_.status.ok()) start_write(std::move(*std::exchange(last_words_, nullptr)));
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
  while (saying_goodbye_ && lingers()) {
    read_away_ += read_.result.data.size();
    read_.result.data.clear();
    if (read_.result.eof && write_.active) break;
    if (!read_.status.ok() || read_.result.eof || read_away_ > kMostReadAway) {
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
  saying_goodbye_ = false;
  patience_.stop(Awaited::kGoodbye);
  conn_->close();
}

}  // namespace sluice::transport
