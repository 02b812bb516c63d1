// ClientChannel: states, connecting with back-off, and where each call goes.
#include "client/client_channel.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "client/channel_identity.h"
#include "sluice/async/run_on.h"

namespace sluice::inline v0 {

using call::Compression;
using call::MadeCall;
using call::Transport;

std::string_view to_string(ConnectivityState state) {
  switch (state) {
    case ConnectivityState::kIdle:
      return "IDLE";
    case ConnectivityState::kConnecting:
      return "CONNECTING";
    case ConnectivityState::kReady:
      return "READY";
    case ConnectivityState::kTransientFailure:
      return "TRANSIENT_FAILURE";
    case ConnectivityState::kShutdown:
      return "SHUTDOWN";
  }
  return "UNKNOWN";
}

namespace {

std::uint16_t stream_size_of(const call::Transports& transports) {
  const std::size_t size = transports.client_stream_size();
  assert(size <= UINT16_MAX && "a stream lies in its call's block");
  return static_cast<std::uint16_t>(size);
}

}  // namespace

ClientChannel::ClientChannel(Loop& loop, net::Network& network, Addr addr, ChannelOptions options,
                             const call::Transports& transports)
    : loop_(loop),
      compressors_(std::move(options.compressors)),
      codecs_(std::move(options.codecs)),
      connection_limits_(options.limits),
      interceptors_(std::move(options.interceptors)),
      flow_control_(options.flow_control),
      transports_(transports),
      identity_{options.authority.empty() ? authority_of(addr) : options.authority,
                user_agent_of(options),
                interceptors_,
                Compression(compressors_, options.compression_algorithm),
                call::Codecs(codecs_, options.codec),
                stream_size_of(transports)},
      limits_{options.max_receive_message_size, options.max_send_message_size},
      pending_(*this),
      connector_(*this, network, std::move(addr), options.backoff) {}

ClientChannel::~ClientChannel() = default;

detail::OpRecord* ClientChannel::start_unary(const MethodInfo& method, const Message& request,
                                             const CallOptions& options) {
  auto* call = MadeCall::make(MadeCall::Kind::kUnary, loop_, limits_, identity_, method, options);
  detail::OpRecord* record = call->begin_unary();
  if (call->ended() || (connection_ && connection_->open(*call, &request))) return record;
  if (call->keep_request(request)) submit(*call);
  return record;
}

ClientStreamPtr ClientChannel::new_stream(const MethodInfo& method, const Message* first,
                                          const CallOptions& options) {
  auto* call = MadeCall::make(MadeCall::Kind::kStream, loop_, limits_, identity_, method, options);
  // Encoded here: on a busy loop the start comes later, and the request is only borrowed.
  if (first) call->keep_first(*first);
  run_on(loop_, [self = std::static_pointer_cast<ClientChannel>(shared_from_this()), call] {
    call->begin();
    self->submit(*call);
    call->free_if_dropped();
  });
  return ClientStreamPtr(call);
}

void ClientChannel::submit(MadeCall& call) {
  if (call.ended() || (connection_ && connection_->open(call, nullptr))) return;
  switch (state()) {
    case ConnectivityState::kShutdown:
      return call.end(Status(StatusCode::kCancelled, "channel is closed"));
    case ConnectivityState::kTransientFailure:
      return call.end(failure_in_backoff());
    default:
      break;
  }
  pending_.push(call);
  if (state() == ConnectivityState::kIdle) connect();
}

void ClientChannel::open_pending() {
  while (!pending_.empty() && connection_ && connection_->can_open())
    (void)connection_->open(*pending_.pop(), nullptr);
  if (pending_.empty()) long_wait_told_ = false;
}

// Where calls go once more that the server has not processed: they wait like new ones, and fail like new ones
// where there is no connection.
void ClientChannel::on_unprocessed(MadeCall& call) {
  call.begin_again();
  submit(call);
  call.free_if_dropped();
}

// Those that wait now: what ends may call again, and then waits anew.
void ClientChannel::fail_pending(const Status& why) {
  call::PendingCalls failed(*this);
  while (MadeCall* call = pending_.pop()) failed.push(*call);
  while (MadeCall* call = failed.pop()) call->end(why);
}

void ClientChannel::connect() {
  if (!self_) self_ = std::static_pointer_cast<ClientChannel>(shared_from_this());
  if (!waiting_) loop_.add_reporter(*this), waiting_ = true;
  set_state(ConnectivityState::kConnecting);
  connector_.connect();
}

void ClientChannel::on_dialled(std::unique_ptr<net::Conn> conn, const Status& dialled) {
  if (state() == ConnectivityState::kShutdown) {
    if (conn) conn->close();
    conn.reset();
    return release_if_quiet();
  }
  if (!dialled.ok()) return attempt_failed(dialled.message());
  call::TransportOptions options;
  options.handshake_deadline = connector_.attempt_deadline();
  options.limits = &connection_limits_;
  options.flow_control = flow_control_;
  connection_ = transports_.make_client(std::move(conn), options, static_cast<call::TransportOwner&>(*this));
  connection_->start();
}

void ClientChannel::attempt_failed(std::string_view why) {
  connector_.backoff().attempt_failed();
  fail_calls(why);
}

// Calls that waited for this attempt fail with its cause; calls to come fail at once until the back-off is
// over, which it may be already: it counts from the attempt's start.
void ClientChannel::fail_calls(std::string_view why) {
  last_error_ = Status(StatusCode::kUnavailable, std::string(why));
  const Status failure = last_failure();
  if (loop_.group().logs()) loop_.group().log(LogLevel::kWarning, failure.message());
  set_state(connector_.back_off() ? ConnectivityState::kTransientFailure : ConnectivityState::kIdle);
  fail_pending(failure);
}

Status ClientChannel::last_failure() const {
  return Status(StatusCode::kUnavailable, "no connection to " + connector_.addr().to_string() + ": " +
                                              std::string(last_error_.message()));
}

// Of a call that no attempt was made for.
Status ClientChannel::failure_in_backoff() const {
  const auto wait =
      std::chrono::ceil<std::chrono::milliseconds>(connector_.backoff().not_before() - loop_.now());
  return Status(StatusCode::kUnavailable, std::string(last_failure().message()) +
                                              "; the next attempt is in " + std::to_string(wait.count()) +
                                              " ms");
}

void ClientChannel::on_backoff_over() {
  if (state() == ConnectivityState::kConnecting && !pending_.empty()) return connector_.dial_now();
  if (state() != ConnectivityState::kShutdown) set_state(ConnectivityState::kIdle);
  release_if_quiet();
}

// It has answered a call, or lived for a while: what ended it need not be there any more.
bool ClientChannel::proved_itself(const Transport& connection) const {
  return connection.answered() || after(connection.begun(), connector_.backoff().initial()) <= loop_.now();
}

// New calls need another connection than this one, which was ready. A peer that accepts connections and
// serves nothing would be asked again and again without a pause, so that a connection counts as a failed
// attempt until it has proved itself. One alone may be a server that was just stopping: the calls that wait
// go on waiting, for the next attempt. False: it was not alone, and they have failed.
bool ClientChannel::spent(const Transport& connection, std::string_view why) {
  if (proved_itself(connection)) {
    connector_.backoff().forget_failures();
    last_error_ = Status();
    return true;
  }
  last_error_ = Status(StatusCode::kUnavailable, std::string(why) + " before it answered a call");
  connector_.backoff().connection_failed(connection.begun(), loop_);
  return connector_.backoff().failures() == 1;
}

// Behind a connection that was ready.
void ClientChannel::go_idle() {
  set_state(ConnectivityState::kIdle);
  if (!pending_.empty()) connect();
}

void ClientChannel::on_ready(Transport&) {
  connector_.backoff().connected();
  set_state(ConnectivityState::kReady);
  open_pending();
  pending_.await_streams();
}

void ClientChannel::on_capacity(Transport& connection) {
  if (&connection == connection_.get()) open_pending();
}

void ClientChannel::on_draining(Transport& connection) {
  if (&connection != connection_.get()) return;
  retiring_.push_back(std::move(connection_));
  if (state() == ConnectivityState::kShutdown) return;
  // Whether the calls that go on are answered is seen at their end.
  const bool undecided = connection.goes_on() && !proved_itself(connection);
  if (undecided || spent(connection, "the server said GOAWAY")) {
    go_idle();
  } else {
    fail_calls(last_error_.message());
  }
}

void ClientChannel::on_closed(Transport& connection, const call::TransportEnd& end) {
  const bool current = &connection == connection_.get();
  const bool was_ready = !current || state() == ConnectivityState::kReady;
  if (was_ready && loop_.group().logs()) {
    loop_.group().log(end.broken ? LogLevel::kWarning : LogLevel::kInfo,
                      "connection to " + connection.peer_addr().to_string() + " " + end.text);
  }
  if (end.exceeded != Limit::kNone) limit_counters_.count(end.exceeded);
  if (end.peaks) limit_counters_.note(*end.peaks);
  if (!current) {
    if (connection.goes_on() && !proved_itself(connection)) (void)spent(connection, end.why.message());
    std::erase_if(retiring_, [&](const TransportPtr& c) { return c.get() == &connection; });
    return release_if_quiet();
  }
  const TransportPtr ended = std::move(connection_);
  if (state() == ConnectivityState::kShutdown) return release_if_quiet();
  if (!was_ready) {
    attempt_failed(end.why.message());
  } else if (spent(connection, end.why.message())) {
    go_idle();
  } else {
    fail_calls(last_error_.message());
  }
  release_if_quiet();
}

std::string ClientChannel::awaited() const {
  if (streams_are_awaited()) {
    return "for one of " + std::to_string(*connection_->calls_allowed()) + " streams of the connection to " +
           connector_.addr().to_string();
  }
  return "for a connection to " + connector_.addr().to_string() +
         (last_error_.ok() ? "" : "; last error: " + std::string(last_error_.message()));
}

bool ClientChannel::streams_are_awaited() const {
  return connection_ && connection_->calls_allowed().has_value();
}

// The first of those that wait is named, and it stands for all until none waits any more.
void ClientChannel::on_long_wait(const MadeCall& first, std::size_t count) {
  long_waits_.fetch_add(static_cast<std::uint32_t>(count), std::memory_order_relaxed);
  if (std::exchange(long_wait_told_, true) || !loop_.group().logs()) return;
  loop_.group().log(LogLevel::kWarning,
                    "call " + std::string(first.path()) + " has waited for 1 s " + awaited());
}

void ClientChannel::close() {
  run_on(loop_, [self = std::static_pointer_cast<ClientChannel>(shared_from_this())] { self->close_now(); });
}

void ClientChannel::close_now() {
  if (state() == ConnectivityState::kShutdown) return;
  set_state(ConnectivityState::kShutdown);
  const Status closed(StatusCode::kCancelled, "channel is closed");
  fail_pending(closed);
  connector_.close();
  if (connection_) connection_->close(closed);
  for (const TransportPtr& c : retiring_) c->close(closed);
  release_if_quiet();
}

// Lets go of itself when nothing on the loop refers to it any more.
void ClientChannel::release_if_quiet() {
  if (!connector_.idle() || connection_ || !retiring_.empty()) return;
  if (waiting_) loop_.remove_reporter(*this), waiting_ = false;
  self_.reset();
}

void ClientChannel::describe(std::string& out) const {
  for (const MadeCall* s = pending_.first(); s; s = s->next_pending()) {
    out +=
        (s != pending_.first() ? ", call " : "call ") + std::string(s->path()) + " (waits " + awaited() + ")";
  }
  if (connector_.dialling())
    out += (pending_.empty() ? "" : ", ") + std::string("dial ") + connector_.addr().to_string();
}

}  // namespace sluice::inline v0
