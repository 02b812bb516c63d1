// What the levels of a client's chain see and change.
#include "rpc/intercepted_client_call.h"

#include <algorithm>

#include "rpc/intercepted_channel.h"
#include "sluice/rpc/message_traits.h"

namespace sluice::inline v0::detail {

InterceptedClientCall::InterceptedClientCall(std::shared_ptr<InterceptedChannel> channel,
                                             const MethodInfo& method, const CallOptions& options)
    : channel_(std::move(channel)),
      codec_(inner().find_codec(options.codec)),
      path_(method.path),
      method_{path_, method.client_streams, method.server_streams},
      callers_context_(options.context ? *options.context : Context()),
      timeout_(options.timeout),
      deadline_(std::min(options.deadline, callers_context_.deadline())),
      compression_algorithm_(options.compression_algorithm),
      codec_name_(options.codec) {
  for (std::size_t i = 0; i < options.metadata.size(); ++i) {
    metadata_.add(options.metadata[i].key, options.metadata[i].value);
  }
}

ChannelBase& InterceptedClientCall::inner() const { return channel_->inner(); }
Loop& InterceptedClientCall::call_loop() const { return channel_->loop(); }
std::size_t InterceptedClientCall::chain_size() const { return channel_->chain().size(); }
bool InterceptedClientCall::wraps(std::size_t index) const { return channel_->chain()[index].wraps(); }

Task<Status> InterceptedClientCall::intercept(std::size_t index, Level& level) {
  return channel_->chain()[index].get()->intercept(static_cast<ClientLevel&>(level));
}

Level& InterceptedClientCall::make_level(Level* outer) {
  void* memory = call_loop().blocks().take(sizeof(ClientLevel));
  return *new (memory) ClientLevel(*this, static_cast<ClientLevel*>(outer));
}

void InterceptedClientCall::free_level(Level& level) {
  auto& client_level = static_cast<ClientLevel&>(level);
  client_level.~ClientLevel();
  call_loop().blocks().give(&client_level, sizeof(ClientLevel));
}

void InterceptedClientCall::begin_time() {
  if (timeout_ != kNoTimeout) deadline_ = std::min(deadline_, after(call_loop().now(), timeout_));
}

CallOptions InterceptedClientCall::attempt_options() const {
  CallOptions options;
  const auto* level = static_cast<const ClientLevel*>(innermost());
  options.deadline = level ? level->deadline() : deadline_;
  while (level && !level->metadata_) level = level->outer_level();
  options.metadata = MetadataList(level ? &*level->metadata_ : &metadata_);
  options.compression_algorithm = compression_algorithm_;
  options.codec = codec_name_;
  if (callers_context_) options.context = &callers_context_;
  return options;
}

Message InterceptedClientCall::attempt_request() const {
  const auto* level = static_cast<const ClientLevel*>(innermost());
  while (level && !level->request_) level = level->outer_level();
  return level ? *level->request_ : request_;
}

const Context& InterceptedClientCall::context() {
  if (!context_) {
    context_ = callers_context_.with_deadline(deadline_);
    if (!refusal_.ok()) context_.cancel(std::string(refusal_.message()));
  }
  return context_;
}

void InterceptedClientCall::refuse_attempts(const Status& why) {
  if (!refusal_.ok()) return;
  refusal_ = why;
  context_.cancel(std::string(why.message()));
}

Status InterceptedClientCall::take_request(const Message& request) {
  Result<Chain> bytes = to_bytes(request, codec_.get());
  if (!bytes.ok()) return std::move(bytes).status();
  request_ = message_of(std::move(*bytes));
  return {};
}

Message InterceptedClientCall::message_of(Message message) const {
  message.set_codec(codec_.get());
  return message;
}

Status InterceptedClientCall::outcome(Status status, Message& reply) {
  if (!status.ok() || !single_reply()) return status;
  if (!reply_) {
    return Status(StatusCode::kInternal,
                  "an interceptor of " + path_ + " ended the call as OK without a reply");
  }
  if (reply_->is_bytes()) {
    reply = Message(reply_->take_bytes());
    return {};
  }
  Result<Chain> bytes = to_bytes(*reply_, codec_.get());
  if (!bytes.ok()) return std::move(bytes).status();
  reply = Message(std::move(*bytes));
  return {};
}

ClientLevel::ClientLevel(InterceptedClientCall& call, ClientLevel* outer)
    : Level(call, outer), client_call_(call) {}

const MethodInfo& ClientLevel::method() const { return client_call_.method_; }
Loop& ClientLevel::loop() const { return client_call_.call_loop(); }
std::optional<Message>& ClientLevel::reply() { return client_call_.reply_; }
const Context& ClientLevel::context() { return client_call_.context(); }
const Metadata& ClientLevel::header() const { return client_call_.attempt_header(); }
const Metadata& ClientLevel::trailer() const { return client_call_.attempt_trailer(); }
const Addr& ClientLevel::peer() const { return client_call_.attempt_peer(); }
bool ClientLevel::can_restart() const { return client_call_.can_restart(); }
void ClientLevel::keep_writes(std::size_t max_bytes) { client_call_.keep_writes(max_bytes); }
bool ClientLevel::begin_next(Next& next) { return client_call_.InterceptedCall::begin_next(*this, next); }

TimePoint ClientLevel::deadline() const {
  if (deadline_) return *deadline_;
  return outer_level() ? outer_level()->deadline() : client_call_.deadline_;
}

Metadata& ClientLevel::metadata() {
  if (metadata_) return *metadata_;
  const ClientLevel* level = outer_level();
  while (level && !level->metadata_) level = level->outer_level();
  return metadata_.emplace(level ? *level->metadata_ : client_call_.metadata_);
}

Message& ClientLevel::request() {
  if (request_) return *request_;
  const ClientLevel* level = outer_level();
  while (level && !level->request_) level = level->outer_level();
  return request_.emplace(level ? *level->request_ : client_call_.request_);
}

}  // namespace sluice::inline v0::detail
