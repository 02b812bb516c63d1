// Interceptors at work: a server that logs its calls and asks for a token, and clients that have none, have
// one, and repeat what fails. The client prints to stdout, the server's log goes to stderr.
#include <sluice/sluice.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "auth.h"
#include "helloworld.sluice.h"
#include "logging.h"
#include "retry.h"

namespace {

using helloworld::HelloReply;
using helloworld::HelloRequest;

// Greets those whom the interceptor has let in; now and then it is unavailable.
class Greeter final : public helloworld::Greeter::Service {
 public:
  void be_unavailable(int calls) { unavailable_ = calls; }

  sluice::Task<sluice::Result<HelloReply>> SayHello(sluice::ServerContext& context,
                                                    const HelloRequest& request) override {
    if (unavailable_ > 0) {
      --unavailable_;
      co_return {sluice::StatusCode::kUnavailable, "the greeter has a cold"};
    }
    if (request.name().empty()) co_return {sluice::StatusCode::kInvalidArgument, "nobody to greet"};
    HelloReply reply;
    reply.set_message("Hello " + request.name() + ", says " + context.context().value<User>()->name);
    co_return reply;
  }

  sluice::Task<sluice::Status> SayHelloReplyStream(sluice::ServerContext&, const HelloRequest& request,
                                                   sluice::ServerWriter<HelloReply>& writer) override {
    if (unavailable_ > 0) {
      --unavailable_;
      co_return {sluice::StatusCode::kUnavailable, "the greeter has a cold"};
    }
    for (const char* greeting : {"Hello ", "Good day "}) {
      HelloReply reply;
      reply.set_message(greeting + request.name());
      if (sluice::Status status = co_await writer.write(reply); !status.ok()) co_return status;
    }
    co_return sluice::Status();
  }

 private:
  int unavailable_ = 0;
};

void say_hello(const char* who, const sluice::Channel& channel, const std::string& name) {
  const helloworld::Greeter::Stub stub(channel);
  HelloRequest request;
  request.set_name(name);
  const sluice::Result<HelloReply> reply = stub.SayHello(request).get();
  std::printf("%s: %s\n", who, reply.ok() ? reply->message().c_str() : reply.status().to_string().c_str());
}

void stream_hello(const char* who, const sluice::Channel& channel, const std::string& name) {
  const helloworld::Greeter::Stub stub(channel);
  HelloRequest request;
  request.set_name(name);
  auto stream = stub.SayHelloReplyStream(request);
  while (auto reply = stream.read().get()) {
    std::printf("%s: %s\n", who, reply->message().c_str());
  }
  std::printf("%s: %s\n", who, stream.finish().get().to_string().c_str());
}

void run() {
  sluice::Runtime runtime;
  Greeter greeter;
  Log log(stderr, runtime);
  CheckToken check(CheckToken::Users{{"s3cret", "alice"}});
  sluice::Server server(runtime, {.interceptors = {log, check}});  // borrowed: they outlive it
  if (sluice::Status status = server.register_service(greeter); !status.ok())
    throw sluice::StatusError(status);
  if (sluice::Status status = server.serve(runtime.listen("pipe:greeter").value()); !status.ok())
    throw sluice::StatusError(status);

  const sluice::Channel plain = sluice::dial(runtime, "pipe:greeter").value();
  say_hello("without a token", plain, "world");

  const sluice::Channel wrong =
      sluice::dial(runtime, "pipe:greeter", {.interceptors = {std::make_shared<AddToken>("guess")}}).value();
  say_hello("with a wrong token", wrong, "world");

  const auto token = std::make_shared<AddToken>("s3cret");
  const sluice::Channel once = sluice::dial(runtime, "pipe:greeter", {.interceptors = {token}}).value();
  say_hello("with a token", once, "world");
  greeter.be_unavailable(1);
  say_hello("without retries", once, "world");

  const sluice::Channel retrying =
      sluice::dial(runtime, "pipe:greeter", {.interceptors = {std::make_shared<Retry>(), token}}).value();
  greeter.be_unavailable(2);
  say_hello("with retries", retrying, "world");
  greeter.be_unavailable(2);
  stream_hello("stream with retries", retrying, "world");
  greeter.be_unavailable(100);
  say_hello("with retries in vain", retrying, "world");
  greeter.be_unavailable(0);
  say_hello("not to be retried", retrying, "");
}

}  // namespace

int main() {
  try {
    run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
