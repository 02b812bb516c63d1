// grpc++'s completion queue API, with client and server on one queue and one thread: what grpc++ can do
// in process when nothing crosses threads.
#include <optional>

#include "echo.grpc.pb.h"
#include "grpcpp.h"
#include "grpcpp_cq.h"
#include "helloworld.grpc.pb.h"
#include "support/payload.h"

namespace bench {
namespace {

class StreamSlot final : public Event {
 public:
  StreamSlot(echo::Echo::AsyncService& service, Queue& queue, const Payloads& payloads)
      : service_(service), queue_(queue), payloads_(payloads) {
    wait();
  }

  void complete(bool ok) override {
    if (finishing_) return wait();
    if (!ok) return;
    if (made_ == call_->order.count()) {
      finishing_ = true;
      return call_->writer.Finish(grpc::Status::OK, static_cast<Event*>(this));
    }
    message_.set_data(payloads_.text(made_++));
    call_->writer.Write(message_, joined(made_ - 1), static_cast<Event*>(this));
  }

 private:
  struct Call {
    Call() : writer(&context) {}
    grpc::ServerContext context;
    echo::Order order;
    grpc::ServerAsyncWriter<echo::Payload> writer;
  };

  void wait() {
    made_ = 0;
    finishing_ = false;
    call_.emplace();
    service_.RequestStream(&call_->context, &call_->order, &call_->writer, &queue_, &queue_,
                           static_cast<Event*>(this));
  }

  echo::Echo::AsyncService& service_;
  Queue& queue_;
  const Payloads& payloads_;
  std::optional<Call> call_;
  echo::Payload message_;
  std::uint32_t made_ = 0;
  bool finishing_ = false;
};

class ChatSlot final : public Event {
 public:
  ChatSlot(echo::Echo::AsyncService& service, Queue& queue) : service_(service), queue_(queue) { wait(); }

  void complete(bool ok) override {
    switch (state_) {
      case State::kAccepting:
        if (ok) read();
        return;
      case State::kReading:
        if (!ok) {
          state_ = State::kFinishing;
          return call_->stream.Finish(grpc::Status::OK, static_cast<Event*>(this));
        }
        state_ = State::kWriting;
        out_.set_data(in_.data());
        return call_->stream.Write(out_, static_cast<Event*>(this));
      case State::kWriting:
        return read();
      case State::kFinishing:
        return wait();
    }
  }

 private:
  enum class State { kAccepting, kReading, kWriting, kFinishing };
  struct Call {
    Call() : stream(&context) {}
    grpc::ServerContext context;
    grpc::ServerAsyncReaderWriter<echo::Payload, echo::Payload> stream;
  };

  void wait() {
    state_ = State::kAccepting;
    call_.emplace();
    service_.RequestChat(&call_->context, &call_->stream, &queue_, &queue_, static_cast<Event*>(this));
  }
  void read() {
    state_ = State::kReading;
    call_->stream.Read(&in_, static_cast<Event*>(this));
  }

  echo::Echo::AsyncService& service_;
  Queue& queue_;
  State state_ = State::kAccepting;
  std::optional<Call> call_;
  echo::Payload in_, out_;
};

struct Chat {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<echo::Payload, echo::Payload>> stream;
};

class GrpcppCq final : public Subject {
 public:
  explicit GrpcppCq(Carrier carrier) : carrier_(carrier) {
    grpc::ServerBuilder builder;
    prepare(builder);
    builder.RegisterService(&greeter_).RegisterService(&echo_);
    queue_ = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    for (int k = 0; k < kUnarySlots; ++k) {
      slots_.push_back(
          std::make_unique<HelloSlot>(greeter_, *queue_, &helloworld::Greeter::AsyncService::RequestSayHello,
                                      [](const helloworld::HelloRequest& q, helloworld::HelloReply& r) {
                                        r.set_message("Hello " + q.name());
                                      }));
    }
    slots_.push_back(
        std::make_unique<EchoSlot>(echo_, *queue_, &echo::Echo::AsyncService::RequestUnary,
                                   [](const echo::Payload& q, echo::Payload& r) { r.set_data(q.data()); }));
    slots_.push_back(std::make_unique<StreamSlot>(echo_, *queue_, payloads_));
    slots_.push_back(std::make_unique<ChatSlot>(echo_, *queue_));
    auto channel = connect(*server_, carrier_);
    greeter_stub_ = helloworld::Greeter::NewStub(channel);
    echo_stub_ = echo::Echo::NewStub(channel);
  }

  ~GrpcppCq() override {
    if (chat_) finish_chat();
    server_->Shutdown(std::chrono::system_clock::now());
    queue_->Shutdown();
    void* tag = nullptr;
    for (bool ok = false; queue_->Next(&tag, &ok);) {
    }
  }

  bool unary(std::uint64_t i) override {
    call_.start(*greeter_stub_, *queue_, payloads_, i);
    while (!call_.done()) poll();
    return call_.right();
  }

  bool unary_many(std::uint64_t calls, unsigned outstanding) override {
    while (many_.size() < outstanding) many_.push_back(std::make_unique<UnaryCall>());
    std::uint64_t started = 0, finished = 0;
    bool right = true;
    for (; started < outstanding && started < calls; ++started)
      many_[started]->start(*greeter_stub_, *queue_, payloads_, started);
    while (finished < calls) {
      auto* call = dynamic_cast<UnaryCall*>(poll());
      if (call == nullptr) continue;  // the server's half
      ++finished;
      right = right && call->right();
      if (started < calls) call->start(*greeter_stub_, *queue_, payloads_, started++);
    }
    return right;
  }

  bool ping_pong(std::uint64_t i) override {
    if (!chat_) {
      chat_.emplace();
      Awaited started;
      chat_->stream = echo_stub_->AsyncChat(&chat_->context, queue_.get(), static_cast<Event*>(&started));
      if (!wait(started)) return false;
    }
    out_.set_data(payloads_.text(i));
    Awaited written, read;
    chat_->stream->Write(out_, static_cast<Event*>(&written));
    chat_->stream->Read(&in_, static_cast<Event*>(&read));
    return wait(written) && wait(read) && in_.data() == payloads_.text(i);
  }

  bool stream(std::uint64_t messages) override {
    grpc::ClientContext context;
    echo::Order order;
    order.set_count(static_cast<std::uint32_t>(messages));
    Awaited started;
    auto reader = echo_stub_->AsyncStream(&context, order, queue_.get(), static_cast<Event*>(&started));
    bool ok = wait(started);
    std::uint64_t i = 0;
    for (bool more = ok; more;) {
      Awaited read;
      reader->Read(&in_, static_cast<Event*>(&read));
      more = wait(read);
      if (more) ok = ok && in_.data() == payloads_.text(i++);
    }
    Awaited finished;
    grpc::Status status;
    reader->Finish(&status, static_cast<Event*>(&finished));
    return wait(finished) && ok && status.ok() && i == messages;
  }

  bool large(std::uint64_t i) override {
    if (large_.data().empty()) large_.set_data(make_large());
    stamp_large(*large_.mutable_data(), i);
    grpc::ClientContext context;
    grpc::Status status;
    echo::Payload reply;
    Awaited finished;
    auto reader = echo_stub_->AsyncUnary(&context, large_, queue_.get());
    reader->Finish(&reply, &status, static_cast<Event*>(&finished));
    return wait(finished) && status.ok() && same_large(large_.data(), reply.data(), i);
  }

 private:
  static constexpr int kUnarySlots = 1024;
  using HelloSlot =
      UnarySlot<helloworld::Greeter::AsyncService, helloworld::HelloRequest, helloworld::HelloReply>;
  using EchoSlot = UnarySlot<echo::Echo::AsyncService, echo::Payload, echo::Payload>;

  Event* poll() {
    void* tag = nullptr;
    bool ok = false;
    queue_->Next(&tag, &ok);
    auto* event = static_cast<Event*>(tag);
    event->complete(ok);
    return event;
  }

  bool wait(Awaited& awaited) {
    while (!awaited.done) poll();
    return awaited.succeeded;
  }

  void finish_chat() {
    Awaited closed, finished;
    grpc::Status status;
    chat_->stream->WritesDone(static_cast<Event*>(&closed));
    chat_->stream->Finish(&status, static_cast<Event*>(&finished));
    wait(closed);
    wait(finished);
  }

  const Carrier carrier_;
  const Payloads payloads_;
  helloworld::Greeter::AsyncService greeter_;
  echo::Echo::AsyncService echo_;
  std::unique_ptr<Queue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::unique_ptr<Event>> slots_;
  std::unique_ptr<helloworld::Greeter::Stub> greeter_stub_;
  std::unique_ptr<echo::Echo::Stub> echo_stub_;
  UnaryCall call_;
  std::vector<std::unique_ptr<UnaryCall>> many_;
  std::optional<Chat> chat_;
  echo::Payload out_, in_, large_;
};

}  // namespace

std::unique_ptr<Subject> make_grpcpp_cq(Carrier carrier) { return std::make_unique<GrpcppCq>(carrier); }

}  // namespace bench
