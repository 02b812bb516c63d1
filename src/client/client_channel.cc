// ClientChannel: states, connecting with back-off, and where each call goes.
#include "client/client_channel.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/escape.h"
#include "rpc/intercepted_channel.h"
#include "sluice/async/run_on.h"

namespace sluice {

using transport::Compression;
using transport::Connection;

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

Status BackoffOptions::check() const {
  const auto wrong = [](const char* name, const std::string& value, const char* why) {
    return Status(StatusCode::kInvalidArgument, "backoff." + std::string(name) + " of " + value + " " + why);
  };
  const auto ns = [](Duration time) { return std::to_string(time.count()) + " ns"; };
  if (initial < Duration::zero()) return wrong("initial", ns(initial), "is negative");
  if (max < Duration::zero()) return wrong("max", ns(max), "is negative");
  if (min_connect_timeout <= Duration::zero())
    return wrong("min_connect_timeout", ns(min_connect_timeout), "leaves no time");
  // Comparisons that NaN does not pass.
  if (!(multiplier >= 1 && std::isfinite(multiplier)))
    return wrong("multiplier", std::to_string(multiplier), "is no number from 1 on");
  if (!(jitter >= 0 && jitter <= 1)) return wrong("jitter", std::to_string(jitter), "is not within 0 and 1");
  return {};
}

namespace {

// RFC 3986 section 3.2, without userinfo, which HTTP/2 does not allow (RFC 9113 section 8.3.1).
bool is_authority(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || std::string_view("-._~!$&'()*+,;=:[]%").find(char(c)) != std::string_view::npos;
  });
}

// What an address is as an ":authority". A path in the file system is none: servers refuse it, and every
// gRPC says "localhost" instead.
std::string authority_of(const Addr& addr) {
  const std::string_view host = std::string_view(addr.text).substr(addr.text.rfind('@') + 1);
  return addr.scheme.starts_with("unix") || !is_authority(host) ? "localhost" : std::string(host);
}

// Why the calls of a channel with these options could not be sent, or nothing.
std::string unsendable(const ChannelOptions& options) {
  if (!is_authority(options.authority))
    return "authority \"" + escaped(options.authority, Keep::kAscii) + "\" is no host with or without a port";
  const std::string_view agent = options.user_agent;
  const auto printable = [](char c) { return c >= 0x20 && c <= 0x7e; };
  if (agent.starts_with(' ') || !std::all_of(agent.begin(), agent.end(), printable))
    return "user agent \"" + escaped(agent, Keep::kAscii) +
           "\" is not printable ascii, or begins with a space";
  return {};
}

}  // namespace

ClientChannel::ClientChannel(Loop& loop, net::Network& network, Addr addr, ChannelOptions options,
                             http2::StreamId last_stream_id)
    : loop_(loop),
      network_(network),
      addr_(std::move(addr)),
      compressors_(std::move(options.compressors)),
      codecs_(std::move(options.codecs)),
      connection_limits_(options.limits),
      backoff_(options.backoff),
      interceptors_(std::move(options.interceptors)),
      flow_control_(options.flow_control),
      identity_{
          options.authority.empty() ? authority_of(addr_) : options.authority,
          options.user_agent.empty() ? "grpc-c++-sluice/0.1" : options.user_agent + " grpc-c++-sluice/0.1",
          interceptors_,
          Compression(compressors_, options.compression_algorithm),
          transport::Codecs(codecs_, options.codec),
          held_requests_},
      limits_{options.max_receive_message_size, options.max_send_message_size},
      pending_(*this),
      dial_(*this),
      backoff_timer_(*this),
      last_stream_id_(last_stream_id) {}

ClientChannel::~ClientChannel() = default;

OpRecord* ClientChannel::start_unary(const MethodInfo& method, const Message& request,
                                     const CallOptions& options) {
  auto* stream = transport::ClientStream::make(transport::ClientStream::Kind::kUnary, loop_, limits_,
                                               identity_, method, options);
  OpRecord* record = stream->begin_unary();
  Connection* connection = connection_ && connection_->can_open() ? connection_.get() : nullptr;
  stream->send_unary(request, connection);
  if (!connection) submit(*stream);
  return record;
}

ClientStreamPtr ClientChannel::new_stream(const MethodInfo& method, const Message* first,
                                          const CallOptions& options) {
  auto* stream = transport::ClientStream::make(transport::ClientStream::Kind::kStream, loop_, limits_,
                                               identity_, method, options);
  // Encoded here: on a busy loop the start comes later, and the request is only borrowed.
  if (first) stream->send_only(*first);
  run_on(loop_, [self = std::static_pointer_cast<ClientChannel>(shared_from_this()), stream] {
    stream->begin();
    self->submit(*stream);
    stream->free_if_dropped();
  });
  return ClientStreamPtr(stream);
}

void ClientChannel::submit(transport::ClientStream& stream) {
  if (stream.ended()) return;
  if (connection_ && connection_->can_open()) return stream.open(*connection_);
  switch (state()) {
    case ConnectivityState::kShutdown:
      return stream.end(Status(StatusCode::kCancelled, "channel is closed"));
    case ConnectivityState::kTransientFailure:
      return stream.end(failure_in_backoff());
    default:
      break;
  }
  pending_.push(stream);
  if (state() == ConnectivityState::kIdle) connect();
}

void ClientChannel::open_pending() {
  while (!pending_.empty() && connection_ && connection_->can_open()) pending_.pop()->open(*connection_);
  if (pending_.empty()) long_wait_told_ = false;
}

// Where calls go once more that the server has not processed: they wait like new ones, and fail like new ones
// where there is no connection.
void ClientChannel::on_unprocessed(transport::ClientStream& stream) {
  stream.begin_again();
  submit(stream);
  stream.free_if_dropped();
}

// Those that wait now: what ends may call again, and then waits anew.
void ClientChannel::fail_pending(const Status& why) {
  transport::PendingCalls failed(*this);
  while (transport::ClientStream* stream = pending_.pop()) failed.push(*stream);
  while (transport::ClientStream* stream = failed.pop()) stream->end(why);
}

void ClientChannel::connect() {
  if (!self_) self_ = std::static_pointer_cast<ClientChannel>(shared_from_this());
  if (!waiting_) loop_.add_reporter(*this), waiting_ = true;
  set_state(ConnectivityState::kConnecting);
  if (loop_.now() < not_before_) return loop_.arm(backoff_timer_, not_before_);
  start_dial();
}

void ClientChannel::start_dial() {
  dial_.addr = addr_;
  dial_.deadline = after(loop_.now(), std::max(backoff_.min_connect_timeout, next_backoff()));
  not_before_ = after(loop_.now(), backoff_after(failures_ + 1));
  dial_.status = Status();
  dial_.active = true;
  if (network_.start_dial(dial_, loop_)) dialled();
}

void ClientChannel::Dial::done(Runnable& self) noexcept { static_cast<Dial&>(self).channel.dialled(); }

void ClientChannel::dialled() {
  dial_.active = false;
  std::unique_ptr<net::Conn> conn = std::move(dial_.conn);
  if (state() == ConnectivityState::kShutdown) {
    if (conn) conn->close();
    conn.reset();
    return release_if_quiet();
  }
  if (!dial_.status.ok()) return attempt_failed(dial_.status.message());
  transport::ConnectionOptions options;
  options.role = http2::Role::kClient;
  options.max_concurrent_streams = 0;  // servers open no streams
  options.handshake_deadline = dial_.deadline;
  options.limits = &connection_limits_;
  options.flow_control = flow_control_;
  options.last_stream_id = last_stream_id_;
  connection_ =
      std::make_unique<Connection>(std::move(conn), options, static_cast<transport::ConnectionOwner&>(*this));
  connection_->start();
}

void ClientChannel::attempt_failed(std::string_view why) {
  if (failures_ < std::numeric_limits<std::uint16_t>::max()) ++failures_;
  fail_calls(why);
}

// Calls that waited for this attempt fail with its cause; calls to come fail at once until the back-off is
// over, which it may be already: it counts from the attempt's start.
void ClientChannel::fail_calls(std::string_view why) {
  last_error_ = Status(StatusCode::kUnavailable, std::string(why));
  const Status failure = last_failure();
  if (loop_.group().logs()) loop_.group().log(LogLevel::kWarning, failure.message());
  // An attempt that failed at once is never followed by another in the same go, however short the back-off.
  if (not_before_ < loop_.now()) {
    set_state(ConnectivityState::kIdle);
  } else {
    set_state(ConnectivityState::kTransientFailure);
    loop_.arm(backoff_timer_, not_before_);
  }
  fail_pending(failure);
}

Status ClientChannel::last_failure() const {
  return Status(StatusCode::kUnavailable,
                "no connection to " + addr_.to_string() + ": " + std::string(last_error_.message()));
}

// Of a call that no attempt was made for.
Status ClientChannel::failure_in_backoff() const {
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(not_before_ - loop_.now());
  return Status(StatusCode::kUnavailable, std::string(last_failure().message()) +
                                              "; the next attempt is in " + std::to_string(wait.count()) +
                                              " ms");
}

void ClientChannel::BackoffTimer::expired(Runnable& self) noexcept {
  ClientChannel& channel = static_cast<BackoffTimer&>(static_cast<Timer&>(self)).channel;
  if (channel.state() == ConnectivityState::kConnecting && !channel.pending_.empty())
    return channel.start_dial();
  if (channel.state() != ConnectivityState::kShutdown) channel.set_state(ConnectivityState::kIdle);
  channel.release_if_quiet();
}

// It has answered a call, or lived for a while: what ended it need not be there any more.
bool ClientChannel::proved_itself(const Connection& connection) const {
  return connection.answered() || after(connection.begun(), backoff_.initial) <= loop_.now();
}

// New calls need another connection than this one, which was ready. A peer that accepts connections and
// serves nothing would be asked again and again without a pause, so that a connection counts as a failed
// attempt until it has proved itself. One alone may be a server that was just stopping: the calls that wait
// go on waiting, for the next attempt. False: it was not alone, and they have failed.
bool ClientChannel::spent(const Connection& connection, std::string_view why) {
  if (proved_itself(connection)) {
    failures_ = 0;
    last_error_ = Status();
    return true;
  }
  last_error_ = Status(StatusCode::kUnavailable, std::string(why) + " before it answered a call");
  if (failures_ < std::numeric_limits<std::uint16_t>::max()) ++failures_;
  not_before_ = std::max(not_before_, after(connection.begun(), next_backoff()));
  return failures_ == 1;
}

// Behind a connection that was ready.
void ClientChannel::go_idle() {
  set_state(ConnectivityState::kIdle);
  if (!pending_.empty()) connect();
}

Duration ClientChannel::next_backoff() { return backoff_after(failures_); }

// initial · multiplier^(failures - 1), at most max, ± jitter; at most what a Duration holds.
Duration ClientChannel::backoff_after(unsigned failures) {
  if (failures == 0) return Duration::zero();
  const BackoffOptions& b = backoff_;
  // Finite: an initial wait of nothing stays one.
  const double grown = std::min(std::pow(b.multiplier, std::min(failures - 1, 100u)), 1e300);
  double ns = static_cast<double>(b.initial.count()) * grown;
  ns = std::min(ns, static_cast<double>(b.max.count()));
  const double unit = static_cast<double>(loop_.random() >> 11) / 9007199254740992.0;  // 2^53
  ns *= 1 + b.jitter * (2 * unit - 1);
  constexpr double kMost = 9.2e18;
  return Duration(static_cast<std::int64_t>(std::min(ns, kMost)));
}

void ClientChannel::on_ready(Connection&) {
  not_before_ = TimePoint();
  set_state(ConnectivityState::kReady);
  open_pending();
  pending_.await_streams();
}

void ClientChannel::on_capacity(Connection& connection) {
  if (&connection == connection_.get()) open_pending();
}

void ClientChannel::on_draining(Connection& connection) {
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

void ClientChannel::on_closed(Connection& connection, const Status& why) {
  const bool current = &connection == connection_.get();
  const bool was_ready = !current || state() == ConnectivityState::kReady;
  if (was_ready && loop_.group().logs()) {
    loop_.group().log(connection.broken() ? LogLevel::kWarning : LogLevel::kInfo,
                      "connection to " + connection.peer_addr().to_string() + " " + connection.ending(why));
  }
  if (connection.exceeded() != Limit::kNone) limit_counters_.count(connection.exceeded());
  if (const LimitPeaks* peaks = connection.peaks(); peaks) limit_counters_.note(*peaks);
  if (!current) {
    if (connection.goes_on() && !proved_itself(connection)) (void)spent(connection, why.message());
    std::erase_if(retiring_, [&](const ConnectionPtr& c) { return c.get() == &connection; });
    return release_if_quiet();
  }
  const ConnectionPtr ended = std::move(connection_);
  if (state() == ConnectivityState::kShutdown) return release_if_quiet();
  if (!was_ready) {
    attempt_failed(why.message());
  } else if (spent(connection, why.message())) {
    go_idle();
  } else {
    fail_calls(last_error_.message());
  }
  release_if_quiet();
}

std::string ClientChannel::awaited() const {
  if (streams_are_awaited()) {
    return "for one of " + std::to_string(connection_->session().peer_settings().max_concurrent_streams) +
           " streams of the connection to " + addr_.to_string();
  }
  return "for a connection to " + addr_.to_string() +
         (last_error_.ok() ? "" : "; last error: " + std::string(last_error_.message()));
}

bool ClientChannel::streams_are_awaited() const { return connection_ && connection_->ready(); }

// The first of those that wait is named, and it stands for all until none waits any more.
void ClientChannel::on_long_wait(const transport::ClientStream& first, std::size_t count) {
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
  loop_.disarm(backoff_timer_);
  fail_pending(closed);
  if (dial_.active) network_.cancel_dial(dial_);
  if (connection_) connection_->close(closed);
  for (const ConnectionPtr& c : retiring_) c->close(closed);
  release_if_quiet();
}

// Lets go of itself when nothing on the loop refers to it any more.
void ClientChannel::release_if_quiet() {
  if (dial_.active || connection_ || !retiring_.empty() || backoff_timer_.armed()) return;
  if (waiting_) loop_.remove_reporter(*this), waiting_ = false;
  self_.reset();
}

void ClientChannel::describe(std::string& out) const {
  for (const transport::ClientStream* s = pending_.first(); s; s = s->next_pending()) {
    out +=
        (s != pending_.first() ? ", call " : "call ") + std::string(s->path()) + " (waits " + awaited() + ")";
  }
  if (dial_.active) out += (pending_.empty() ? "" : ", ") + std::string("dial ") + addr_.to_string();
}

namespace {

// A channel lives on the loop that dials it; those that other threads dial are spread.
Loop& home_of(net::Host& host) {
  for (Loop* loop : host.loops()) {
    if (loop->leads()) return *loop;
  }
  return host.next_loop();
}

}  // namespace

Result<Channel> dial(net::Host& host, std::string_view target, ChannelOptions options) {
  Result<Addr> addr = Addr::parse(target);
  if (!addr.ok()) return std::move(addr).status();
  if (std::string why = unsendable(options); !why.empty())
    return Status(StatusCode::kInvalidArgument, std::move(why));
  if (Status s = options.backoff.check(); !s.ok()) return s;
  if (Status s = options.limits.check(); !s.ok()) return s;
  if (Status s = options.flow_control.check(); !s.ok()) return s;
  net::Network* network = host.network(addr->scheme);
  if (!network) return host.no_network(addr->scheme);
  if (Status s = network->check_dial(*addr); !s.ok()) return s;
  if (Status s = options.compressors.check(options.compression_algorithm); !s.ok()) return s;
  if (Status s = options.codecs.check(options.codec); !s.ok()) return s;
  auto channel =
      std::make_shared<ClientChannel>(home_of(host), *network, std::move(*addr), std::move(options));
  channel->loop().count_owner(1);
  std::shared_ptr<void> closer(nullptr, [channel](void*) {
    channel->loop().count_owner(-1);
    channel->close();
  });
  return Channel(detail::with_interceptors(channel, channel->interceptors()), std::move(closer));
}

}  // namespace sluice
