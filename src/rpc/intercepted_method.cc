// A server's call inside its wrapping interceptors: what they see of it, and the handler at the end of the
// chain.
#include "rpc/intercepted_method.h"

#include <optional>
#include <string>

#include "rpc/filtered_server_stream.h"
#include "rpc/intercepted_call.h"
#include "sluice/rpc/message_traits.h"

namespace sluice::inline v0::detail {
namespace {

class InterceptedServerCall;

class ServerLevel final : public ServerInvocation, public Level {
 public:
  ServerLevel(InterceptedServerCall& call, Level* outer);
  const MethodInfo& method() const override;
  Loop& loop() const override;
  Message& request() override;
  std::optional<Message>& reply() override;
  ServerContext& context() override;
  ServerStream& stream() override;

 private:
  bool begin_next(Next& next) override;
  InterceptedServerCall& server_call_;
};

// To the handler it is the call. Lies in the loop's pool, as do the levels: the call's own memory is for the
// handler, as it is without interceptors.
class InterceptedServerCall final : public InterceptedCall, private ServerCall, private MessagePasses {
 public:
  InterceptedServerCall(const InterceptedMethod& method, ServerCall& call)
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
  ~InterceptedServerCall() {
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
    explicit HandlerEnded(InterceptedServerCall& c) : Runnable(&run), call(c) {}
    static void run(Runnable& self) noexcept;
    InterceptedServerCall& call;
  };

  // InterceptedCall
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
  const Message& request() const override { return request_ ? *request_ : call_.request(); }
  void release_request() override {
    if (request_) request_->clear();
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
  const InterceptedMethod& method_;
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

ServerLevel::ServerLevel(InterceptedServerCall& call, Level* outer)
    : Level(call, outer), server_call_(call) {}
const MethodInfo& ServerLevel::method() const { return server_call_.method(); }
Loop& ServerLevel::loop() const { return server_call_.context().loop(); }
Message& ServerLevel::request() { return server_call_.editable_request(); }
std::optional<Message>& ServerLevel::reply() { return server_call_.reply(); }
ServerContext& ServerLevel::context() { return server_call_.context(); }
ServerStream& ServerLevel::stream() { return server_call_.transport_stream(); }
bool ServerLevel::begin_next(Next& next) { return server_call_.begin_next(*this, next); }

bool InterceptedServerCall::start(Runnable& on_done) {
  on_done_ = &on_done;
  Progress progress = start_chain(status_);
  if (progress == Progress::kNobody) progress = start_end_of_chain(status_);
  return progress == Progress::kEnded;
}

void InterceptedServerCall::chain_ended(Status status) {
  status_ = std::move(status);
  call_loop().resume(*on_done_);
}

Status InterceptedServerCall::finish(Message& reply) {
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

Level& InterceptedServerCall::make_level(Level* outer) {
  return *new (call_loop().blocks().take(sizeof(ServerLevel))) ServerLevel(*this, outer);
}

void InterceptedServerCall::free_level(Level& level) {
  auto& server_level = static_cast<ServerLevel&>(level);
  server_level.~ServerLevel();
  call_loop().blocks().give(&server_level, sizeof(ServerLevel));
}

Status InterceptedServerCall::check_next(Level&, bool again) {
  if (!again) return {};
  return Status(StatusCode::kInternal,
                "an interceptor of " + std::string(info_.path) + " called next() a second time");
}

Message& InterceptedServerCall::editable_request() {
  if (!request_) {
    request_.emplace(info_.client_streams ? Message() : call_.request());
    request_->set_codec(codec_);
  }
  return *request_;
}

// What interceptors have made of the request, as the bytes that the handler decodes.
Status InterceptedServerCall::prepare_request() {
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

InterceptedCall::Progress InterceptedServerCall::start_end_of_chain(Status& out) {
  out = prepare_request();
  if (!out.ok()) return Progress::kEnded;
  method_.handler(method_.object, *this);
  if (!handler_over_) return Progress::kRunning;
  out = std::move(handler_status_);
  return Progress::kEnded;
}

ServerStream& InterceptedServerCall::stream() {
  if (!filtered_ && !has_filters()) return call_.stream();
  if (!filtered_) filtered_.emplace(call_.stream(), static_cast<MessagePasses&>(*this));
  return *filtered_;
}

void InterceptedServerCall::run(Handler& handler) {
  handler_ = &handler;
  if (!handler.start(call_loop(), handler_ended_)) return;
  if (filtered_) filtered_->end();
  if (filtered_ && filtered_->busy()) return filtered_->when_quiet(handler_ended_);
  handler_status_ = take_handler_outcome();
  handler_over_ = true;
}

void InterceptedServerCall::HandlerEnded::run(Runnable& self) noexcept {
  InterceptedServerCall& call = static_cast<HandlerEnded&>(self).call;
  if (call.filtered_) call.filtered_->end();
  if (call.filtered_ && call.filtered_->busy()) return call.filtered_->when_quiet(self);
  call.end_of_chain_ended(call.take_handler_outcome());
}

// The handler stays until the call is over: its reply is borrowed from it.
Status InterceptedServerCall::take_handler_outcome() {
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

void InterceptedServerCall::drop(Handler& handler) {
  handler.~Handler();
  context_.free_frame(&handler, 0);
}

void InterceptedServerCall::reject(Status status) {
  handler_status_ = std::move(status);
  handler_over_ = true;
}

// To the transport the handler of the call.
class InterceptedHandler final : public ServerCall::Handler {
 public:
  InterceptedHandler(const InterceptedMethod& method, ServerCall& call)
      : loop_(call.context().loop()),
        call_(*new (loop_.blocks().take(sizeof(InterceptedServerCall))) InterceptedServerCall(method, call)) {
  }
  ~InterceptedHandler() override {
    call_.~InterceptedServerCall();
    loop_.blocks().give(&call_, sizeof(InterceptedServerCall));
  }
  bool start(Loop&, Runnable& on_done) override { return call_.start(on_done); }
  Status finish(Message& reply) override { return call_.finish(reply); }

 private:
  Loop& loop_;
  InterceptedServerCall& call_;
};

}  // namespace

void serve_intercepted(void* method, ServerCall& call) {
  call.run(call.make<InterceptedHandler>(*static_cast<const InterceptedMethod*>(method), call));
}

}  // namespace sluice::inline v0::detail
