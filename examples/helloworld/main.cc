// The greeter of the gRPC examples, server and client in one process: every kind of call over an in-memory
// pipe, with real HTTP/2 and protobuf, on one thread. The client prints to stdout, the server to stderr.
#include <sluice/sluice.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "helloworld.sluice.h"

namespace {

using helloworld::HelloReply;
using helloworld::HelloRequest;

HelloRequest request_of(const std::string& name) {
  HelloRequest request;
  request.set_name(name);
  return request;
}

HelloReply greeting_of(const std::string& name) {
  HelloReply reply;
  reply.set_message("Hello " + name);
  return reply;
}

// The server's side: one coroutine a call.
class Greeter final : public helloworld::Greeter::Service {
 public:
  sluice::Task<sluice::Result<HelloReply>> SayHello(sluice::ServerContext&,
                                                    const HelloRequest& request) override {
    received(request);
    co_return greeting_of(request.name());
  }

  sluice::Task<sluice::Status> SayHelloReplyStream(sluice::ServerContext&, const HelloRequest& request,
                                                   sluice::ServerWriter<HelloReply>& writer) override {
    received(request);
    const HelloReply first = greeting_of(request.name()), second = greeting_of(request.name() + "_dup");
    if (sluice::Status status = co_await writer.write(first); !status.ok()) co_return status;
    co_return co_await writer.write(second);
  }

  sluice::Task<sluice::Result<HelloReply>> SayHelloRequestStream(
      sluice::ServerContext&, sluice::ServerReader<HelloRequest>& reader) override {
    std::string last;
    HelloRequest request;
    while (co_await reader.read_into(request)) {
      received(request);
      last = request.name();
    }
    co_return greeting_of(last);
  }

  sluice::Task<sluice::Status> SayHelloBiStream(
      sluice::ServerContext&, sluice::ServerReaderWriter<HelloReply, HelloRequest>& stream) override {
    HelloRequest request;
    while (co_await stream.read_into(request)) {
      received(request);
      const HelloReply reply = greeting_of(request.name());
      if (sluice::Status status = co_await stream.write(reply); !status.ok()) co_return status;
    }
    co_return sluice::Status();
  }

  // Before a measurement: a terminal is slower than a call.
  void stop_logging() { logging_ = false; }

 private:
  void received(const HelloRequest& request) const {
    if (logging_) std::fprintf(stderr, "Received: %s\n", request.name().c_str());
  }
  bool logging_ = true;
};

// The sockets that this process has opened since the start, as seen by looking now and then. What it had
// before, such as a terminal's, does not count.
class SocketWatch {
 public:
  SocketWatch() : before_(open_sockets()) {}
  void look() {
    for (const std::string& socket : open_sockets()) {
      if (!before_.contains(socket)) opened_.insert(socket);
    }
  }
  std::size_t opened() const { return opened_.size(); }

 private:
  static std::set<std::string> open_sockets() {
    std::set<std::string> sockets;
    for (const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const std::string target = std::filesystem::read_symlink(fd.path(), gone).string();  // "socket:[12345]"
      if (!gone && target.starts_with("socket:")) sockets.insert(target);
    }
    return sockets;
  }
  const std::set<std::string> before_;
  std::set<std::string> opened_;
};

void check(const sluice::Status& status) {
  if (!status.ok()) throw sluice::StatusError(status);
}

// The client's side: each function is one call, and blocks until it has ended.

void unary(const helloworld::Greeter::Stub& stub, const std::string& name) {
  const HelloRequest request = request_of(name);
  const HelloReply reply = stub.SayHello(request).get().value();
  std::printf("Greeting: %s\n", reply.message().c_str());
}

void request_stream(const helloworld::Greeter::Stub& stub, const std::string& name) {
  const HelloRequest first = request_of(name), second = request_of(name + "_dup");
  auto stream = stub.SayHelloRequestStream();
  check(stream.write(first).get());
  check(stream.write(second).get());
  const HelloReply reply = stream.finish().get().value();
  std::printf("%s\n", reply.message().c_str());
}

void reply_stream(const helloworld::Greeter::Stub& stub, const std::string& name) {
  const HelloRequest request = request_of(name);
  auto stream = stub.SayHelloReplyStream(request);
  while (auto reply = stream.read().get()) std::printf("%s\n", reply->message().c_str());
  check(stream.finish().get());
}

void bidi_stream(const helloworld::Greeter::Stub& stub, const std::string& name) {
  const HelloRequest request = request_of(name);
  auto stream = stub.SayHelloBiStream();
  check(stream.write(request).get());
  if (auto reply = stream.read().get()) std::printf("%s\n", reply->message().c_str());
  check(stream.finish().get());
}

// In microseconds.
double median_unary_call(const helloworld::Greeter::Stub& stub, int calls) {
  using Clock = std::chrono::steady_clock;
  const HelloRequest request = request_of("world_unary");
  std::vector<Clock::duration> times;
  times.reserve(static_cast<std::size_t>(calls));
  for (int i = 0; i < calls; ++i) {
    const Clock::time_point start = Clock::now();
    check(stub.SayHello(request).get().status());
    times.push_back(Clock::now() - start);
  }
  const auto middle = times.begin() + calls / 2;
  std::nth_element(times.begin(), middle, times.end());
  return std::chrono::duration<double, std::micro>(*middle).count();
}

void demo() {
  SocketWatch sockets;
  sluice::Runtime runtime;
  Greeter greeter;
  sluice::Server server(runtime);
  check(server.register_service(greeter));
  check(server.serve(runtime.listen("pipe:greeter").value()));

  const sluice::Channel channel = sluice::dial(runtime, "pipe:greeter").value();
  const helloworld::Greeter::Stub stub(channel);

  struct Kind {
    void (*call)(const helloworld::Greeter::Stub& stub, const std::string& name);
    const char* name;
  };
  int calls = 0;
  for (const Kind& kind : {Kind{unary, "world_unary_"}, Kind{request_stream, "SayHelloRequestStream_"},
                           Kind{reply_stream, "SayHelloReplyStream_"}, Kind{bidi_stream, "world_stream_"}}) {
    for (int i = 0; i < 5; ++i, ++calls) {
      kind.call(stub, kind.name + std::to_string(i));
      sockets.look();
    }
  }

  greeter.stop_logging();
  const double median = median_unary_call(stub, 10'000);
  sockets.look();
  std::printf(
      "%d calls over an in-memory pipe; median unary call %.2f us; %u threads started, %zu sockets opened\n",
      calls, median, runtime.threads_started(), sockets.opened());
}

}  // namespace

int main() {
  try {
    demo();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "helloworld: %s\n", error.what());
    return 1;
  }
  return 0;
}
