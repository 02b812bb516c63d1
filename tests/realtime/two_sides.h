// A client and a server on Runtimes of their own, over tcp, a unix socket or a pipe, and how tests wait for
// what one side does to the other.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <unistd.h>

#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::realtime {

using namespace std::chrono_literals;
using support::bidi;
using support::bytes;
using support::kUnary;
using support::RawService;
using support::reply_stream;
using support::request_stream;
using support::text_of;

// Until `seen()`; false after ten seconds, which is for machines that are busy with others.
template <class Seen>
bool eventually(Seen seen) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!seen()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

// Counts what reaches its handlers. They go on until their calls end.
class Watching final : public RawService {
 public:
  // "hold": until it is cancelled.
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    ++begun;
    if (request.to_string() == "hold") co_await hold(context);
    co_return Chain(request);
  }
  // "hold", or messages of 4 KiB without end.
  Task<Status> reply_stream(ServerContext& context, const Chain& request,
                            ServerWriter<Chain>& writer) override {
    ++begun;
    if (request.to_string() == "hold") {
      if (Status status = writer.send_header(); !status.ok()) co_return status;
      co_await hold(context);
      co_return Status();
    }
    const Chain message = support::pattern(4 << 10);
    while (true) {
      if (Status status = co_await writer.write(message); !status.ok()) break;
      ++written;
    }
    cancelled += context.cancelled();
    co_return Status();
  }
  Task<Result<Chain>> request_stream(ServerContext& context, ServerReader<Chain>& reader) override {
    ++begun;
    Chain request;
    Status cut;
    while (co_await reader.read_into(request, cut)) ++messages;
    ++(context.cancelled() ? cancelled : half_closed);
    co_return request;
  }
  // Answers each message twice.
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    ++begun;
    for (;;) {
      Read<Chain> request = co_await stream.read();
      if (!request.has_value()) break;
      ++messages;
      for (int i = 0; i < 2; ++i) {
        if (Status status = co_await stream.write(*request); !status.ok()) break;
        ++written;
      }
    }
    ++(context.cancelled() ? cancelled : half_closed);
    co_return Status();
  }

  std::atomic<int> begun = 0, messages = 0, written = 0, half_closed = 0, cancelled = 0;

 private:
  Task<void> hold(ServerContext& context) {
    (void)co_await sleep(1h, context.context());
    cancelled += context.cancelled();
  }
};

// What is between the sides, and how many threads the side under test has for its loop.
struct Between {
  std::string_view net;
  unsigned threads;
  friend void PrintTo(const Between& b, std::ostream* out) {
    *out << b.net << (b.threads == 0 ? "WithoutThread" : "WithThread");
  }
};
inline constexpr Between kBetween[] = {{"tcp", 0}, {"unix", 0}, {"pipe", 0},
                                       {"tcp", 1}, {"unix", 1}, {"pipe", 1}};
inline std::string name_of(const ::testing::TestParamInfo<Between>& info) {
  return ::testing::PrintToString(info.param);
}

class TwoSides : public ::testing::TestWithParam<Between> {
 protected:
  // Of each side: threads for its loop.
  TwoSides(unsigned client_threads, unsigned server_threads,
           std::size_t memory_of_server = MemoryBudget::kDefault)
      : server_side({.threads = server_threads,
                     .memory_budget = memory_of_server,
                     .log = log.sink(),
                     .memory_network = pipes}),
        client_side({.threads = client_threads, .log = log.sink(), .memory_network = pipes}) {}
  ~TwoSides() override {
    channel = Channel();
    server.reset();
    support::expect_idle(client_side);
    support::expect_idle(server_side);
    EXPECT_EQ(log.at(LogLevel::kError), std::vector<std::string>());
    std::error_code gone_already;
    std::filesystem::remove(path_, gone_already);
  }

  // Where nobody listens so far.
  std::string free_addr() {
    if (GetParam().net == "pipe") return "pipe:free";
    if (GetParam().net == "unix") return "unix:" + path_;
    const std::unique_ptr<net::Listener> listener = server_side.listen("tcp:127.0.0.1:0").value();
    (void)listener->close();
    return listener->addr().to_string();
  }
  void serve(const std::string& addr, ServerOptions options = {.limits = {.goodbye_timeout = 50ms}}) {
    server = std::make_unique<Server>(server_side, options);
    ASSERT_EQ(server->register_service(RawService::desc(), &service), Status());
    Result<std::unique_ptr<net::Listener>> listener = server_side.listen(addr);
    ASSERT_TRUE(listener.ok()) << listener.status();
    ASSERT_EQ(server->serve(std::move(*listener)), Status());
  }
  void dial_to(const std::string& addr) {
    channel = dial(client_side, addr, {.backoff = {.initial = 10ms, .max = 20ms}}).value();
  }
  // Until the state is no more what it was, if there is a thread to see to that.
  void until_not_ready() { until_not_ready(channel); }
  void until_not_ready(const Channel& one) {
    if (client_side.threads_started() == 0) return;
    EXPECT_TRUE(eventually([&] { return one.state() != ConnectivityState::kReady; }));
  }

  const std::shared_ptr<net::MemoryNetwork> pipes = std::make_shared<net::MemoryNetwork>();
  support::LogCollector log;
  Watching service;
  Runtime server_side, client_side;
  std::unique_ptr<Server> server;
  Channel channel;

 private:
  const std::string path_ =
      (std::filesystem::temp_directory_path() / ("sluice-realtime-" + std::to_string(::getpid()) + ".sock"))
          .string();
};

}  // namespace sluice::realtime
