// The greeter's service, without a word about what carries its calls.
#pragma once

#include <sluice/sluice.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "helloworld.sluice.h"

namespace greeter {

using helloworld::HelloReply;
using helloworld::HelloRequest;

inline HelloReply greeting_of(const std::string& name) {
  HelloReply reply;
  reply.set_message("Hello " + name);
  return reply;
}

// Any loop: the count is all that its calls share.
class Greeter final : public helloworld::Greeter::Service {
 public:
  // Calls that a handler was started for.
  std::uint64_t calls() const { return calls_; }

  sluice::Task<sluice::Result<HelloReply>> SayHello(sluice::ServerContext&,
                                                    const HelloRequest& request) override {
    ++calls_;
    co_return greeting_of(request.name());
  }

  sluice::Task<sluice::Status> SayHelloReplyStream(sluice::ServerContext&, const HelloRequest& request,
                                                   sluice::ServerWriter<HelloReply>& writer) override {
    ++calls_;
    const HelloReply first = greeting_of(request.name()), second = greeting_of(request.name() + "_dup");
    if (sluice::Status status = co_await writer.write(first); !status.ok()) co_return status;
    co_return co_await writer.write(second);
  }

  sluice::Task<sluice::Result<HelloReply>> SayHelloRequestStream(
      sluice::ServerContext&, sluice::ServerReader<HelloRequest>& reader) override {
    ++calls_;
    std::string last;
    HelloRequest request;
    while (co_await reader.read_into(request)) last = request.name();
    co_return greeting_of(last);
  }

  sluice::Task<sluice::Status> SayHelloBiStream(
      sluice::ServerContext&, sluice::ServerReaderWriter<HelloReply, HelloRequest>& stream) override {
    ++calls_;
    HelloRequest request;
    while (co_await stream.read_into(request)) {
      const HelloReply reply = greeting_of(request.name());
      if (sluice::Status status = co_await stream.write(reply); !status.ok()) co_return status;
    }
    co_return sluice::Status();
  }

 private:
  std::atomic<std::uint64_t> calls_{0};
};

}  // namespace greeter
