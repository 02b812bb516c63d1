// CallStream: assembling messages, and credit.
#include "transport/call_stream.h"

#include <algorithm>

namespace sluice::inline v0::transport {

static_assert(call::kPrefix == wire::MessageReader::kPrefixSize);

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
  if (!open()) return;
  conn_->session().reset(*this, code);
  conn_->flush_soon();
}

void CallStream::on_data(Bytes data, http2::EndStream end) {
  debt_ += static_cast<std::int64_t>(data.size());
  held_ += data.size();
  assert(credit_is_conserved());
  if (watched_) [[unlikely]]
    on_body(data.text());
  if (text_ || call_.discards()) {
    consume(data.size());
  } else if (!data.empty() && !take_messages(std::move(data))) {
    return;
  }
  if (end == http2::EndStream::kNo) return;
  end_of_data();
}

void CallStream::end_of_data() {
  if (inside_message()) {
    return call_.on_bad_message(Status(StatusCode::kInternal, "the stream ended inside a message"));
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
        call_.on_bad_message(std::move(reader_.error()));
        return false;
      case wire::MessageReader::Event::kMessage: {
        end_assembly();
        if (!call_.on_message(reader_.take_message(), reader_.compressed())) return reader_.drop(), false;
        if (call_.discards()) return consume(held_), true;
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
  if (missing == 0 || !open() || remote_closed() || call_.discards() || !call_.wants_message()) return;
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
  if (!open() || remote_closed()) return;
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
  const std::size_t more = !call_.discards() && unread * 2 <= window ? conn_->windows().grow(window) : 0;
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

void CallStream::drop_messages() {
  end_assembly();
  reader_.drop();
  consume(held_);
}

}  // namespace sluice::inline v0::transport
