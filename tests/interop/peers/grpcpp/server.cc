// The server of the grpc++ peer (synchronous API, a thread a call); tests/interop/README.md.
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>

#include "common.h"
#include "interop.grpc.pb.h"

namespace {

using namespace interop;
using grpc::ServerContext;
using grpc::Status;

// What was seen of the calls with one id; guarded by the service's mutex.
struct Record {
  Record() { seen.set_timeout_ms(-1); }
  SeenReply seen;
};

class Service;

// One call while its handler runs.
class Call {
 public:
  Call(Service& service, ServerContext& context) : service_(service), context_(context) {
    for (const auto& [k, v] : context.client_metadata()) {
      const std::string key(k.data(), k.size()), value(v.data(), v.size());
      if (!starts_with(key, "x-")) continue;
      metadata_.emplace_back(key, value);
      if (starts_with(key, "x-header")) context.AddInitialMetadata(key, value);
      if (starts_with(key, "x-trailer")) context.AddTrailingMetadata(key, value);
    }
  }
  ~Call();
  void received(const Request& request);
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
    for (auto& [key, value] : metadata_) {
      auto* pair = reply.add_metadata();
      pair->set_key(key);
      pair->set_value(value);
    }
    metadata_.clear();
  }
  template <class Writer>
  bool write(Writer& writer, const Reply& reply) {
    if (!writer.Write(reply)) return over_ = true, false;
    sent();
    return true;
  }
  void sent();
  // Until the call is cancelled.
  Status wait() {
    return wait_until([] { return false; });
  }
  Status gather(int calls);
  int count() const { return totals_.count; }

 private:
  template <class Done>
  Status wait_until(Done done);

  Service& service_;
  ServerContext& context_;
  std::shared_ptr<Record> record_ = std::make_shared<Record>();  // nobody asks for it until there is an id
  Pairs metadata_;
  Totals totals_;
  bool over_ = false;  // a write found it so, which IsCancelled() may not know yet
};

Status status_of(const Plan& plan) {
  return {static_cast<grpc::StatusCode>(plan.code()), plan.message(), plan.details()};
}

Status cancelled() { return {grpc::StatusCode::CANCELLED, "the call is over"}; }

class Service final : public sluice::interop::Interop::Service {
 public:
  Status Unary(ServerContext* context, const Request* request, Reply* reply) override {
    Call call(*this, *context);
    call.received(*request);
    const Plan& plan = request->plan();
    if (plan.wait()) return call.wait();
    if (plan.gather() > 0) {
      if (Status status = call.gather(plan.gather()); !status.ok()) return status;
    }
    if (plan.code() != 0) return status_of(plan);
    call.sent();
    *reply = call.reply(
        plan.reply_size() > 0 ? pattern(static_cast<std::size_t>(plan.reply_size()), 0) : request->payload(),
        request->text());
    return Status::OK;
  }

  Status ServerStream(ServerContext* context, const Request* request,
                      grpc::ServerWriter<Reply>* writer) override {
    Call call(*this, *context);
    call.received(*request);
    const Plan& plan = request->plan();
    for (int i = 0; i < plan.replies(); ++i) {
      Reply reply;
      reply.set_payload(pattern(static_cast<std::size_t>(plan.reply_size()), static_cast<std::size_t>(i)));
      reply.set_text(request->text());
      reply.set_count(i);
      call.add_metadata(reply);
      if (!call.write(*writer, reply)) return cancelled();
    }
    if (plan.wait()) return call.wait();
    return status_of(plan);
  }

  Status ClientStream(ServerContext* context, grpc::ServerReader<Request>* reader, Reply* reply) override {
    Call call(*this, *context);
    Plan plan;
    Request request;
    std::string text;
    while (reader->Read(&request)) {
      call.received(request);
      text = request.text();
      if (call.count() == 1) plan = request.plan();
      if (plan.wait()) return call.wait();
      if (call.count() == plan.read()) break;
    }
    if (context->IsCancelled()) return cancelled();
    if (plan.code() != 0) return status_of(plan);
    call.sent();
    *reply = call.reply("", text);
    return Status::OK;
  }

  Status Bidi(ServerContext* context, grpc::ServerReaderWriter<Reply, Request>* stream) override {
    Call call(*this, *context);
    Plan plan;
    Request request;
    while (stream->Read(&request)) {
      call.received(request);
      if (!call.write(*stream, call.reply(request.payload(), request.text()))) return cancelled();
      if (call.count() == 1) plan = request.plan();
      if (plan.wait()) return call.wait();
      if (call.count() == plan.read()) return status_of(plan);
    }
    for (int i = 0; i < plan.replies(); ++i) {
      const auto size = static_cast<std::size_t>(plan.reply_size());
      if (!call.write(*stream, call.reply(pattern(size, static_cast<std::size_t>(i)), "")))
        return cancelled();
    }
    return status_of(plan);
  }

  Status Seen(ServerContext*, const sluice::interop::SeenRequest* request, SeenReply* reply) override {
    std::lock_guard lock(mutex);
    *reply = record(request->id())->seen;
    return Status::OK;
  }

  Status Drain(ServerContext*, const sluice::interop::DrainRequest*, sluice::interop::DrainReply*) override {
    kill(getpid(), SIGTERM);
    return Status::OK;
  }

  // REQUIRES the mutex.
  std::shared_ptr<Record> record(const std::string& id) {
    std::shared_ptr<Record>& record = calls_[id];
    if (!record) record = std::make_shared<Record>();
    return record;
  }

  std::mutex mutex;
  std::condition_variable changed;

 private:
  std::map<std::string, std::shared_ptr<Record>> calls_;
};

void Call::received(const Request& request) {
  std::lock_guard lock(service_.mutex);
  if (totals_.count == 0) {
    if (!request.id().empty()) record_ = service_.record(request.id());
    record_->seen.set_started(record_->seen.started() + 1);
    const auto deadline = context_.deadline();
    if (deadline != std::chrono::system_clock::time_point::max()) {
      const auto left = deadline - std::chrono::system_clock::now();
      record_->seen.set_timeout_ms(std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
    }
  }
  totals_.add(request.payload());
  record_->seen.set_received(record_->seen.received() + 1);
}

void Call::sent() {
  std::lock_guard lock(service_.mutex);
  record_->seen.set_sent(record_->seen.sent() + 1);
}

Call::~Call() {
  std::lock_guard lock(service_.mutex);
  record_->seen.set_ended(record_->seen.ended() + 1);
  record_->seen.set_cancelled(record_->seen.cancelled() || over_ || context_.IsCancelled());
}

template <class Done>
Status Call::wait_until(Done done) {
  std::unique_lock lock(service_.mutex);
  while (!done()) {
    // The synchronous API can only be asked.
    if (context_.IsCancelled()) return cancelled();
    service_.changed.wait_for(lock, std::chrono::milliseconds(20));
  }
  return Status::OK;
}

Status Call::gather(int calls) {
  // The last one wakes the others.
  return wait_until([&] {
    const int here = record_->seen.started();
    if (here == calls) service_.changed.notify_all();
    return here >= calls;
  });
}

int serve(const Args& args) {
  // Blocked in every thread; main waits for it.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const std::string addr = args.get("--listen");
  const bool tcp = starts_with(addr, "tcp:");
  check(tcp || starts_with(addr, "unix:"), "want tcp:HOST:PORT or unix:PATH, got: ", addr);
  Service service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(tcp ? addr.substr(4) : addr, grpc::InsecureServerCredentials(), &port);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, std::stoi(args.get("--max-streams", "2000")));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // As strict as can be: no PING but those behind data of ours is forgiven.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 3'600'000);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  check(server != nullptr, "cannot listen on ", addr);
  std::printf("listening %s\n", tcp ? ("tcp:127.0.0.1:" + std::to_string(port)).c_str() : addr.c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(30));
  server->Wait();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Args args(argc, argv);
    if (!args.has("--version")) return serve(args);
    std::printf("%s\n", grpc::Version().c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "interop_grpcpp_server: %s\n", error.what());
    return 1;
  }
}
