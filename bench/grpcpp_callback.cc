// grpc++'s callback API: the next call starts from the completion of the last, so that calls in flight
// need no thread each.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "echo.grpc.pb.h"
#include "grpcpp.h"
#include "helloworld.grpc.pb.h"
#include "support/payload.h"

namespace bench {
namespace {

// A latch that can be used again: one thread waits, any thread signals.
class Signal {
 public:
  void set() {
    std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return set_; });
    set_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

class Greeter final : public helloworld::Greeter::CallbackService {
  grpc::ServerUnaryReactor* SayHello(grpc::CallbackServerContext* context,
                                     const helloworld::HelloRequest* request,
                                     helloworld::HelloReply* reply) override {
    reply->set_message("Hello " + request->name());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

class StreamReactor final : public grpc::ServerWriteReactor<echo::Payload> {
 public:
  StreamReactor(const Payloads& payloads, std::uint32_t count) : payloads_(payloads), count_(count) {
    next();
  }
  void OnWriteDone(bool ok) override { ok ? next() : Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  void next() {
    if (made_ == count_) return Finish(grpc::Status::OK);
    message_.set_data(payloads_.text(made_++));
    StartWrite(&message_, joined(made_ - 1));
  }

  const Payloads& payloads_;
  const std::uint32_t count_;
  std::uint32_t made_ = 0;
  echo::Payload message_;
};

class ChatReactor final : public grpc::ServerBidiReactor<echo::Payload, echo::Payload> {
 public:
  ChatReactor() { StartRead(&in_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    out_.set_data(in_.data());
    StartWrite(&out_);
  }
  void OnWriteDone(bool ok) override { ok ? StartRead(&in_) : Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  echo::Payload in_, out_;
};

class Echo final : public echo::Echo::CallbackService {
 public:
  explicit Echo(const Payloads& payloads) : payloads_(payloads) {}

 private:
  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, const echo::Payload* request,
                                  echo::Payload* reply) override {
    reply->set_data(request->data());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  grpc::ServerWriteReactor<echo::Payload>* Stream(grpc::CallbackServerContext*,
                                                  const echo::Order* order) override {
    return new StreamReactor(payloads_, order->count());
  }
  grpc::ServerBidiReactor<echo::Payload, echo::Payload>* Chat(grpc::CallbackServerContext*) override {
    return new ChatReactor;
  }

  const Payloads& payloads_;
};

// The client's end of Stream: reads and checks until the server ends it.
class StreamReader final : public grpc::ClientReadReactor<echo::Payload> {
 public:
  StreamReader(echo::Echo::Stub& stub, const Payloads& payloads, std::uint64_t messages)
      : payloads_(payloads) {
    order_.set_count(static_cast<std::uint32_t>(messages));
    stub.async()->Stream(&context_, &order_, this);
    StartRead(&message_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    right_ += message_.data() == payloads_.text(right_) ? 1 : 0;
    StartRead(&message_);
  }
  void OnDone(const grpc::Status& status) override {
    ok_ = status.ok();
    done_.set();
  }
  // Returns how many right messages came, or nothing when the status was an error.
  std::optional<std::uint64_t> wait() {
    done_.wait();
    return ok_ ? std::optional(right_) : std::nullopt;
  }

 private:
  const Payloads& payloads_;
  grpc::ClientContext context_;
  echo::Order order_;
  echo::Payload message_;
  std::uint64_t right_ = 0;
  bool ok_ = false;
  Signal done_;
};

// The client's end of Chat, kept open between exchanges.
class Chatter final : public grpc::ClientBidiReactor<echo::Payload, echo::Payload> {
 public:
  explicit Chatter(echo::Echo::Stub& stub) {
    stub.async()->Chat(&context_, this);
    StartCall();
  }
  ~Chatter() override {
    StartWritesDone();
    done_.wait();
  }
  bool exchange(const std::string& text) {
    out_.set_data(text);
    StartRead(&in_);
    StartWrite(&out_);
    written_.wait();  // may come after the answer, and the next write must not start before
    read_.wait();
    return ok_ && in_.data() == text;
  }
  void OnWriteDone(bool) override { written_.set(); }
  void OnReadDone(bool ok) override {
    ok_ = ok;
    read_.set();
  }
  void OnDone(const grpc::Status&) override { done_.set(); }

 private:
  grpc::ClientContext context_;
  echo::Payload out_, in_;
  bool ok_ = false;
  Signal written_, read_, done_;
};

// One of the calls that unary_many keeps in flight.
struct Slot {
  std::optional<grpc::ClientContext> context;
  helloworld::HelloRequest request;
  helloworld::HelloReply reply;
};

class GrpcppCallback final : public Subject {
 public:
  explicit GrpcppCallback(Carrier carrier) : carrier_(carrier) {
    grpc::ServerBuilder builder;
    prepare(builder);
    builder.RegisterService(&greeter_).RegisterService(&echo_);
    server_ = builder.BuildAndStart();
    auto channel = connect(*server_, carrier_);
    greeter_stub_ = helloworld::Greeter::NewStub(channel);
    echo_stub_ = echo::Echo::NewStub(channel);
  }

  ~GrpcppCallback() override {
    chat_.reset();
    server_->Shutdown();
  }

  bool unary(std::uint64_t i) override {
    grpc::ClientContext context;
    helloworld::HelloRequest request;
    request.set_name(payloads_.name(i));
    helloworld::HelloReply reply;
    bool ok = false;
    greeter_stub_->async()->SayHello(&context, &request, &reply, [&](const grpc::Status& status) {
      ok = status.ok();
      done_.set();
    });
    done_.wait();
    return ok && reply.message() == payloads_.greeting(i);
  }

  bool unary_many(std::uint64_t calls, unsigned outstanding) override {
    while (slots_.size() < outstanding) slots_.push_back(std::make_unique<Slot>());
    calls_ = calls;
    started_ = finished_ = wrong_ = 0;
    for (unsigned k = 0; k < outstanding; ++k) start_next(*slots_[k]);
    done_.wait();
    return wrong_ == 0;
  }

  bool ping_pong(std::uint64_t i) override {
    if (!chat_) chat_ = std::make_unique<Chatter>(*echo_stub_);
    return chat_->exchange(payloads_.text(i));
  }

  bool stream(std::uint64_t messages) override {
    return StreamReader(*echo_stub_, payloads_, messages).wait() == messages;
  }

  bool large(std::uint64_t i) override {
    if (large_.data().empty()) large_.set_data(make_large());
    stamp_large(*large_.mutable_data(), i);
    grpc::ClientContext context;
    echo::Payload reply;
    bool ok = false;
    echo_stub_->async()->Unary(&context, &large_, &reply, [&](const grpc::Status& status) {
      ok = status.ok();
      done_.set();
    });
    done_.wait();
    return ok && same_large(large_.data(), reply.data(), i);
  }

 private:
  // Any thread.
  void start_next(Slot& slot) {
    const std::uint64_t i = started_.fetch_add(1);
    if (i >= calls_) return;
    slot.context.emplace();
    slot.request.set_name(payloads_.name(i));
    greeter_stub_->async()->SayHello(&*slot.context, &slot.request, &slot.reply,
                                     [this, &slot, i](const grpc::Status& status) {
                                       if (!status.ok() || slot.reply.message() != payloads_.greeting(i))
                                         ++wrong_;
                                       finish(slot);
                                     });
  }

  void finish(Slot& slot) {
    start_next(slot);
    if (finished_.fetch_add(1) + 1 == calls_) done_.set();
  }

  const Carrier carrier_;
  const Payloads payloads_;
  Greeter greeter_;
  Echo echo_{payloads_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<helloworld::Greeter::Stub> greeter_stub_;
  std::unique_ptr<echo::Echo::Stub> echo_stub_;
  Signal done_;
  std::uint64_t calls_ = 0;
  std::atomic<std::uint64_t> started_{0}, finished_{0}, wrong_{0};
  std::vector<std::unique_ptr<Slot>> slots_;
  std::unique_ptr<Chatter> chat_;
  echo::Payload large_;
};

}  // namespace

std::unique_ptr<Subject> make_grpcpp_callback(Carrier carrier) {
  return std::make_unique<GrpcppCallback>(carrier);
}

}  // namespace bench
