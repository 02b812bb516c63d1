// Connection: life, reading and writing, drain and close. The session's events are in connection_events.cc.
#include "transport/connection.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/escape.h"
#include "transport/client_call_stream.h"
#include "wire/error_map.h"

namespace sluice::inline v0::transport {
namespace {

// Reads that find data at once, before other work of the loop gets its turn.
constexpr int kReadsPerTurn = 16;

// In memory bytes are not copied and cost the sender's memory only: windows large enough for whole messages
// save WINDOW_UPDATE frames. On sockets the window of a stream bounds what a slow reader holds; it begins
// with the protocol's default. The connection's bounds nothing that streams hold: its credit goes back as
// bytes come.
constexpr std::uint32_t kPipeStreamWindow = 8 << 20;
constexpr std::uint32_t kConnectionWindow = 64 << 20;
constexpr std::size_t kPipeOutputLimit = 64 << 20;
constexpr std::uint32_t kPipeFrameSize = 4 << 20;
constexpr std::size_t kQuotedGreeting = 32;  // bytes
// A client that does not answer the PING of a drain: as long as grpc-go waits.
constexpr std::chrono::seconds kDrainPingTimeout{5};

http2::SessionOptions session_options(const ConnectionOptions& options, bool in_memory) {
  http2::SessionOptions session;
  session.role = options.role;
  session.local.enable_push = false;
  session.local.max_concurrent_streams = options.max_concurrent_streams;
  session.limits = options.limits;
  session.local.max_header_list_size = options.limits->header_list_size;
  session.max_headers = options.limits->headers;
  // Up to here a list is read to its end, and fails its call with what there is to say about it.
  session.header_list_hard_limit = options.limits->header_list_hard_limit;
  const FlowControl& flow = options.flow_control;
  session.connection_window = flow.connection_window > 0 ? flow.connection_window : kConnectionWindow;
  if (in_memory) {
    session.local.initial_window_size = kPipeStreamWindow;
    session.local.max_frame_size = kPipeFrameSize;
    session.output_limit = kPipeOutputLimit;
  }
  if (flow.stream_window > 0) session.local.initial_window_size = flow.stream_window;
  return session;
}

// Windows of memory do not grow: they are large enough for whole messages.
LinkWindows make_windows(const ConnectionOptions& options, const net::Conn& conn) {
  const std::size_t window = session_options(options, conn.in_memory()).local.initial_window_size;
  const std::size_t largest = options.flow_control.largest_stream_window;
  return {window, !conn.in_memory() && largest > window ? largest : 0, options.limits->assembly_budget,
          conn.loop().group().memory()};
}

}  // namespace

Connection::Connection(std::unique_ptr<net::Conn> conn, const ConnectionOptions& options,
                       call::TransportOwner& owner)
    : Transport(conn->loop().now()),
      role_(options.role),
      loop_(conn->loop()),
      owner_(owner),
      conn_(std::move(conn)),
      limits_(*options.limits),
      session_(session_options(options, conn_->in_memory())),
      peer_{.credentials = conn_->peer_credentials()},
      departures_{.last = options.last_stream_id},
      read_(*this),
      write_(*this),
      flush_node_(*this, [](Runnable& r) noexcept { static_cast<Node&>(r).connection.flush(); }),
      close_node_(*this,
                  [](Runnable& r) noexcept {
                    Connection& c = static_cast<Node&>(r).connection;
                    c.state_ = State::kClosed;
                    c.owner_.on_closed(c, c.ending());
                  }),
      read_node_(*this,
                 [](Runnable& r) noexcept {
                   Connection& c = static_cast<Node&>(r).connection;
                   c.read_node_.queued = false;
                   c.closing() ? c.read_away() : c.read_on();
                 }),
      patience_(loop_, *this),
      places_(limits_.running_handlers > 0 ? limits_.running_handlers : options.max_concurrent_streams),
      windows_(make_windows(options, *conn_)),
      assemblies_(loop_, limits_, streams_, windows_, patience_) {
  ++loop_.counts().sessions;
  loop_.add_reporter(*this);
  patience_.await(Awaited::kHandshake, options.handshake_deadline);
}

Connection::~Connection() {
  assert(streams_.empty() && assemblies_.at_rest() && windows_.grown() == 0 && reset_when_sent_.empty() &&
         "every stream has ended, and given back what it had");
  assert(!in_session_ && !ending_.wanted && !read_.active && !write_.active && start_ == nullptr &&
         "a connection ends at rest");
  patience_.stop_all();
  loop_.remove_reporter(*this);
  --loop_.counts().sessions;
}

void Connection::start() {
  flush_soon();
  read_on();
}

void Connection::read_on() {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    read_.active = true;
    if (!conn_->start_read(read_)) return;
    read_.active = false;
    if (!take_read()) return;
  }
  read_node_.queued = true;
  loop_.post(read_node_);
}

void Connection::Read::done(Runnable& self) noexcept {
  Connection& c = static_cast<Read&>(self).connection;
  c.read_.active = false;
  if (c.closing()) return c.read_away();
  if (c.take_read()) c.read_on();
}

bool Connection::take_read() {
  if (!read_.status.ok()) {
    // Codes are the Conn's own.
    close(Status(StatusCode::kUnavailable,
                 std::string(read_.status.message()) + unfinished_handshake() + after_goaway()));
    return false;
  }
  if (read_.result.eof) return end_of_input(), false;
  Chain& data = read_.result.data;
  in_session_ = true;
  if (state_ == State::kHandshake) [[unlikely]] {
    feed_stranger(data);
  } else {
    feed(data, {});
  }
  settle();
  run_starts();
  if (session_.in_header_block() || stalls_.block_watched) [[unlikely]]
    watch_header_block();
  if (write_.active && output_full()) [[unlikely]]
    pause_reading();
  return !closing() && !stalls_.reading_paused;
}

void Connection::feed(Chain& data, std::string_view greeting) {
  http2::Error error;
  while (!data.empty() && error.ok()) error = session_.feed(data.pop_front(), loop_.recently(), *this);
  data.trim();  // the next read may be long in coming
  if (windows_.grow()) measure_link();
  if (!error.ok()) feed_failed(error, greeting);
}

// Until a peer has shown that it speaks HTTP/2, what it began with is kept for the text of an error.
void Connection::feed_stranger(Chain& data) {
  const std::string greeting = quoted_greeting(data);
  feed(data, greeting);
}

void Connection::feed_failed(const http2::Error& error, std::string_view greeting) {
  read_.result.data.clear();
  ending_.broken = true;
  ending_.exceeded = error.limit;
  std::string text =
      "connection error: " + std::string(wire::error_code_name(error.code)) + ": " + std::string(error.what);
  if (state_ == State::kHandshake) text += greeting;
  close(Status(StatusCode::kUnavailable, std::move(text)), error.code);
}

void Connection::write_failed() {
  if (write_.none_accepted) departures_.kept_back_from = departures_.before_last_write;
  close(Status(StatusCode::kUnavailable, std::string(write_.status.message()) + after_goaway()));
}

std::string Connection::unfinished_handshake() const {
  return state_ == State::kHandshake ? " before its HTTP/2 SETTINGS" : "";
}

// What a server began with, should it turn out not to speak HTTP/2: an error page says much about where one
// has got to. A client's first bytes stay out of a server's log, where they may be somebody's secret.
std::string Connection::quoted_greeting(const Chain& data) const {
  if (role_ == http2::Role::kServer) return {};
  return " (\"" + escaped(data.front().text().substr(0, kQuotedGreeting), Keep::kAscii) + "\")";
}

void Connection::end_of_input() {
  std::string text = "connection closed by " + peer_addr().to_string();
  if (const std::string_view part = session_.unfinished(); !part.empty()) {
    ending_.broken = true;
    text.append(" in the middle of ").append(part);
  } else {
    text.append(unfinished_handshake());
  }
  close(Status(StatusCode::kUnavailable, text + after_goaway()));
}

// A server's last words are why its calls end; a client's goodbye is none of its handlers' business.
std::string Connection::after_goaway() const {
  if (!goaway_ || (role_ == http2::Role::kServer && goaway_.code() == http2::ErrorCode::kNoError)) return {};
  return " after its GOAWAY: " + goaway_.text();
}

call::TransportEnd Connection::ending() {
  std::string text = "ended: " + std::string(ending_.why.message());
  if (ending_.complaints > 1) text += " (" + std::to_string(ending_.complaints) + " complaints)";
  return {ending_.why, std::move(text), ending_.broken, ending_.exceeded, session_.peaks().kept()};
}

bool Connection::open(call::MadeCall& call, const Message* request) {
  if (!can_open()) return false;
  if (request != nullptr && !call.keep_request(*request)) return true;
  auto* stream = new (call.stream_room()) ClientCallStream(call);
  if (!stream->open(*this)) std::destroy_at(stream);
  return true;
}

std::optional<std::uint32_t> Connection::calls_allowed() const {
  if (!ready()) return std::nullopt;
  return session_.peer_settings().max_concurrent_streams;
}

// Handlers and interceptors, which may do anything to the connection.
void Connection::run_starts() {
  if (start_ == nullptr) return;
  Runnable* list = more_starts_.take_all();
  std::exchange(start_, nullptr)->run();
  while (list != nullptr) detail::ReadyQueue::follow(list)->run();
}

// No handler runs inside the session, but calls end there, and with them what a program has put into their
// contexts: a channel that goes with its last handle closes.
void Connection::settle() {
  in_session_ = false;
  if (ending_.wanted) [[unlikely]] {
    ending_.wanted = false;
    return end_now(ending_.code);
  }
  close_if_drained();
  if (!closing() && session_.has_output()) flush_soon();
}

// Runs at the end of a tick and when a write is done: everything that was submitted leaves in one write.
void Connection::flush() {
  flush_node_.queued = false;
  for (;;) {
    if (closing()) return finish_if_quiet();
    if (write_.active) return;
    in_session_ = true;
    session_.take_output(write_.data, *this);
    departures_.before_last_write = std::exchange(departures_.kept_back_from, session_.next_id());
    if (stalls_.reading_paused) [[unlikely]]
      resume_reading();
    const bool any = !write_.data.empty();
    if (any) {
      write_.active = true;
      write_.none_accepted = false;
      write_.active = !conn_->start_write(write_);
      if (write_.active) watch_write();
    }
    // After the write: what ends the connection may be the end of a stream that was in it.
    if (ending_.wanted) [[unlikely]] {
      settle();
    } else {
      in_session_ = false;
      close_if_drained();
    }
    if (closing()) return finish_if_quiet();
    if (!any) break;
    if (write_.active) return;
    if (!write_.status.ok()) return write_failed();
    if (!session_.has_output()) break;
  }
  if (reset_when_sent_.empty()) return close_if_drained();
  std::erase_if(reset_when_sent_, [this](CallStream* s) {
    if (s->queued() > 0) return false;
    session_.reset(*s, http2::ErrorCode::kNoError);
    flush_soon();
    return true;
  });
}

void Connection::Write::done(Runnable& self) noexcept {
  Connection& c = static_cast<Write&>(self).connection;
  c.write_.active = false;
  if (c.patience_.awaits(Awaited::kWrite)) {
    c.note_wait(Awaited::kWrite, Limit::kWriteStall, c.limits_.write_stall_timeout);
    c.patience_.stop(Awaited::kWrite);
  }
  if (c.closing()) return c.say_goodbye();
  if (!c.write_.status.ok()) return c.write_failed();
  if (c.session_.has_output() || !c.reset_when_sent_.empty()) return c.flush_soon();
  c.close_if_drained();
}

void Connection::drain() {
  if (drain_.begun || closing()) return;
  drain_.begun = true;
  if (role_ == http2::Role::kServer) {
    session_.submit_goaway(http2::kMaxStreamId, http2::ErrorCode::kNoError, "draining");
    drain_.pinging = true;
    session_.submit_ping(static_cast<std::uint64_t>(Ping::kDrain));
    Duration patience = kDrainPingTimeout;
    if (streams_.size() == 0) {
      // The PING is for a request that is on its way, which the client may send again. Who does not answer it
      // may have nobody to run it, and reads nothing before its next call.
      patience = std::min(patience, limits_.goodbye_timeout / 2);
      drain_.gone_by = after(loop_.now(), limits_.goodbye_timeout);
    }
    patience_.await(Awaited::kDrainPing, after(loop_.now(), patience));
    flush_soon();
  } else {
    close_if_drained();
  }
}

void Connection::out_of_ids() {
  drain_.begun = drain_.goes_on = true;
  owner_.on_draining(*this);
}

// What the client sent before it knew has arrived by now, or it does not answer.
void Connection::finish_drain() {
  drain_.pinging = false;
  session_.submit_goaway(session_.last_peer_stream(), http2::ErrorCode::kNoError, "draining");
  flush_soon();
}

void Connection::close_if_drained() {
  if (!drain_.begun || streams_.size() > 0 || drain_.pinging || closing()) return;
  if (write_.active || session_.has_output()) return;  // the last trailers leave first
  drain_.done = true;
  close(Status(StatusCode::kUnavailable, "connection drained"));
}

void Connection::close(Status why, http2::ErrorCode code) {
  // Its owner goes, and waits for no last frames.
  if (goodbye_.is_said && code == http2::ErrorCode::kNoError) {
    end_goodbye();
    return finish_if_quiet();
  }
  if (closing() || ending_.wanted) return;
  ending_.why = std::move(why);
  ending_.code = code;
  if (in_session_) {
    ending_.wanted = true;
    return;
  }
  end_now(code);
}

void Connection::end_now(http2::ErrorCode code) {
  assert(!in_session_ && "the session is not to be found in the middle of something");
  state_ = State::kClosing;
  assemblies_.close();
  patience_.stop_all();
  reset_when_sent_.clear();
  // A connection error, and one too many, has put its GOAWAY into the output already.
  if (code == http2::ErrorCode::kNoError && ending_.exceeded == Limit::kNone) {
    session_.submit_goaway(session_.last_peer_stream(), http2::ErrorCode::kNoError, "");
  }
  // Before the streams are let go of: what ends them is the end of the connection, and no RST_STREAM(CANCEL),
  // which would tell a client that its call was cancelled where the server has become unavailable.
  const bool patient = code != http2::ErrorCode::kNoError || (drain_.done && role_ == http2::Role::kServer);
  Chain last = patient || !write_.active ? session_.take_output(*this) : Chain();
  // Calls that have not left yet go elsewhere, and so must not leave here after all.
  const bool calls_kept_back =
      role_ == http2::Role::kClient && !streams_.empty() && !has_left(streams_.last()->id());
  if (calls_kept_back && !patient) {
    last.clear();
  } else if (!last.empty()) {
    departures_.kept_back_from = session_.next_id();
  }
  while (CallStream* stream = streams_.first()) {
    if (stream->attached()) session_.release(*stream);
    stream->detach_from();
    stream->on_connection_lost(*this, ending_.why);
  }
  if (write_.active) {
    if (!last.empty()) goodbye_.last_words = std::make_unique<Chain>(std::move(last));
  } else if (!last.empty()) {
    start_write(std::move(last));
  }
  if (patient) return begin_goodbye();
  conn_->close();
  finish_if_quiet();
}

void Connection::finish_if_quiet() {
  if (read_.active || write_.active || flush_node_.queued || read_node_.queued || close_node_.queued) return;
  close_node_.queued = true;
  loop_.post(close_node_);
}

void Connection::reset_when_sent(CallStream& stream) {
  if (stream.queued() == 0) {
    session_.reset(stream, http2::ErrorCode::kNoError);
  } else {
    reset_when_sent_.push_back(&stream);
  }
  flush_soon();
}

void Connection::measure_link() {
  if (!windows_.ask(session_.data_received()) || closing()) return;
  session_.submit_ping(static_cast<std::uint64_t>(Ping::kRoundTrip));
  flush_soon();
}

void Connection::describe(std::string& out) const {
  const std::size_t begin = out.size();
  for (const CallStream* s = streams_.first(); s != nullptr; s = s->next_) {
    const std::size_t before = out.size();
    if (before > begin) out += ", ";
    const std::size_t at = out.size();
    s->describe(out);
    if (out.size() == at) out.resize(before);
  }
  if (state_ == State::kHandshake)
    out += (out.size() > begin ? ", " : "") + std::string("handshake with ") + peer_addr().to_string();
}

}  // namespace sluice::inline v0::transport
