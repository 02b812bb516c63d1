// CallStream: assembling, delivering and sending messages, for both sides.
#include "transport/call_stream.h"

#include <algorithm>
#include <cstring>

namespace sluice::transport {

namespace {
// So little is not told of: most messages wait for a moment only.
constexpr std::size_t kUncounted = 1024;  // bytes
}  // namespace

void CallStream::attach_to(Connection& connection) {
  conn_ = &connection;
  connection.add_stream(*this);
}

void CallStream::detach_from() {
  if (!conn_) return;
  on_detaching();
  end_assembly();
  if (grown_ > 0) give_growth_back(std::exchange(grown_, 0));
  std::exchange(conn_, nullptr)->remove_stream(*this);
}

void CallStream::reset(http2::ErrorCode code) {
  if (!conn_ || !attached()) return;
  conn_->session().reset(*this, code);
  conn_->flush_soon();
}

void CallStream::on_data(Bytes data, http2::EndStream end) {
  debt_ += static_cast<std::int64_t>(data.size());
  held_ += data.size();
  assert(credit_is_conserved());
  if (watched_) [[unlikely]]
    on_body(data.text());
  if (discarding_ || text_) {
    consume(data.size());
  } else if (!data.empty() && !take_messages(std::move(data))) {
    return;
  }
  if (end == http2::EndStream::kNo) return;
  end_of_data();
}

void CallStream::end_of_data() {
  if (inside_message()) {
    return on_bad_message(Status(StatusCode::kInternal, "the stream ended inside a message"));
  }
  on_remote_end();
}

bool CallStream::take_messages(Bytes data) {
  while (!data.empty()) {
    switch (reader_.feed(data)) {
      case wire::MessageReader::Event::kNeedMore:
        want_more();
        if (held_ > unread_bytes_ + kUncounted) count_unread();
        assert(holds_what_it_counts());
        return true;
      case wire::MessageReader::Event::kError:
        on_bad_message(std::move(reader_.error()));
        return false;
      case wire::MessageReader::Event::kMessage: {
        end_assembly();
        if (!on_message({reader_.take_message(), reader_.compressed()})) return false;
        if (discarding_) return consume(held_), true;
        break;
      }
    }
  }
  if (held_ > unread_bytes_ + kUncounted) count_unread();
  assert(holds_what_it_counts());
  return true;
}

void CallStream::count_unread(std::size_t besides) {
  const std::size_t unread = held_ + besides - (assembly_.room > 0 ? reader_.held() : 0);
  UnreadMemory& all = loop_.unread();
  if (unread > unread_bytes_) {
    all.hold(memory(), unread - unread_bytes_);
  } else {
    all.give_back(memory(), unread_bytes_ - unread);
  }
  unread_bytes_ = unread;
}

// A message that does not fit into the window is let in if somebody waits for it: its credit would else come
// only when it is read, that is never. Open at once is as much as has come, or a window: so a long message
// needs few updates, and a peer that announces much and sends little is given little. Padding uses up the
// window too: at least half of one is kept open.
void CallStream::want_more() {
  const std::size_t missing = reader_.missing();
  if (discarding_ || missing == 0 || !conn_ || !attached() || remote_closed() || !wants_message()) return;
  http2::Session& session = conn_->session();
  const auto open = static_cast<std::size_t>(std::max<std::int64_t>(session.open_window(*this), 0));
  if (assembly_.active) conn_->assemblies().note_progress(*this);
  const std::size_t window = conn_->windows().of_stream();
  const std::size_t ahead = std::max({window, reader_.held(), conn_->windows().of_link()});
  const std::size_t most = std::max(std::min(missing, ahead), window / 2);
  if (open >= most / 2 || (open >= missing && !session.owes_credit(*this))) return;
  if (!conn_->assemblies().take_room(*this, reader_.held() + most)) return;
  debt_ -= static_cast<std::int64_t>(session.open_window_to(*this, most));
  conn_->flush_soon();
  assert(credit_is_conserved());
}

void CallStream::end_assembly() {
  if (assembly_.active) conn_->assemblies().end(*this);
}

void CallStream::consume(std::size_t n) {
  held_ -= n;
  if ((unread_bytes_ | grown_) != 0) [[unlikely]]
    count_less();
  const std::int64_t due = debt_ - static_cast<std::int64_t>(held_);
  if (due <= 0) return;
  debt_ -= due;
  if (!conn_ || !attached() || remote_closed()) return;
  conn_->session().credit(*this, static_cast<std::size_t>(due));
  if (conn_->session().has_output()) {
    if (conn_->windows().grow()) grow_window();
    conn_->flush_soon();
  }
  assert(credit_is_conserved());
}

// Not of one whose reader has not kept up. What is not complete yet nobody could read.
void CallStream::grow_window() {
  const std::size_t window = conn_->windows().of_stream() + grown_;
  const std::size_t unread = held_ - reader_.held();
  const std::size_t more = !discarding_ && unread * 2 <= window ? conn_->windows().grow(window) : 0;
  if (more == 0) return;
  grown_ += more;
  conn_->session().credit(*this, more, http2::Session::When::kNow);
}

void CallStream::count_less() {
  if (unread_bytes_ > held_) count_unread();
  if (grown_ > 0 && memory().exceeded()) shrink_window();
}

// By what would be credited now.
void CallStream::shrink_window() {
  const std::int64_t due = debt_ - static_cast<std::int64_t>(held_);
  const std::size_t less = std::min(grown_, static_cast<std::size_t>(std::max<std::int64_t>(due, 0)));
  grown_ -= less;
  debt_ -= static_cast<std::int64_t>(less);
  if (less > 0) give_growth_back(less);
}

void CallStream::give_growth_back(std::size_t bytes) {
  conn_->windows().shrink(bytes);
  conn_->assemblies().room_came_back();
}

// recv_.message is for the reader that waits.
inline void CallStream::deliver(bool compressed) {
  if (compressed) [[unlikely]]
    return deliver_compressed();
  recv_.has_message = true;
  recv_.compressed = false;
  consume(recv_.message.size() + kPrefix);
  recv_.complete(loop_);
}

OpRecord* CallStream::start_recv(RpcStream& self) {
  if (recv_in_use_) {
    Status misuse(StatusCode::kFailedPrecondition, "a second read was started while one is in flight");
    self.misused(misuse);
    return new detail::FailedRecord(std::move(misuse));
  }
  recv_in_use_ = true;
  recv_.begin();
  recv_.stream = &self;
  recv_.has_message = false;
  recv_.into = nullptr;
  if (unread_) {
    unread_ = false;
    deliver(unread_compressed_);
  } else if (!inbox_.empty()) {
    deliver(inbox_.pop(recv_.message));
    assert(holds_what_it_counts());
  } else if (reads_ended_) {
    recv_.complete(loop_);
  } else {
    want_more();
  }
  return &recv_;
}

void CallStream::release_recv() {
  recv_in_use_ = false;
  recv_.message.clear();
}

// What waits must not hold the large block that it may have come in. A reader that waits takes the message at
// once and has it as it came.
void CallStream::queue_message(Received&& message) {
  if (recv_waiting()) {
    recv_.message = std::move(message.bytes);
    recv_.message.keep();
    deliver(message.compressed);
  } else if (!unread_ && !recv_in_use_ && inbox_.empty()) {
    // One message needs no room of its own: most readers are at most that far behind.
    recv_.message = std::move(message.bytes);
    recv_.message.keep_tight();
    unread_ = true;
    unread_compressed_ = message.compressed;
  } else {
    inbox_.push(std::move(message));
  }
}

// If it does not decompress, that reader gets none, and nobody gets what came after it.
void CallStream::deliver_compressed() {
  const std::size_t received = recv_.message.size() + kPrefix;
  if (Status s = decompress(recv_.message); s.ok()) {
    recv_.has_message = true;
    recv_.compressed = true;
    consume(received);
  } else {
    recv_.message.clear();
    on_bad_message(std::move(s));
    discard_messages();
  }
  if (recv_waiting()) recv_.complete(loop_);
}

void CallStream::end_reads(bool drop) {
  reads_ended_ = true;
  if (drop) discard_messages();
  if (recv_waiting()) recv_.complete(loop_);
}

void CallStream::discard_messages() {
  if (discarding_) return;
  discarding_ = true;
  end_assembly();
  reader_.drop();
  if (std::exchange(unread_, false)) recv_.message.clear();
  inbox_.clear();
  consume(held_);
}

OpRecord* CallStream::claim_send(RpcStream& self) {
  if (send_in_use_) {
    return new detail::FailedRecord(
        Status(StatusCode::kFailedPrecondition, "a second write was started while one is in flight"));
  }
  send_in_use_ = true;
  send_.begin();
  send_.stream = &self;
  send_.status = Status();
  send_.unsendable = false;
  return &send_;
}

void CallStream::complete_send(Status status) {
  send_.status = std::move(status);
  send_.complete(loop_);
}

void CallStream::complete_send_when_queued() {
  if (queued() <= http2::Session::kWriteAhead) complete_send({});
}

void CallStream::on_writable() {
  if (send_waiting()) complete_send({});
}

void CallStream::release_send() { send_in_use_ = false; }

}  // namespace sluice::transport
