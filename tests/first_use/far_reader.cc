// How much may be on its way and who says so: FlowControl over tcp and over a slow link, RuntimeOptions::
// memory_budget, and Server::limit_peaks(). Written from the documentation alone.
#include <sluice/sluice.h>
#include <sluice/testing/link_network.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "helloworld.sluice.h"

namespace {

using helloworld::HelloReply;
using helloworld::HelloRequest;
using namespace std::chrono_literals;

constexpr std::size_t kTotal = 8'000'000;
std::size_t message_size = 8'000;  // the first argument, a divisor of kTotal

void check(const sluice::Status& status) {
  if (!status.ok()) throw sluice::StatusError(status);
}

void expect(bool held, const std::string& what) {
  if (!held) throw std::runtime_error("not so: " + what);
}

class Greeter final : public helloworld::Greeter::Service {
 public:
  sluice::Task<sluice::Result<HelloReply>> SayHello(sluice::ServerContext&, const HelloRequest&) override {
    co_return HelloReply();
  }

  sluice::Task<sluice::Status> SayHelloReplyStream(sluice::ServerContext&, const HelloRequest&,
                                                   sluice::ServerWriter<HelloReply>& writer) override {
    HelloReply reply;
    reply.set_message(std::string(message_size, 'x'));
    for (std::size_t sent = 0; sent < kTotal; sent += message_size) {
      if (sluice::Status status = co_await writer.write(reply); !status.ok()) co_return status;
    }
    co_return sluice::Status();
  }

  // Reads nothing until it is allowed to.
  sluice::Task<sluice::Result<HelloReply>> SayHelloRequestStream(
      sluice::ServerContext& context, sluice::ServerReader<HelloRequest>& reader) override {
    while (!may_read) {
      if (sluice::Status status = co_await sluice::sleep(1ms, context); !status.ok()) co_return status;
    }
    HelloRequest request;
    std::size_t bytes = 0;
    while (co_await reader.read_into(request)) bytes += request.name().size();
    HelloReply reply;
    reply.set_message(std::to_string(bytes));
    co_return reply;
  }

  std::atomic<bool> may_read{false};
};

void bring_eight_megabytes(const helloworld::Greeter::Stub& stub) {
  const HelloRequest request;
  auto stream = stub.SayHelloReplyStream(request);
  std::size_t bytes = 0;
  HelloReply reply;
  while (stream.read_into(reply).get()) bytes += reply.message().size();
  check(stream.finish().get());
  expect(bytes == kTotal, "8 MB come, but " + std::to_string(bytes));
}

void refused(const sluice::Status& status, std::string_view value) {
  std::printf("  %s\n", status.to_string().c_str());
  expect(status.code() == sluice::StatusCode::kInvalidArgument &&
             status.message().find(value) != std::string_view::npos,
         "INVALID_ARGUMENT with " + std::string(value) + ", but " + status.to_string());
}

void wrong_values() {
  sluice::Runtime runtime;
  std::printf("wrong values:\n");
  const struct {
    sluice::FlowControl flow;
    const char* value;
  } wrong[] = {{{.stream_window = 1000}, "1000"},
               {{.stream_window = 1u << 31}, "2147483648"},
               {{.connection_window = 65'534}, "65534"},
               {{.connection_window = 1u << 31}, "2147483648"},
               {{.largest_stream_window = 1u << 31}, "2147483648"}};
  for (const auto& [flow, value] : wrong) {
    refused(sluice::dial(runtime, "pipe:nobody", {.flow_control = flow}).status(), value);
    sluice::Server server(runtime, {.flow_control = flow});
    refused(server.serve(runtime.listen("tcp:127.0.0.1:0").value()), value);
  }
}

void over_tcp() {
  sluice::Runtime serving({.threads = 1});
  Greeter greeter;
  sluice::Server server(serving, {.flow_control = {.stream_window = 1 << 20, .connection_window = 4 << 20}});
  check(server.register_service(greeter));
  check(server.serve(serving.listen("tcp:127.0.0.1:0").value()));

  sluice::Runtime calling;
  {
    const sluice::FlowControl flow{.stream_window = 256 << 10, .largest_stream_window = 4 << 20};
    const helloworld::Greeter::Stub stub(
        sluice::dial(calling, server.addrs().front().to_string(), {.flow_control = flow}).value());
    bring_eight_megabytes(stub);
  }
  const sluice::StopReport report = server.stop(serving.now() + 1s).get().value();
  expect(report.still_running.empty() && report.calls_cancelled == 0, "nothing runs when the server stops");
  std::printf("limit peaks of the server over tcp: %s\n", sluice::to_string(server.limit_peaks()).c_str());
}

// In virtual time.
sluice::Duration over_the_link(sluice::FlowControl flow) {
  sluice::Runtime runtime({.simulation_seed = 1});
  const sluice::testing::LinkOptions link{.latency = 40ms, .bytes_per_second = 12'500'000};
  runtime.add_network("link", std::make_shared<sluice::testing::LinkNetwork>(
                                  std::make_shared<sluice::net::MemoryNetwork>(), link, "pipe"));
  Greeter greeter;
  sluice::Server server(runtime);
  check(server.register_service(greeter));
  check(server.serve(runtime.listen("link:far").value()));
  const helloworld::Greeter::Stub stub(sluice::dial(runtime, "link:far", {.flow_control = flow}).value());
  const sluice::TimePoint start = runtime.now();
  bring_eight_megabytes(stub);
  return runtime.now() - start;
}

void with_a_budget() {
  sluice::Runtime serving({.threads = 1, .memory_budget = 1 << 20});
  Greeter greeter;
  // Room in one stream for more than the budget.
  sluice::Server server(serving, {.flow_control = {.stream_window = 4 << 20}});
  check(server.register_service(greeter));
  check(server.serve(serving.listen("tcp:127.0.0.1:0").value()));

  sluice::Runtime calling;
  const helloworld::Greeter::Stub stub(sluice::dial(calling, server.addrs().front().to_string()).value());
  HelloRequest request;
  check(stub.SayHello(request, {.timeout = 2s}).get().status());

  auto upload = stub.SayHelloRequestStream({.timeout = 4s});
  request.set_name(std::string(message_size, 'x'));
  const std::size_t messages = 2'000'000 / message_size;
  for (std::size_t i = 0; i < messages; ++i) check(upload.write(request).get());
  const HelloRequest small;
  // The last of them may still be on their way.
  sluice::Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) status = stub.SayHello(small, {.timeout = 2s}).get().status();
  std::printf("2 MB wait unread: %s\n", status.to_string().c_str());
  expect(status.code() == sluice::StatusCode::kResourceExhausted, "new calls are refused");

  greeter.may_read = true;
  const HelloReply reply = upload.finish().get().value();
  expect(reply.message() == std::to_string(messages * message_size),
         "all of it was read, but " + reply.message());
  check(stub.SayHello(small, {.timeout = 2s}).get().status());
  std::printf("they are read: calls work again\n");
}

void compare_windows() {
  const sluice::Duration fixed = over_the_link({.largest_stream_window = 0}), grown = over_the_link({});
  const auto seconds = [](sluice::Duration d) { return std::chrono::duration<double>(d).count(); };
  std::printf("8 MB over 40 ms and 12.5 MB/s: %.3f s with a fixed window, %.3f s by default\n",
              seconds(fixed), seconds(grown));
  expect(fixed >= 5 * grown, "windows that grow are five times as fast");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc > 1) message_size = std::stoul(argv[1]);
    wrong_values(), over_tcp(), compare_windows(), with_a_budget();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "first: %s\n", error.what());
    return 1;
  }
  return 0;
}
