// grpc++'s completion queue API with a thread for the server and one for the client, each with a queue of its
// own.
#include <thread>
#include <vector>

#include "grpcpp.h"
#include "grpcpp_cq.h"
#include "support/crew.h"

namespace bench {
namespace {

class GrpcppCqThreads final : public Subject {
 public:
  GrpcppCqThreads(Carrier carrier, bool placed) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&greeter_);
    server_queue_ = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    for (int k = 0; k < kSlots; ++k) {
      slots_.push_back(std::make_unique<HelloSlot>(
          greeter_, *server_queue_, &helloworld::Greeter::AsyncService::RequestSayHello,
          [](const helloworld::HelloRequest& q, helloworld::HelloReply& r) {
            r.set_message("Hello " + q.name());
          }));
    }
    stub_ = helloworld::Greeter::NewStub(connect(*server_, carrier));
    thread_ = std::thread([this, placed] {
      if (placed) place_on_processor(1);
      while (poll(*server_queue_)) {
      }
    });
    if (placed) place_on_processor(0);
  }

  ~GrpcppCqThreads() override {
    server_->Shutdown(std::chrono::system_clock::now());
    server_queue_->Shutdown();
    thread_.join();
    client_queue_.Shutdown();
    while (poll(client_queue_)) {
    }
  }

  bool unary(std::uint64_t i) override {
    call_.start(*stub_, client_queue_, payloads_, i);
    while (!call_.done()) poll(client_queue_);
    return call_.right();
  }

 private:
  static constexpr int kSlots = 16;
  using HelloSlot =
      UnarySlot<helloworld::Greeter::AsyncService, helloworld::HelloRequest, helloworld::HelloReply>;

  static bool poll(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    if (!queue.Next(&tag, &ok)) return false;
    static_cast<Event*>(tag)->complete(ok);
    return true;
  }

  const Payloads payloads_;
  helloworld::Greeter::AsyncService greeter_;
  std::unique_ptr<Queue> server_queue_;
  grpc::CompletionQueue client_queue_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::unique_ptr<Event>> slots_;
  std::unique_ptr<helloworld::Greeter::Stub> stub_;
  UnaryCall call_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Subject> make_grpcpp_cq_threads(Carrier carrier, bool placed) {
  return std::make_unique<GrpcppCqThreads>(carrier, placed);
}

}  // namespace bench
