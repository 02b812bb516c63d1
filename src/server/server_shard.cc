// ServerShard: accepting, and the connections and calls of one loop.
#include "server/server_shard.h"

#include <algorithm>

#include "server/server_core.h"

namespace sluice::inline v0 {

using call::ServedCall;
using call::Transport;

void ServerShard::serve(SharedListener listener) {
  if (state_ != State::kServing) {
    (void)listener->close();
    return;
  }
  if (!self_) {
    self_ = core_.shared_from_this();
    loop_.add_reporter(*this);
  }
  ++accepting_;
  accept_on(*new Accept(*this, std::move(listener)));
}

void ServerShard::accept_on(Accept& accept) {
  for (;;) {
    accept.status = Status();
    if (!accept.listener->start_accept(accept, loop_)) return;
    if (!accepted(accept)) return;
  }
}

void ServerShard::Accept::done(Runnable& self) noexcept {
  auto& accept = static_cast<Accept&>(self);
  ServerShard& shard = accept.shard;
  if (shard.accepted(accept)) shard.accept_on(accept);
}

bool ServerShard::accepted(Accept& accept) {
  std::unique_ptr<net::Conn> conn = std::move(accept.conn);
  const bool refuse = state_ != State::kServing;
  if (accept.status.ok() && !refuse) {
    take(std::move(conn));
    return true;
  }
  if (conn) conn->close();
  conn.reset();
  const bool ended = !accept.status.ok() && !accept.again && core_.listeners().ended(accept.listener);
  if (!accept.status.ok() && !refuse && (accept.again || ended) && loop_.group().logs()) {
    loop_.group().log(LogLevel::kWarning,
                      "accept on " + accept.listener->addr().to_string() + ": " + accept.status.to_string());
  }
  if (accept.again && !refuse) return true;
  delete &accept;
  --accepting_;
  release_if_quiet();
  return false;
}

void ServerShard::take(std::unique_ptr<net::Conn> conn) {
  const Limits& limits = core_.options().limits;
  if (const Limit limit = core_.admission().admit(conn->peer_addr()); limit != Limit::kNone) {
    return turn_away(std::move(conn), limit);
  }
  if (!make_room(conn->peer_addr())) {
    core_.admission().leave(conn->peer_addr());
    return turn_away(std::move(conn), Limit::kHandshakes);
  }
  call::TransportOptions options;
  options.max_concurrent_streams = core_.options().max_concurrent_streams;
  options.limits = &limits;
  options.flow_control = core_.options().flow_control;
  options.handshake_deadline = after(loop_.now(), limits.handshake_timeout);
  connections_.push_back(
      core_.transports().make_server(std::move(conn), options, static_cast<call::TransportOwner&>(*this)));
  connections_.back()->slot = connections_.size() - 1;
  strangers_.add(*connections_.back());
  note_strangers();
  connections_.back()->start();
}

void ServerShard::note_strangers() {
  const std::uint32_t most = core_.options().limits.handshakes;
  if (strangers_.size() * 100 < most || most == 0) return;
  LimitPeaks peaks;
  peaks.note(Limit::kHandshakes, {strangers_.size(), most});
  core_.limit_counters().note(peaks);
}

// For one more stranger from there. Who has had the longest time to say that it speaks HTTP/2 goes, if that
// is long enough: of those from the same host if that has its share, else from the host with the most.
bool ServerShard::make_room(const Addr& peer) {
  const Limits& limits = core_.options().limits;
  const std::size_t share = limits.handshakes - limits.handshakes / 4;
  if (strangers_.size() < share) return true;  // whoever they are
  const std::string host = host_of(peer);
  const bool full = strangers_.size() >= limits.handshakes;
  if (!full && strangers_.from(host) < share) return true;
  Transport* const oldest = full ? strangers_.oldest_of_most() : strangers_.oldest_from(host);
  if (!oldest) return true;
  constexpr Duration kGrace = std::chrono::seconds(1);
  if (loop_.now() - oldest->begun() < kGrace) return false;
  strangers_.remove(*oldest);
  oldest->turn_away(Limit::kHandshakes);
  return true;
}

void ServerShard::turn_away(std::unique_ptr<net::Conn> conn, Limit limit) {
  constexpr std::size_t kMostFarewells = 256;
  core_.limit_counters().count(limit);
  const std::string_view why = to_string(limit);
  if (loop_.group().logs()) {
    loop_.group().log(LogLevel::kWarning,
                      "connection from " + conn->peer_addr().to_string() + " refused: " + std::string(why));
  }
  if (farewells_.size() >= kMostFarewells) return conn->close();  // without a word
  const TimePoint by = after(loop_.now(), core_.options().limits.goodbye_timeout);
  auto farewell =
      core_.transports().make_farewell(std::move(conn), why, by, static_cast<call::Farewell::Owner&>(*this));
  if (farewell->say()) return;
  farewell->slot = farewells_.size();
  farewells_.push_back(std::move(farewell));
}

void ServerShard::on_said(call::Farewell& farewell) {
  const std::size_t slot = farewell.slot;
  farewells_.back()->slot = slot;
  std::swap(farewells_[slot], farewells_.back());
  farewells_.pop_back();
  release_if_quiet();
}

void ServerShard::drain() {
  if (state_ != State::kServing) return;
  state_ = State::kDraining;
  const auto connections = connections_.size();
  for (std::size_t i = 0; i < connections; ++i) connections_[i]->drain();
}

void ServerShard::close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  for (const auto& c : connections_) c->close(Status(StatusCode::kUnavailable, "server closed"));
  for (const auto& f : farewells_) f->close();
  release_if_quiet();
}

std::size_t ServerShard::open_calls() const {
  std::size_t n = 0;
  for (const ServedCall* s = calls_; s; s = s->served.next) n += s->running() ? 1 : 0;
  return n;
}

// Handlers that run on after their connection has gone; others are told of by it.
void ServerShard::describe(std::string& out) const {
  const std::size_t begin = out.size();
  for (const ServedCall* s = calls_; s; s = s->served.next) {
    if (!s->running() || s->held_by_transport()) continue;
    out += (out.size() > begin ? ", handler of " : "handler of ") + std::string(s->path()) + " (cancelled)";
  }
}

void ServerShard::report(std::vector<StopReport::Call>& out) const {
  for (const ServedCall* s = calls_; s; s = s->served.next) {
    if (!s->running()) continue;
    out.push_back({std::string(s->path()), s->peer_address().to_string(), loop_.now() - s->started(),
                   s->is_cancelled() ? "cancelled" : "running"});
  }
}

void ServerShard::release_if_quiet() {
  if (!quiet()) return;
  if (self_) loop_.remove_reporter(*this);
  const std::shared_ptr<ServerCore> core = std::move(self_);
  self_.reset();
  if (core) core->stopping().on_shard_quiet();
}

ServedCall* ServerShard::on_incoming(Transport&, std::size_t stream_size) {
  if (state_ == State::kClosed) return nullptr;
  const call::MessageLimits limits{core_.options().max_receive_message_size,
                                   core_.options().max_send_message_size};
  ServedCall* call = ServedCall::make(loop_, limits, *this, stream_size);
  call->served = {nullptr, calls_};
  if (calls_) calls_->served.prev = call;
  calls_ = call;
  return call;
}

void ServerShard::on_call_gone(ServedCall& call) {
  const ServedCall::Links& links = call.served;
  (links.prev ? links.prev->served.next : calls_) = links.next;
  if (links.next) links.next->served.prev = links.prev;
  if (!calls_ && connections_.empty()) release_if_quiet();
}

void ServerShard::on_closed(Transport& connection, const call::TransportEnd& end) {
  if (loop_.group().logs()) {
    loop_.group().log(end.broken ? LogLevel::kWarning : LogLevel::kInfo,
                      "connection from " + connection.peer_addr().to_string() + " " + end.text);
  }
  if (end.exceeded != Limit::kNone) core_.limit_counters().count(end.exceeded);
  if (end.peaks) core_.limit_counters().note(*end.peaks);
  strangers_.remove(connection);
  core_.admission().leave(connection.peer_addr());
  const std::size_t slot = connection.slot;
  connections_.back()->slot = slot;
  std::swap(connections_[slot], connections_.back());
  connections_.pop_back();
  if (connections_.size() < connections_.capacity() / 8) connections_.shrink_to_fit();
  release_if_quiet();
}

const Context& ServerShard::draining() const { return core_.stopping().draining(); }

const call::Compression& ServerShard::compression() const { return core_.compression(); }
const CodecSet& ServerShard::codecs() const { return core_.options().codecs; }

const call::ServedMethod* ServerShard::find(std::string_view path) const {
  return core_.methods().find(path);
}
Status ServerShard::not_found(std::string_view path) const { return core_.methods().not_found(path); }

}  // namespace sluice::inline v0
