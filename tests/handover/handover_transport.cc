// HandOver: two ends, and the streams of the calls between them. What one end tells the other is a function
// that runs on a later turn of the loop, in order.
#include "handover/handover_transport.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "call/made_call.h"
#include "call/served_call.h"

namespace sluice::support {
namespace {

using Id = std::uint64_t;

// So much may be under way of one stream in one direction: some messages.
constexpr std::size_t kWindow = 100;

std::size_t cost_of(const Message& message) { return message.bytes().size() + call::kPrefix; }

// What the receiver may keep: the sender's object is the sender's.
Message owned(const Message& message) {
  if (message.is_bytes()) {
    Chain bytes = message.bytes();
    bytes.keep();
    return Message(std::move(bytes));
  }
  const MessageOps& ops = *message.ops();
  std::shared_ptr<void> copy(ops.clone(message.object()), ops.destroy);
  return Message(std::shared_ptr<const void>(std::move(copy)), ops);
}

}  // namespace

class HandOverEnd final : public call::Transport {
 public:
  class Client;
  class Server;
  // One direction of a stream, at its sender.
  class Sent {
   public:
    void add(std::size_t cost) { outstanding_ += cost; }
    // True: there is room again.
    bool credit(std::size_t cost) {
      const bool was_full = full();
      outstanding_ -= cost;
      return was_full && !full();
    }
    std::size_t unsent() const { return full() ? call::Call::kWriteAhead + 1 : 0; }

   private:
    bool full() const { return outstanding_ > kWindow; }
    std::size_t outstanding_ = 0;
  };

  HandOverEnd(const HandOver& all, bool client, std::unique_ptr<net::Conn> conn,
              const call::TransportOptions& options, call::TransportOwner& owner)
      : Transport(conn->loop().now()),
        all_(all),
        client_(client),
        conn_(std::move(conn)),
        owner_(owner),
        most_(options.max_concurrent_streams),
        read_(*this),
        node_(*this) {}
  ~HandOverEnd() override { EXPECT_TRUE(streams_.empty() && served_.empty()); }

  // call::Transport
  void start() override;
  const Addr& peer_addr() const override { return conn_->peer_addr(); }
  const Addr& local_addr() const { return conn_->local_addr(); }
  bool can_open() const override {
    return other_ && ready_ && !closing_ && !draining_ && streams_.size() < other_->most_;
  }
  bool open(call::MadeCall& call, const Message* request) override;
  std::optional<std::uint32_t> calls_allowed() const override {
    return ready_ && other_ ? std::optional(other_->most_) : std::nullopt;
  }
  bool goes_on() const override { return draining_ && !streams_.empty(); }
  bool answered() const override { return answered_; }
  void drain() override;
  void close(Status why) override;
  void turn_away(Limit limit) override {
    close(Status(StatusCode::kUnavailable, std::string(to_string(limit))));
  }

  Loop& loop() const { return conn_->loop(); }
  // Runs `what` here on a later turn, unless this end has closed by then.
  void later(std::function<void()> what);
  // The same at the other end, if there is one.
  void tell(std::function<void(HandOverEnd&)> what) {
    if (other_) other_->later([what = std::move(what), other = other_] { what(*other); });
  }
  void count(const Message& message) { ++(message.is_bytes() ? all_.bytes_ : all_.objects_); }

  Client* stream(Id id) const { return at(streams_, id); }
  Server* served(Id id) const { return at(served_, id); }
  // What one end has told.
  void begin(Id id, std::string_view path, const Metadata& metadata, TimePoint deadline);
  void let_go(Client& stream);
  void let_go(Server& stream);
  void unprocessed(Id id);
  void header(Id id, const Metadata& header);
  void status(Id id, const Status& status, const Metadata& trailer);
  void cancelled(Id id);

 private:
  struct Read final : net::ReadOp {
    explicit Read(HandOverEnd& e) : ReadOp(&done), end(e) {}
    static void done(Runnable& self) noexcept { static_cast<Read&>(self).end.conn_ended(); }
    HandOverEnd& end;
    bool active = false;
  };
  struct Node final : Runnable {
    explicit Node(HandOverEnd& e) : Runnable(&run), end(e) {}
    static void run(Runnable& self) noexcept { static_cast<Node&>(self).end.turn(); }
    HandOverEnd& end;
    bool queued = false;
  };
  template <class S>
  static S* at(const std::map<Id, S*>& streams, Id id) {
    const auto found = streams.find(id);
    return found == streams.end() ? nullptr : found->second;
  }
  void queue_turn() {
    if (!std::exchange(node_.queued, true)) loop().post(node_);
  }
  void take_events();
  void turn();
  void conn_ended();
  void paired(HandOverEnd& other) {
    other_ = &other;
    later([this] { ready_ = true, owner_.on_ready(*this); });
  }
  void close_if_drained() {
    // Not before the client knows: what it sends until then is told that it was not processed.
    if (draining_ && !client_ && served_.empty() && (drain_is_known_ || !other_))
      close(Status(StatusCode::kUnavailable, "drained"));
    if (draining_ && client_ && streams_.empty()) close(Status(StatusCode::kUnavailable, "drained"));
  }

  const HandOver& all_;
  const bool client_;
  const std::unique_ptr<net::Conn> conn_;
  call::TransportOwner& owner_;
  const std::uint32_t most_;
  HandOverEnd* other_ = nullptr;
  bool ready_ = false;
  bool draining_ = false;
  bool drain_is_known_ = false;  // server: to the client
  bool closing_ = false;
  bool answered_ = false;
  Id last_id_ = 0;
  std::map<Id, Client*> streams_;
  std::map<Id, Server*> served_;
  call::HandlerPlaces places_{1'000};
  std::deque<std::function<void()>> events_;
  Read read_;
  Node node_;
  Status why_;
};

class HandOverEnd::Client final : public call::ClientTransportStream {
 public:
  Client(call::MadeCall& c, HandOverEnd& e, Id i) : call(c), end(e), id(i) {}

  Status send(const Message& message, WriteOptions options) override {
    send({owned(message)});
    if (options.last) half_close();
    return {};
  }
  void send(call::Received received);
  std::size_t unsent() const override { return sent.unsent(); }
  void half_close() override;
  void on_call_ended(const Status&) override {
    end.tell([id = id](HandOverEnd& other) { other.cancelled(id); });
    end.later([&e = end, id = id] {
      if (Client* stream = e.stream(id)) e.let_go(*stream);
    });
  }
  void want_message() override {}
  void consumed(std::size_t bytes) override;
  void discard() override { consumed(unread); }

  call::MadeCall& call;
  HandOverEnd& end;
  const Id id;
  Sent sent;
  std::size_t unread = 0;
  std::optional<Message> request;  // that the call has not kept
};

class HandOverEnd::Server final : public call::ServerTransportStream {
 public:
  Server(call::ServedCall& c, HandOverEnd& e, Id i) : call(c), end(e), id(i) {}

  Status send(const Message& message, WriteOptions) override;
  std::size_t unsent() const override { return sent.unsent(); }
  Status send_header() override {
    if (!call.header_sent()) {
      end.tell([id = id, header = call.header_fields()](HandOverEnd& other) { other.header(id, header); });
      call.set_header_sent();
    }
    return {};
  }
  void send_status(const Status& status) override {
    if (!call.header_fields().empty()) (void)send_header();
    end.tell([id = id, status, trailer = call.trailer_fields()](HandOverEnd& other) {
      other.status(id, status, trailer);
    });
    end.later([&e = end, id = id] {
      if (Server* stream = e.served(id)) e.let_go(*stream);
    });
  }
  void want_message() override {}
  void consumed(std::size_t bytes) override;
  void discard() override { consumed(unread); }
  void reset() override { send_status(Status(StatusCode::kCancelled, "reset")); }
  void start_soon(Runnable& node) override { end.loop().post(node); }
  void hold_request(std::size_t) override {}
  void complain(const Status&) override {}
  const Addr& peer() const override { return end.peer_addr(); }
  const Addr& local() const override { return end.local_addr(); }
  std::optional<PeerCredentials> peer_credentials() const override { return std::nullopt; }
  void complete(Metadata& metadata) const override { metadata.add(":authority", "handed.over"); }

  call::ServedCall& call;
  HandOverEnd& end;
  const Id id;
  Sent sent;
  std::size_t unread = 0;
};

void HandOverEnd::Client::send(call::Received received) {
  sent.add(cost_of(received.message));
  end.count(received.message);
  end.tell([id = id, received = std::move(received)](HandOverEnd& other) {
    Server* stream = other.served(id);
    if (!stream || stream->call.over()) return;
    stream->unread += cost_of(received.message);
    if (stream->call.discards()) return stream->consumed(cost_of(received.message));
    (void)stream->call.on_message(Message(received.message), received.compressed);
  });
}

void HandOverEnd::Client::half_close() {
  end.tell([id = id](HandOverEnd& other) {
    if (Server* stream = other.served(id)) stream->call.on_remote_end();
  });
}

void HandOverEnd::Client::consumed(std::size_t bytes) {
  unread -= bytes;
  end.tell([id = id, bytes](HandOverEnd& other) {
    Server* stream = other.served(id);
    if (stream && stream->sent.credit(bytes)) stream->call.on_writable();
  });
}

Status HandOverEnd::Server::send(const Message& message, WriteOptions) {
  (void)send_header();
  const Message copy = owned(message);
  sent.add(cost_of(copy));
  end.count(copy);
  end.tell([id = id, copy](HandOverEnd& other) {
    Client* stream = other.stream(id);
    if (!stream || stream->call.ended()) return;
    stream->unread += cost_of(copy);
    if (stream->call.discards()) return stream->consumed(cost_of(copy));
    (void)stream->call.on_message(Message(copy), false);
  });
  return {};
}

void HandOverEnd::Server::consumed(std::size_t bytes) {
  unread -= bytes;
  end.tell([id = id, bytes](HandOverEnd& other) {
    Client* stream = other.stream(id);
    if (stream && stream->sent.credit(bytes)) stream->call.on_writable();
  });
}

void HandOverEnd::start() {
  const std::string name = (client_ ? local_addr() : peer_addr()).to_string();
  read_.active = true;
  if (conn_->start_read(read_)) return conn_ended();
  if (const auto found = all_.alone_.find(name); found != all_.alone_.end()) {
    HandOverEnd& other = *found->second;
    all_.alone_.erase(found);
    paired(other);
    other.paired(*this);
  } else {
    all_.alone_.emplace(name, this);
  }
}

bool HandOverEnd::open(call::MadeCall& call, const Message* request) {
  if (!can_open()) return false;
  const Id id = ++last_id_;
  auto* stream = new (call.stream_room()) Client(call, *this, id);
  streams_.emplace(id, stream);
  call.opened(*stream);
  tell([id, path = std::string(call.path()), metadata = call.request_metadata(),
        deadline = call.deadline()](HandOverEnd& other) { other.begin(id, path, metadata, deadline); });
  if (request) {
    stream->request = owned(*request);
    stream->send({*stream->request});
    stream->half_close();
  } else {
    call.send_request([stream](Chain&& framed, bool last) {
      while (!framed.empty()) stream->send(call::unframe(framed));
      if (last) stream->half_close();
    });
  }
  call.on_opened(call::SharedAddr(peer_addr()));
  return true;
}

void HandOverEnd::begin(Id id, std::string_view path, const Metadata& metadata, TimePoint deadline) {
  call::ServedCall* call = draining_ ? nullptr : owner_.on_incoming(*this, sizeof(Server));
  if (!call) return tell([id](HandOverEnd& other) { other.unprocessed(id); });
  auto* stream = new (call->stream_room()) Server(*call, *this, id);
  served_.emplace(id, stream);
  call->opened(*stream, places_);
  for (const KV kv : metadata) call->received_metadata().add(kv.key, kv.value);
  const call::ServedMethod* method = call->methods().find(path);
  call->set_method(method, method ? std::string_view(method->path) : std::string_view("/unknown/method"));
  if (!method) return call->end(call->methods().not_found(path));
  (void)call->begin(deadline == kNever ? kNoTimeout : deadline - loop().now());
}

void HandOverEnd::let_go(Client& stream) {
  call::MadeCall& call = stream.call;
  streams_.erase(stream.id);
  call.let_go();
  if (!closing_) owner_.on_capacity(*this);
  close_if_drained();
}

void HandOverEnd::let_go(Server& stream) {
  call::ServedCall& call = stream.call;
  served_.erase(stream.id);
  call.on_detaching();
  call.let_go();
  close_if_drained();
}

void HandOverEnd::unprocessed(Id id) {
  Client* stream = this->stream(id);
  if (!stream) return;
  call::MadeCall& call = stream->call;
  if (!call.ended() && stream->request && !call.keep_request(*stream->request)) return;
  if (!call.will_go_again(call::Unprocessed::kRefused)) {
    call.end(Status(StatusCode::kUnavailable, "refused"));
    return;  // on_call_ended() lets go of it
  }
  streams_.erase(id);
  owner_.on_unprocessed(call);
  close_if_drained();
}

void HandOverEnd::header(Id id, const Metadata& header) {
  answered_ = true;
  Client* stream = this->stream(id);
  if (!stream || stream->call.ended()) return;
  stream->call.set_header(Metadata(header));
  stream->call.on_header();
}

void HandOverEnd::status(Id id, const Status& status, const Metadata& trailer) {
  answered_ = true;
  Client* stream = this->stream(id);
  if (!stream || stream->call.ended()) return;
  stream->call.set_trailer(Metadata(trailer));
  stream->call.end(status);
}

void HandOverEnd::cancelled(Id id) {
  Server* stream = served(id);
  if (!stream) return;
  stream->call.cancel_handler("the client has ended the call");
  let_go(*stream);
}

void HandOverEnd::drain() {
  if (std::exchange(draining_, true) || closing_) return;
  if (!client_) {
    tell([](HandOverEnd& other) {
      other.tell([](HandOverEnd& server) {
        server.drain_is_known_ = true;
        server.close_if_drained();
      });
      if (std::exchange(other.draining_, true)) return;
      other.owner_.on_draining(other);
      other.close_if_drained();
    });
  }
  if (!other_) later([this] { close_if_drained(); });
}

void HandOverEnd::close(Status why) {
  if (std::exchange(closing_, true)) return;
  why_ = why;
  std::erase_if(all_.alone_, [this](const auto& entry) { return entry.second == this; });
  if (other_) other_->other_ = nullptr;
  other_ = nullptr;
  while (!streams_.empty()) {
    call::MadeCall& call = streams_.begin()->second->call;
    streams_.erase(streams_.begin());
    call.on_connection_lost(why, why.code() == StatusCode::kCancelled);
  }
  while (!served_.empty()) {
    call::ServedCall& call = served_.begin()->second->call;
    served_.erase(served_.begin());
    call.on_detaching();
    call.on_connection_lost(why);
  }
  events_.clear();
  conn_->close();
  queue_turn();
}

void HandOverEnd::later(std::function<void()> what) {
  if (closing_) return;
  events_.push_back(std::move(what));
  queue_turn();
}

void HandOverEnd::take_events() {
  while (!events_.empty()) {
    const std::function<void()> event = std::move(events_.front());
    events_.pop_front();
    event();
  }
}

void HandOverEnd::turn() {
  node_.queued = false;
  take_events();
  if (closing_ && !read_.active && !node_.queued) {
    owner_.on_closed(*this, {why_, "ended: " + std::string(why_.message())});
  }
}

void HandOverEnd::conn_ended() {
  read_.active = false;
  take_events();  // what was told before
  close(Status(StatusCode::kUnavailable, "connection closed by " + peer_addr().to_string()));
  queue_turn();
}

namespace {

struct NoFarewell final : call::Farewell {
  explicit NoFarewell(std::unique_ptr<net::Conn> c) : conn(std::move(c)) {}
  bool say() override { return conn->close(), true; }
  void close() override { conn->close(); }
  const std::unique_ptr<net::Conn> conn;
};

}  // namespace

std::size_t HandOver::client_stream_size() const { return sizeof(HandOverEnd::Client); }

std::unique_ptr<call::Transport> HandOver::make_client(std::unique_ptr<net::Conn> conn,
                                                       const call::TransportOptions& options,
                                                       call::TransportOwner& owner) const {
  return std::make_unique<HandOverEnd>(*this, true, std::move(conn), options, owner);
}

std::unique_ptr<call::Transport> HandOver::make_server(std::unique_ptr<net::Conn> conn,
                                                       const call::TransportOptions& options,
                                                       call::TransportOwner& owner) const {
  return std::make_unique<HandOverEnd>(*this, false, std::move(conn), options, owner);
}

std::unique_ptr<call::Farewell> HandOver::make_farewell(std::unique_ptr<net::Conn> conn, std::string_view,
                                                        TimePoint, call::Farewell::Owner&) const {
  return std::make_unique<NoFarewell>(std::move(conn));
}

}  // namespace sluice::support
