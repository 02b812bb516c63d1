// The Greeter of the examples as a service and a client of these tests use it.
#pragma once

#include <string>

#include "helloworld.sluice.h"
#include "sluice/sluice.h"

namespace sluice::support {

using helloworld::HelloReply;
using helloworld::HelloRequest;

inline HelloRequest request_of(const std::string& name) {
  HelloRequest request;
  request.set_name(name);
  return request;
}
inline HelloReply greeting_of(const std::string& name) {
  HelloReply reply;
  reply.set_message("Hello " + name);
  return reply;
}

class Greeter : public helloworld::Greeter::Service {
 public:
  Task<Result<HelloReply>> SayHello(ServerContext&, const HelloRequest& request) override {
    co_return greeting_of(request.name());
  }
  Task<Status> SayHelloReplyStream(ServerContext&, const HelloRequest& request,
                                   ServerWriter<HelloReply>& writer) override {
    const HelloReply first = greeting_of(request.name()), second = greeting_of(request.name() + "_dup");
    if (Status status = co_await writer.write(first); !status.ok()) co_return status;
    co_return co_await writer.write(second);
  }
  Task<Result<HelloReply>> SayHelloRequestStream(ServerContext&,
                                                 ServerReader<HelloRequest>& reader) override {
    std::string last;
    HelloRequest request;
    while (co_await reader.read_into(request)) last = request.name();
    co_return greeting_of(last);
  }
  Task<Status> SayHelloBiStream(ServerContext&,
                                ServerReaderWriter<HelloReply, HelloRequest>& stream) override {
    HelloRequest request;
    while (co_await stream.read_into(request)) {
      const HelloReply reply = greeting_of(request.name());
      if (Status status = co_await stream.write(reply); !status.ok()) co_return status;
    }
    co_return Status();
  }
};

}  // namespace sluice::support
