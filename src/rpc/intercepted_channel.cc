// Unary calls inside their interceptors.
#include "rpc/intercepted_channel.h"

#include "rpc/intercepted_client_call.h"
#include "rpc/intercepted_stream.h"
#include "sluice/async/run_on.h"
#include "sluice/rpc/message_traits.h"

namespace sluice::inline v0::detail {
namespace {

// Thread: loop-only. Lifetime: until the caller has released it and the outermost interceptor has ended.
class InterceptedUnary final : public UnaryRecord, private InterceptedClientCall {
 public:
  InterceptedUnary(std::shared_ptr<InterceptedChannel> channel, const MethodInfo& method,
                   const CallOptions& options)
      : InterceptedClientCall(std::move(channel), method, options), attempt_ended_(*this) {
    header_out = options.header;
    trailer_out = options.trailer;
    peer_out = options.peer;
    reply_compressed_out = options.reply_compressed;
    codec = codec_.get();
  }

  // The method again, since it is the caller's: it outlives this object if nobody wraps the call.
  OpRecord* start(const MethodInfo& method, const Message& request, const CallOptions& options);

  // UnaryRecord
  void cancel() override;
  void release() override;
  const Metadata& header() const override { return attempt_header(); }
  const Metadata& trailer() const override { return attempt_trailer(); }
  const Addr& peer() const override { return attempt_peer(); }

 private:
  struct AttemptEnded : Runnable {
    explicit AttemptEnded(InterceptedUnary& c) : Runnable(&run), call(c) {}
    static void run(Runnable& self) noexcept {
      InterceptedUnary& call = static_cast<AttemptEnded&>(self).call;
      call.end_of_chain_ended(call.take_attempt());
    }
    InterceptedUnary& call;
  };
  ~InterceptedUnary() {
    if (attempt_) attempt_->release();
  }

  // InterceptedCall, InterceptedClientCall
  Progress start_end_of_chain(Status& out) override;
  void chain_ended(Status ended) override;
  const Metadata& attempt_header() const override { return attempt_ ? attempt_->header() : no_metadata_; }
  const Metadata& attempt_trailer() const override { return attempt_ ? attempt_->trailer() : no_metadata_; }
  const Addr& attempt_peer() const override { return attempt_ ? attempt_->peer() : nowhere_; }
  bool can_restart() const override { return true; }
  void keep_writes(std::size_t) override {}

  Status take_attempt();
  void free();

  UnaryRecord* attempt_ = nullptr;  // the last one, kept for its metadata
  AttemptEnded attempt_ended_;
  bool released_ = false;
};

OpRecord* InterceptedUnary::start(const MethodInfo& method, const Message& request,
                                  const CallOptions& options) {
  begin();
  if (Status s = take_request(request); !s.ok()) {
    chain_ended(std::move(s));
    return this;
  }
  begin_time();
  Status ended;
  switch (start_chain(ended)) {
    case Progress::kEnded:
      chain_ended(std::move(ended));
      break;
    case Progress::kNobody: {
      ChannelBase& channel = inner();
      OpRecord* record = channel.start_unary(method, request, options);
      free();
      return record;
    }
    case Progress::kRunning:
      break;
  }
  return this;
}

InterceptedCall::Progress InterceptedUnary::start_end_of_chain(Status& out) {
  reply_.reset();
  if (attempt_) std::exchange(attempt_, nullptr)->release();
  if (out = refusal(); !out.ok()) return Progress::kEnded;
  Message request = attempt_request();
  if (out = filter_request(request); !out.ok()) return Progress::kEnded;
  OpRecord* record = inner().start_unary(method(), request, attempt_options());
  if (record->failed()) {
    out = std::move(static_cast<FailedRecord*>(record)->status);
    delete static_cast<FailedRecord*>(record);
    return Progress::kEnded;
  }
  attempt_ = static_cast<UnaryRecord*>(record);
  if (!attempt_->done()) {
    attempt_->set_waiter(attempt_ended_);
    return Progress::kRunning;
  }
  out = take_attempt();
  return Progress::kEnded;
}

Status InterceptedUnary::take_attempt() {
  if (!attempt_->status.ok()) return std::move(attempt_->status);
  reply_compressed = attempt_->reply_compressed;
  Message reply = message_of(std::move(attempt_->reply));
  if (Status s = filter_reply(reply); !s.ok()) return s;
  reply_ = std::move(reply);
  return {};
}

void InterceptedUnary::chain_ended(Status ended) {
  status = outcome(std::move(ended), reply);
  complete(call_loop());
  if (released_) free();
}

void InterceptedUnary::cancel() {
  refuse_attempts(Status(StatusCode::kCancelled, "call cancelled"));
  if (attempt_ && !attempt_->done()) attempt_->cancel();
}

void InterceptedUnary::release() {
  if (done()) return free();
  released_ = true;
  cancel();
}

void InterceptedUnary::free() {
  Loop& loop = call_loop();
  this->~InterceptedUnary();
  loop.blocks().give(this, sizeof *this);
}

}  // namespace

OpRecord* InterceptedChannel::start_unary(const MethodInfo& method, const Message& request,
                                          const CallOptions& options) {
  auto self = std::static_pointer_cast<InterceptedChannel>(shared_from_this());
  auto* call =
      new (loop().blocks().take(sizeof(InterceptedUnary))) InterceptedUnary(std::move(self), method, options);
  return call->start(method, request, options);
}

ClientStreamPtr InterceptedChannel::new_stream(const MethodInfo& method, const Message* first,
                                               const CallOptions& options) {
  auto* stream = new InterceptedStream(std::static_pointer_cast<InterceptedChannel>(shared_from_this()),
                                       method, first, options);
  run_on(loop(), [stream] { stream->begin(); });
  return ClientStreamPtr(stream);
}

std::shared_ptr<ChannelBase> with_interceptors(std::shared_ptr<ChannelBase> inner,
                                               const InterceptorChain<ClientInterceptor>& chain) {
  if (!any_wraps<ClientInterceptor>(chain)) return inner;
  return std::make_shared<InterceptedChannel>(std::move(inner), chain);
}

}  // namespace sluice::inline v0::detail
