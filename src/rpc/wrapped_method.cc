// A server's call inside its wrapping interceptors: what they see of it, and the handler at the end of the
// chain.
#include "rpc/wrapped_method.h"

#include <optional>
#include <string>

#include "rpc/filtered_server_stream.h"
#include "rpc/wrapped_call.h"
#include "sluice/rpc/message_traits.h"

namespace sluice::detail {
namespace {

class ServerWrappedCall;

class ServerLevel final : public ServerInvocation, public Level {
 public:
  ServerLevel(ServerWrappedCall& call, Level* outer);
  const MethodInfo& method() const override;
  Loop& loop() const override;
  Message& request() override;
  std::optional<Message>& reply() override;
  ServerContext& context() override;
  ServerStream& stream() override;

 private:
  bool begin_next(Next& next) override;
  ServerWrappedCall& server_call_;
};

// To the handler it is the call. Lies in the loop's pool, as do the levels: the call's own memory is for the
// handler, as it is without interceptors.
class ServerWrappedCall final : public WrappedCall, private ServerCall, private MessagePasses {
 public:
  ServerWrappedCall(const WrappedMethod& method, ServerCall& call)
      : method_(method),
        call_(call),
        context_(call.context()),
        path_(method.info.path.empty() ? context_.method() : std::string_view()),
        info_(method.info),
        handler_ended_(*this) {
    if (info_.path.empty()) info_.path = path_;
    content_subtype_ = call.content_subtype();
    codec_ = call.codec();
  }
  ~ServerWrappedCall() {
    if (handler_) drop(*handler_);
  }

  // For ServerLevel.
  const MethodInfo& method() const { return info_; }
  ServerContext& context() override { return context_; }
  ServerStream& transport_stream() { return call_.stream(); }
  Message& editable_request();
  std::optional<Message>& reply() { return reply_; }

  // As a ServerCall::Handler.
  bool start(Runnable& on_done);
  Status finish(Message& reply);

 private:
  struct HandlerEnded : Runnable {
    explicit HandlerEnded(ServerWrappedCall& c) : Runnable(&run), call(c) {}
    static void run(Runnable& self) noexcept;
    ServerWrappedCall& call;
  };

  // WrappedCall
  Loop& call_loop() const override { return context_.loop(); }
  std::size_t chain_size() const override { return method_.chain.size(); }
  bool wraps(std::size_t i) const override { return method_.chain[i].wraps(); }
  Level& make_level(Level* outer) override;
  void free_level(Level& level) override;
  Task<Status> intercept(std::size_t i, Level& level) override {
    return method_.chain[i].get()->intercept(static_cast<ServerLevel&>(level));
  }
  Status check_next(Level& level, bool again) override;
  Progress start_end_of_chain(Status& out) override;
  void chain_ended(Status status) override;

  // ServerCall, for the handler
  ServerStream& stream() override;
  const Chain& request() const override { return request_ ? request_->bytes() : call_.request(); }
  void release_request() override {
    if (request_) (void)request_->take_bytes();  // interceptors may hold on to the message
    call_.release_request();
  }
  void run(Handler& handler) override;
  void drop(Handler& handler) override;
  void reject(Status status) override;
  void* allocate(std::size_t size, std::size_t) override { return context_.allocate_frame(size); }

  // MessagePasses
  Status pass_request(Message& message) override { return filter_request(message); }
  Status pass_reply(Message& message) override { return filter_reply(message); }

  Status prepare_request();
  Status take_handler_outcome();

  // Constant after construction.
  const WrappedMethod& method_;
  ServerCall& call_;
  ServerContext& context_;
  const std::string path_;  // where the method has none
  MethodInfo info_;

  std::optional<Message> request_;  // if somebody wanted to see or change it
  std::optional<Message> reply_;
  Chain reply_bytes_;
  std::optional<FilteredServerStream> filtered_;
  Handler* handler_ = nullptr;
  HandlerEnded handler_ended_;
  bool handler_over_ = false;
  Status handler_status_;
  Runnable* on_done_ = nullptr;
  Status status_;
};

ServerLevel::ServerLevel(ServerWrappedCall& call, Level* outer) : Level(call, outer), server_call_(call) {}
const MethodInfo& ServerLevel::method() const { return server_call_.method(); }
Loop& ServerLevel::loop() const { return server_call_.context().loop(); }
Message& ServerLevel::request() { return server_call_.editable_request(); }
std::optional<Message>& ServerLevel::reply() { return server_call_.reply(); }
ServerContext& ServerLevel::context() { return server_call_.context(); }
ServerStream& ServerLevel::stream() { return server_call_.transport_stream(); }
bool ServerLevel::begin_next(Next& next) { return server_call_.begin_next(*this, next); }

bool ServerWrappedCall::start(Runnable& on_done) {
  on_done_ = &on_done;
  Progress progress = start_chain(status_);
  if (progress == Progress::kNobody) progress = start_end_of_chain(status_);
  return progress == Progress::kEnded;
}

void ServerWrappedCall::chain_ended(Status status) {
  status_ = std::move(status);
  call_loop().resume(*on_done_);
}

Status ServerWrappedCall::finish(Message& reply) {
  if (!status_.ok() || info_.server_streams) return std::move(status_);
  if (!reply_) {
    return Status(StatusCode::kInternal,
                  "an interceptor of " + std::string(info_.path) + " ended the call as OK without a reply");
  }
  if (!reply_->is_bytes()) {
    reply = std::move(*reply_);
  } else {
    reply_bytes_ = reply_->take_bytes();
    reply = Message(&reply_bytes_, MessageTraits<Chain>::ops());
  }
  return {};
}

Level& ServerWrappedCall::make_level(Level* outer) {
  return *new (call_loop().blocks().take(sizeof(ServerLevel))) ServerLevel(*this, outer);
}

void ServerWrappedCall::free_level(Level& level) {
  auto& server_level = static_cast<ServerLevel&>(level);
  server_level.~ServerLevel();
  call_loop().blocks().give(&server_level, sizeof(ServerLevel));
}

Status ServerWrappedCall::check_next(Level&, bool again) {
  if (!again) return {};
  return Status(StatusCode::kInternal,
                "an interceptor of " + std::string(info_.path) + " called next() a second time");
}

Message& ServerWrappedCall::editable_request() {
  if (!request_) {
    request_.emplace(info_.client_streams ? Chain() : call_.request());
    request_->set_codec(codec_);
  }
  return *request_;
}

// What interceptors have made of the request, as the bytes that the handler decodes.
Status ServerWrappedCall::prepare_request() {
  if (info_.client_streams) return {};
  if (has_filters()) {
    if (Status s = filter_request(editable_request()); !s.ok()) return s;
  }
  if (!request_ || request_->is_bytes()) return {};
  Result<Chain> bytes = to_bytes(*request_, codec_);
  if (!bytes.ok()) return std::move(bytes).status();
  request_ = Message(std::move(*bytes));
  return {};
}

WrappedCall::Progress ServerWrappedCall::start_end_of_chain(Status& out) {
  out = prepare_request();
  if (!out.ok()) return Progress::kEnded;
  method_.handler(method_.object, *this);
  if (!handler_over_) return Progress::kRunning;
  out = std::move(handler_status_);
  return Progress::kEnded;
}

ServerStream& ServerWrappedCall::stream() {
  if (!filtered_ && !has_filters()) return call_.stream();
  if (!filtered_) filtered_.emplace(call_.stream(), static_cast<MessagePasses&>(*this));
  return *filtered_;
}

void ServerWrappedCall::run(Handler& handler) {
  handler_ = &handler;
  if (!handler.start(call_loop(), handler_ended_)) return;
  if (filtered_ && filtered_->busy()) return filtered_->when_quiet(handler_ended_);
  handler_status_ = take_handler_outcome();
  handler_over_ = true;
}

void ServerWrappedCall::HandlerEnded::run(Runnable& self) noexcept {
  ServerWrappedCall& call = static_cast<HandlerEnded&>(self).call;
  if (call.filtered_ && call.filtered_->busy()) return call.filtered_->when_quiet(self);
  call.end_of_chain_ended(call.take_handler_outcome());
}

// The handler stays until the call is over: its reply is borrowed from it.
Status ServerWrappedCall::take_handler_outcome() {
  Message reply;
  Status status = handler_->finish(reply);
  if (filtered_ && !filtered_->failure().ok()) return filtered_->failure();
  if (!status.ok() || reply.is_bytes()) return status;
  reply.set_codec(codec_);
  if (has_filters()) {
    if (Status s = filter_reply(reply); !s.ok()) return s;
  }
  reply_ = std::move(reply);
  return {};
}

void ServerWrappedCall::drop(Handler& handler) {
  handler.~Handler();
  context_.free_frame(&handler, 0);
}

void ServerWrappedCall::reject(Status status) {
  handler_status_ = std::move(status);
  handler_over_ = true;
}

// To the transport the handler of the call.
class WrappedHandler final : public ServerCall::Handler {
 public:
  WrappedHandler(const WrappedMethod& method, ServerCall& call)
      : loop_(call.context().loop()),
        call_(*new (loop_.blocks().take(sizeof(ServerWrappedCall))) ServerWrappedCall(method, call)) {}
  ~WrappedHandler() override {
    call_.~ServerWrappedCall();
    loop_.blocks().give(&call_, sizeof(ServerWrappedCall));
  }
  bool start(Loop&, Runnable& on_done) override { return call_.start(on_done); }
  Status finish(Message& reply) override { return call_.finish(reply); }

 private:
  Loop& loop_;
  ServerWrappedCall& call_;
};

}  // namespace

void serve_wrapped(void* method, ServerCall& call) {
  call.run(call.make<WrappedHandler>(*static_cast<const WrappedMethod*>(method), call));
}

}  // namespace sluice::detail
