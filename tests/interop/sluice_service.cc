// The handlers of the interop matrix's service; README.md has what each must do.
#include "sluice_service.h"

#include <utility>

namespace interop {

using namespace std::chrono_literals;
using sluice::Result;
using sluice::ServerContext;
using sluice::Status;
using sluice::StatusCode;
using sluice::Task;

namespace {

Status status_of(const Plan& plan) {
  return {static_cast<StatusCode>(plan.code()), plan.message(), plan.details()};
}

Reply numbered_reply(const Plan& plan, int i) {
  Reply reply;
  reply.set_payload(pattern(static_cast<std::size_t>(plan.reply_size()), static_cast<std::size_t>(i)));
  reply.set_count(i);
  return reply;
}

}  // namespace

// One call while its handler runs.
class SluiceService::Call {
 public:
  Call(SluiceService& service, ServerContext& context) : service_(service), context_(context) {
    for (const auto [key, value] : context.metadata()) {
      if (!key.starts_with("x-")) continue;
      metadata_.emplace_back(key, value);
      Status status;
      if (key.starts_with("x-header")) status = context.add_header(key, value);
      if (key.starts_with("x-trailer")) status = context.add_trailer(key, value);
      if (!status.ok()) throw sluice::StatusError(status);
    }
  }
  ~Call() {
    const std::lock_guard lock(service_.mutex_);
    SeenReply& seen = record_->seen;
    seen.set_ended(seen.ended() + 1);
    seen.set_cancelled(seen.cancelled() || context_.cancelled());
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  void received(const Request& request) {
    if (totals_.count == 0) begin(request);
    totals_.add(request.payload());
    const std::lock_guard lock(service_.mutex_);
    record_->seen.set_received(record_->seen.received() + 1);
  }
  void sent() {
    const std::lock_guard lock(service_.mutex_);
    record_->seen.set_sent(record_->seen.sent() + 1);
  }
  Reply reply(std::string payload, std::string text) {
    Reply reply;
    reply.set_payload(std::move(payload));
    reply.set_text(std::move(text));
    reply.set_count(totals_.count);
    reply.set_size(totals_.size);
    reply.set_crc(totals_.crc);
    add_metadata(reply);
    return reply;
  }
  // In the first reply only.
  void add_metadata(Reply& reply) {
    for (const auto& [key, value] : std::exchange(metadata_, {})) {
      auto* pair = reply.add_metadata();
      pair->set_key(key);
      pair->set_value(value);
    }
  }
  int count() const { return totals_.count; }

  // Until the call is cancelled or its deadline has passed.
  Task<Status> wait() { co_return co_await sluice::sleep(std::chrono::hours(1), context_.context()); }

  // Until `calls` of this id are here.
  Task<Status> gather(int calls) {
    {
      const std::lock_guard lock(service_.mutex_);
      if (record_->seen.started() == calls) record_->gathered.cancel();
    }
    while (!record_->gathered.cancelled()) {
      if (context_.cancelled()) co_return Status(StatusCode::kCancelled, "not all calls came");
      const Status woken = co_await sluice::sleep(50ms, record_->gathered);
      (void)woken;
    }
    co_return Status();
  }

 private:
  void begin(const Request& request) {
    if (!request.id().empty()) record_ = service_.record(request.id());
    const std::lock_guard lock(service_.mutex_);
    record_->seen.set_started(record_->seen.started() + 1);
    if (context_.deadline() == sluice::kNever) return;
    const auto left = context_.deadline() - context_.loop().now();
    record_->seen.set_timeout_ms(std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
  }

  SluiceService& service_;
  ServerContext& context_;
  std::shared_ptr<Record> record_ = std::make_shared<Record>();  // nobody asks for it until there is an id
  Pairs metadata_;
  Totals totals_;
};

std::shared_ptr<SluiceService::Record> SluiceService::record(const std::string& id) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Record>& record = calls_[id];
  if (!record) record = std::make_shared<Record>();
  return record;
}

Task<Result<Reply>> SluiceService::Unary(ServerContext& context, const Request& request) {
  Call call(*this, context);
  call.received(request);
  const Plan& plan = request.plan();
  if (plan.wait()) co_return co_await call.wait();
  if (plan.gather() > 0) {
    if (Status status = co_await call.gather(plan.gather()); !status.ok()) co_return status;
  }
  if (plan.code() != 0) co_return status_of(plan);
  call.sent();
  std::string payload = request.payload();
  if (plan.reply_size() > 0) payload = pattern(static_cast<std::size_t>(plan.reply_size()), 0);
  co_return call.reply(std::move(payload), request.text());
}

Task<Status> SluiceService::ServerStream(ServerContext& context, const Request& request,
                                         sluice::ServerWriter<Reply>& writer) {
  Call call(*this, context);
  call.received(request);
  const Plan& plan = request.plan();
  for (int i = 0; i < plan.replies(); ++i) {
    Reply reply = numbered_reply(plan, i);
    reply.set_text(request.text());
    call.add_metadata(reply);
    if (Status status = co_await writer.write(reply); !status.ok()) co_return status;
    call.sent();
  }
  if (plan.wait()) co_return co_await call.wait();
  co_return status_of(plan);
}

Task<Result<Reply>> SluiceService::ClientStream(ServerContext& context,
                                                sluice::ServerReader<Request>& reader) {
  Call call(*this, context);
  Plan plan;
  Request request;
  while (co_await reader.read_into(request)) {
    call.received(request);
    if (call.count() == 1) plan = request.plan();
    if (plan.wait()) co_return co_await call.wait();
    if (call.count() == plan.read()) break;
  }
  if (context.cancelled()) co_return Status(StatusCode::kCancelled, "the call is over");
  if (plan.code() != 0) co_return status_of(plan);
  call.sent();
  co_return call.reply("", request.text());
}

Task<Status> SluiceService::Bidi(ServerContext& context, sluice::ServerReaderWriter<Reply, Request>& stream) {
  Call call(*this, context);
  Plan plan;
  Request request;
  while (co_await stream.read_into(request)) {
    call.received(request);
    const Reply echo = call.reply(request.payload(), request.text());
    if (Status status = co_await stream.write(echo); !status.ok()) co_return status;
    call.sent();
    if (call.count() == 1) plan = request.plan();
    if (plan.wait()) co_return co_await call.wait();
    if (call.count() == plan.read()) co_return status_of(plan);
  }
  for (int i = 0; i < plan.replies(); ++i) {
    const Reply more =
        call.reply(pattern(static_cast<std::size_t>(plan.reply_size()), static_cast<std::size_t>(i)), "");
    if (Status status = co_await stream.write(more); !status.ok()) co_return status;
    call.sent();
  }
  co_return status_of(plan);
}

Task<Result<SeenReply>> SluiceService::Seen(ServerContext&, const sluice::interop::SeenRequest& request) {
  const std::shared_ptr<Record> found = record(request.id());
  const std::lock_guard lock(mutex_);
  co_return found->seen;
}

Task<Result<sluice::interop::DrainReply>> SluiceService::Drain(ServerContext&,
                                                               const sluice::interop::DrainRequest&) {
  drain_();
  co_return sluice::interop::DrainReply();
}

}  // namespace interop
