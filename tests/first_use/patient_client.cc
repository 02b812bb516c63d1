// A client that starts before its server, rests between calls and outlives the server's first life: over TCP,
// a unix socket and an in-memory pipe. Its Runtime has no threads; each life of the server has a Runtime with
// one thread.
#include <sluice/net/memory_network.h>
#include <sluice/sluice.h>
#include <stdlib.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "helloworld.sluice.h"

namespace {

using helloworld::HelloReply;
using helloworld::HelloRequest;
using namespace std::chrono_literals;

// Memory that client and server share, since their Runtimes are two: pipes have their names in it.
using Pipes = std::shared_ptr<sluice::net::MemoryNetwork>;

void check(const sluice::Status& status) {
  if (!status.ok()) throw sluice::StatusError(status);
}

void expect(bool held, const std::string& what) {
  if (!held) throw std::runtime_error("not so: " + what);
}

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

// Tells another thread of each message of a stream as it comes, whether or not the client looks at the
// replies.
class Greeter final : public helloworld::Greeter::Service {
 public:
  sluice::Task<sluice::Result<HelloReply>> SayHello(sluice::ServerContext&,
                                                    const HelloRequest& request) override {
    co_return greeting_of(request.name());
  }

  sluice::Task<sluice::Status> SayHelloBiStream(
      sluice::ServerContext&, sluice::ServerReaderWriter<HelloReply, HelloRequest>& stream) override {
    HelloRequest request;
    while (co_await stream.read_into(request)) {
      received_.release();
      const HelloReply reply = greeting_of(request.name());
      if (sluice::Status status = co_await stream.write(reply); !status.ok()) co_return status;
    }
    co_return sluice::Status();
  }

  bool wait_received(sluice::Duration timeout) { return received_.try_acquire_for(timeout); }

 private:
  std::counting_semaphore<> received_{0};
};

// One life of the server.
class GreeterServer {
 public:
  GreeterServer(const std::string& addr, const Pipes& pipes)
      : runtime_({.threads = 1, .memory_network = pipes}), server_(runtime_) {
    check(server_.register_service(greeter_));
    check(server_.serve(runtime_.listen(addr).value()));
  }

  Greeter& greeter() { return greeter_; }
  // A client that rests does not answer the drain, so all of the grace goes by.
  void stop() {
    const sluice::StopReport report = server_.stop(runtime_.now() + 50ms).get().value();
    expect(report.still_running.empty() && report.calls_cancelled == 0, "no call runs as the server stops");
  }

 private:
  sluice::Runtime runtime_;
  Greeter greeter_;
  sluice::Server server_;
};

// A rest in which the program is outside of the library.
void rest(sluice::Duration length) {
  std::binary_semaphore never(0);
  (void)never.try_acquire_for(length);
}

// The client and what it goes through at one address; each step prints a line.
class PatientClient {
 public:
  PatientClient(std::string addr, const Pipes& pipes)
      : addr_(std::move(addr)),
        pipes_(pipes),
        runtime_({.memory_network = pipes}),
        stub_(sluice::dial(runtime_, addr_, {.backoff = {.initial = 100ms}}).value()) {}

  void run() {
    before_the_server();
    server_ = std::make_unique<GreeterServer>(addr_, pipes_);
    once_it_is_there();
    two_messages_and_a_rest();
    restart_in_a_rest();
  }

 private:
  sluice::Status say_hello() {
    const HelloRequest request = request_of("world");
    const sluice::Result<HelloReply> reply = stub_.SayHello(request, {.timeout = 10s}).get();
    if (reply.ok()) expect(reply->message() == "Hello world", "the greeting is that of the request");
    return reply.status();
  }

  void say(const std::string& line) const {
    std::printf("%s: %s\n", addr_.c_str(), line.c_str());
    std::fflush(stdout);
  }

  void before_the_server() {
    const sluice::Status status = say_hello();
    expect(status.code() == sluice::StatusCode::kUnavailable,
           "UNAVAILABLE without a server, but " + status.to_string());
    expect(status.message().find(addr_) != std::string_view::npos, "the address in " + status.to_string());
    say("no server: " + status.to_string());
  }

  // While the channel's back-off lasts, calls fail at once.
  void once_it_is_there() {
    const sluice::TimePoint give_up = runtime_.now() + 10s;
    int calls = 1;
    for (sluice::Status status = say_hello(); !status.ok(); status = say_hello(), ++calls) {
      if (runtime_.now() > give_up) check(status);
      rest(20ms);
    }
    check(say_hello());
    say("server started: call " + std::to_string(calls) + " succeeds, and so does the next");
  }

  void two_messages_and_a_rest() {
    const HelloRequest first = request_of("first"), second = request_of("second");
    auto stream = stub_.SayHelloBiStream({.timeout = 20s});
    check(stream.write(first).get());
    check(stream.write(second).get());

    // All the while nobody runs the client's loop.
    int received = 0;
    while (received < 2 && server_->greeter().wait_received(10s)) ++received;
    rest(200ms);
    expect(received == 2, "both messages come while the client rests, but " + std::to_string(received));

    for (const char* greeting : {"Hello first", "Hello second"}) {
      const auto reply = stream.read().get();
      expect(reply && reply->message() == greeting, greeting);
    }
    check(stream.finish().get());
    say("two messages written: the server has both while the client rests");
  }

  void restart_in_a_rest() {
    std::future<void> restarted = std::async(std::launch::async, [this] {
      server_->stop();
      server_.reset();
      server_ = std::make_unique<GreeterServer>(addr_, pipes_);
    });
    expect(restarted.wait_for(10s) == std::future_status::ready, "the server is there again");
    restarted.get();

    int calls = 1;
    sluice::Status status = say_hello();
    for (; !status.ok() && calls < 3; ++calls) status = say_hello();
    check(status);
    say("server restarted while the client rested: call " + std::to_string(calls) + " succeeds");
  }

  const std::string addr_;
  const Pipes pipes_;
  sluice::Runtime runtime_;
  const helloworld::Greeter::Stub stub_;
  std::unique_ptr<GreeterServer> server_;
};

// The port was free a moment ago, which is as much as can be known of one that nobody listens on.
std::string free_tcp_address() {
  sluice::Runtime runtime;
  const auto listener = runtime.listen("tcp:127.0.0.1:0").value();
  const std::string addr = listener->addr().to_string();
  check(listener->close());
  return addr;
}

class TemporaryFolder {
 public:
  TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "first_use.XXXXXX").string()) {
    if (!mkdtemp(path_.data())) throw std::system_error(errno, std::generic_category(), path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void visit_all() {
  const TemporaryFolder folder;
  const auto pipes = std::make_shared<sluice::net::MemoryNetwork>();
  for (const std::string& addr :
       {free_tcp_address(), "unix:" + folder.path() + "/greeter.sock", std::string("pipe:greeter")}) {
    PatientClient(addr, pipes).run();
  }
}

}  // namespace

int main() {
  try {
    visit_all();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "patient_client: %s\n", error.what());
    return 1;
  }
  return 0;
}
