// grpc++'s blocking API: every call crosses to a server thread and back.
#include <chrono>
#include <optional>

#include "echo.grpc.pb.h"
#include "grpcpp.h"
#include "helloworld.grpc.pb.h"
#include "support/crew.h"
#include "support/payload.h"

namespace bench {
namespace {

class Greeter final : public helloworld::Greeter::Service {
  grpc::Status SayHello(grpc::ServerContext*, const helloworld::HelloRequest* request,
                        helloworld::HelloReply* reply) override {
    reply->set_message("Hello " + request->name());
    return grpc::Status::OK;
  }
};

class Echo final : public echo::Echo::Service {
 public:
  explicit Echo(const Payloads& payloads) : payloads_(payloads) {}

 private:
  grpc::Status Unary(grpc::ServerContext*, const echo::Payload* request, echo::Payload* reply) override {
    reply->set_data(request->data());
    return grpc::Status::OK;
  }

  grpc::Status Stream(grpc::ServerContext*, const echo::Order* order,
                      grpc::ServerWriter<echo::Payload>* writer) override {
    echo::Payload message;
    for (std::uint32_t i = 0; i < order->count(); ++i) {
      message.set_data(payloads_.text(i));
      if (!writer->Write(message, joined(i))) return grpc::Status::CANCELLED;
    }
    return grpc::Status::OK;
  }

  grpc::Status Chat(grpc::ServerContext*,
                    grpc::ServerReaderWriter<echo::Payload, echo::Payload>* stream) override {
    echo::Payload in, out;
    while (stream->Read(&in)) {
      out.set_data(in.data());
      if (!stream->Write(out)) break;
    }
    return grpc::Status::OK;
  }

  const Payloads& payloads_;
};

struct Chat {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<echo::Payload, echo::Payload>> stream;
};

class GrpcppSync final : public Subject {
 public:
  explicit GrpcppSync(Carrier carrier) : carrier_(carrier) {
    grpc::ServerBuilder builder;
    prepare(builder);
    builder.RegisterService(&greeter_).RegisterService(&echo_);
    server_ = builder.BuildAndStart();
    auto channel = connect(*server_, carrier_);
    greeter_stub_ = helloworld::Greeter::NewStub(channel);
    echo_stub_ = echo::Echo::NewStub(channel);
  }

  ~GrpcppSync() override {
    if (chat_) {
      chat_->stream->WritesDone();
      chat_->stream->Finish();
    }
    server_->Shutdown();
  }

  bool unary(std::uint64_t i) override {
    grpc::ClientContext context;
    return say_hello(*greeter_stub_, context, i);
  }

  bool unary_deadline(std::uint64_t i) override {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
    return say_hello(*greeter_stub_, context, i);
  }

  bool unary_many(std::uint64_t calls, unsigned outstanding) override {
    if (outstanding != 1) throw Unsupported{};  // would take a thread for each
    for (std::uint64_t i = 0; i < calls; ++i)
      if (!unary(i)) return false;
    return true;
  }

  bool unary_from(std::uint64_t calls, unsigned callers) override {
    if (!crew_ || crew_->size() != callers) crew_.emplace(callers, false);
    return crew_->run([&](unsigned k) {
      for (std::uint64_t i = k; i < calls; i += callers)
        if (!unary(i)) return false;
      return true;
    });
  }

  bool ping_pong(std::uint64_t i) override {
    if (!chat_) chat_ = open_chat();
    return exchange(*chat_, i);
  }

  bool stream(std::uint64_t messages) override {
    grpc::ClientContext context;
    echo::Order order;
    order.set_count(static_cast<std::uint32_t>(messages));
    auto reader = echo_stub_->Stream(&context, order);
    echo::Payload message;
    std::uint64_t i = 0;
    for (; reader->Read(&message); ++i)
      if (message.data() != payloads_.text(i)) return false;
    return reader->Finish().ok() && i == messages;
  }

  bool large(std::uint64_t i) override {
    if (large_.data().empty()) large_.set_data(make_large());
    stamp_large(*large_.mutable_data(), i);
    grpc::ClientContext context;
    echo::Payload reply;
    return echo_stub_->Unary(&context, large_, &reply).ok() && same_large(large_.data(), reply.data(), i);
  }

  void hold_connections(unsigned n) override {
    for (unsigned k = 0; k < n; ++k) {
      held_.push_back(helloworld::Greeter::NewStub(connect(*server_, carrier_)));
      grpc::ClientContext context;
      say_hello(*held_.back(), context, k);
    }
  }

 private:
  bool say_hello(helloworld::Greeter::Stub& stub, grpc::ClientContext& context, std::uint64_t i) {
    helloworld::HelloRequest request;
    request.set_name(payloads_.name(i));
    helloworld::HelloReply reply;
    return stub.SayHello(&context, request, &reply).ok() && reply.message() == payloads_.greeting(i);
  }

  std::unique_ptr<Chat> open_chat() {
    auto chat = std::make_unique<Chat>();
    chat->stream = echo_stub_->Chat(&chat->context);
    return chat;
  }

  bool exchange(Chat& chat, std::uint64_t i) {
    out_.set_data(payloads_.text(i));
    return chat.stream->Write(out_) && chat.stream->Read(&in_) && in_.data() == payloads_.text(i);
  }

  const Carrier carrier_;
  const Payloads payloads_;
  Greeter greeter_;
  Echo echo_{payloads_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<helloworld::Greeter::Stub> greeter_stub_;
  std::unique_ptr<echo::Echo::Stub> echo_stub_;
  std::vector<std::unique_ptr<helloworld::Greeter::Stub>> held_;
  std::optional<Crew> crew_;
  std::unique_ptr<Chat> chat_;
  echo::Payload out_, in_, large_;
};

}  // namespace

std::unique_ptr<Subject> make_grpcpp_sync(Carrier carrier) { return std::make_unique<GrpcppSync>(carrier); }

}  // namespace bench
