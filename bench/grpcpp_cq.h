// What is polled from grpc++'s completion queues: a server's slot of a unary method, a client's unary call.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "helloworld.grpc.pb.h"
#include "support/payload.h"

namespace bench {

// What a tag of the queue points at.
class Event {
 public:
  virtual ~Event() = default;
  virtual void complete(bool ok) = 0;
};

// A client operation somebody polls for.
class Awaited final : public Event {
 public:
  void complete(bool ok) override {
    done = true;
    succeeded = ok;
  }
  bool done = false;
  bool succeeded = false;
};

using Queue = grpc::ServerCompletionQueue;

// One server slot of a unary method: waits for a call, answers it, waits again.
template <class Service, class Request, class Reply>
class UnarySlot final : public Event {
 public:
  using Accept = void (Service::*)(grpc::ServerContext*, Request*, grpc::ServerAsyncResponseWriter<Reply>*,
                                   grpc::CompletionQueue*, Queue*, void*);
  using Handle = void (*)(const Request&, Reply&);

  UnarySlot(Service& service, Queue& queue, Accept accept, Handle handle)
      : service_(service), queue_(queue), accept_(accept), handle_(handle) {
    wait();
  }

  void complete(bool ok) override {
    if (answering_) return wait();
    if (!ok) return;  // the server is shutting down
    answering_ = true;
    Reply reply;
    handle_(call_->request, reply);
    call_->writer.Finish(reply, grpc::Status::OK, static_cast<Event*>(this));
  }

 private:
  struct Call {
    Call() : writer(&context) {}
    grpc::ServerContext context;
    Request request;
    grpc::ServerAsyncResponseWriter<Reply> writer;
  };

  void wait() {
    answering_ = false;
    call_.emplace();
    (service_.*accept_)(&call_->context, &call_->request, &call_->writer, &queue_, &queue_,
                        static_cast<Event*>(this));
  }

  Service& service_;
  Queue& queue_;
  const Accept accept_;
  const Handle handle_;
  std::optional<Call> call_;
  bool answering_ = false;
};

// One of the calls that unary_many keeps in flight.
class UnaryCall final : public Event {
 public:
  void start(helloworld::Greeter::Stub& stub, grpc::CompletionQueue& queue, const Payloads& payloads,
             std::uint64_t i) {
    context_.emplace();
    request_.set_name(payloads.name(i));
    expected_ = &payloads.greeting(i);
    done_ = false;
    reader_ = stub.AsyncSayHello(&*context_, request_, &queue);
    reader_->Finish(&reply_, &status_, static_cast<Event*>(this));
  }
  void complete(bool ok) override {
    done_ = true;
    right_ = ok && status_.ok() && reply_.message() == *expected_;
  }
  bool done() const { return done_; }
  bool right() const { return right_; }

 private:
  std::optional<grpc::ClientContext> context_;
  helloworld::HelloRequest request_;
  helloworld::HelloReply reply_;
  grpc::Status status_;
  const std::string* expected_ = nullptr;
  std::unique_ptr<grpc::ClientAsyncResponseReader<helloworld::HelloReply>> reader_;
  bool done_ = true;
  bool right_ = false;
};

}  // namespace bench
