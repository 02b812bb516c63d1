// Channels, servers and calls over a transport that knows no HTTP/2: what a call is does not depend on it.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/client_channel.h"
#include "handover/handover_transport.h"
#include "server/server_core.h"
#include "sluice/async/scope.h"
#include "sluice/async/sleep.h"
#include "support/greeter.h"
#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using support::greeting_of;
using support::HandOver;
using support::request_of;

// As Server and dial() put them together, with the other transport.
class OtherServer {
 public:
  OtherServer(Runtime& runtime, const HandOver& transports, const ServiceDesc& desc, void* service,
              ServerOptions options = {})
      : runtime_(runtime), core_(std::make_shared<ServerCore>(runtime, std::move(options), transports)) {
    EXPECT_EQ(core_->methods().add(desc, service, nullptr), Status());
    listen();
  }
  ~OtherServer() {
    core_->stopping().close();
    while (runtime_.poll() > 0) {
    }
    EXPECT_TRUE(quiet());
  }
  void drain() { core_->stopping().drain(); }
  bool quiet() const { return core_->shards().front()->quiet(); }
  std::size_t open_calls() const { return core_->shards().front()->open_calls(); }

 private:
  void listen() {
    Result<std::unique_ptr<net::Listener>> listener = runtime_.listen("pipe:other");
    ASSERT_EQ(listener.status(), Status());
    ASSERT_EQ(core_->serve(std::move(*listener)), Status());
  }
  Runtime& runtime_;
  const std::shared_ptr<ServerCore> core_;
};

class OtherTransport : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  OtherTransport() : runtime_(options()) {}
  // 0: real time.
  static RuntimeOptions options() {
    RuntimeOptions options;
    if (GetParam() != 0) options.simulation_seed = GetParam();
    return options;
  }
  Channel dial() {
    auto channel =
        std::make_shared<ClientChannel>(*runtime_.loops().front(), *runtime_.network("pipe"),
                                        Addr::parse("pipe:other").value(), ChannelOptions(), handover_);
    std::shared_ptr<void> closer(nullptr, [channel](void*) { channel->close(); });
    return Channel(channel, std::move(closer));
  }
  std::unique_ptr<OtherServer> serve(support::RawService& service, ServerOptions options = {}) {
    return std::make_unique<OtherServer>(runtime_, handover_, support::RawService::desc(), &service,
                                         std::move(options));
  }
  std::unique_ptr<OtherServer> serve(support::Greeter& service) {
    return std::make_unique<OtherServer>(runtime_, handover_, service.service_desc(),
                                         service.service_object());
  }
  // Some virtual time, in which all that can be done is done.
  void settle() {
    runtime_.run([]() -> Task<void> { EXPECT_EQ(co_await sleep(5ms), Status()); }());
  }

  HandOver handover_;
  Runtime runtime_;
  support::RawService echo_;
};
using OtherTransportInRealTime = OtherTransport;
std::string seed_name(const ::testing::TestParamInfo<std::uint64_t>& info) {
  return info.param == 0 ? "Real" : "Seed" + std::to_string(info.param);
}
INSTANTIATE_TEST_SUITE_P(Seeds, OtherTransport, ::testing::Values(1, 2, 3), seed_name);
INSTANTIATE_TEST_SUITE_P(Real, OtherTransportInRealTime, ::testing::Values(0, 1), seed_name);

TEST_P(OtherTransportInRealTime, HandsObjectsOverInCallsOfEveryKind) {
  support::Greeter service;
  const auto server = serve(service);
  helloworld::Greeter::Stub stub(dial());
  // Waits for the connection as bytes; the others find one.
  EXPECT_EQ(stub.SayHello(request_of("first")).get()->message(), "Hello first");
  EXPECT_EQ(handover_.bytes(), 1);
  EXPECT_EQ(stub.SayHello(request_of("world")).get()->message(), "Hello world");
  auto replies = stub.SayHelloReplyStream(request_of("b"));
  EXPECT_EQ(replies.read().get()->message(), "Hello b");
  EXPECT_EQ(replies.read().get()->message(), "Hello b_dup");
  EXPECT_FALSE(replies.read().get().has_value());
  EXPECT_EQ(replies.finish().get(), Status());
  auto requests = stub.SayHelloRequestStream();
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(requests.write(request_of(name)).get(), Status());
  EXPECT_EQ(requests.finish().get()->message(), "Hello c");
  auto both = stub.SayHelloBiStream();
  for (const char* name : {"x", "y"}) {
    EXPECT_EQ(both.write(request_of(name)).get(), Status());
    EXPECT_EQ(both.read().get()->message(), std::string("Hello ") + name);
  }
  EXPECT_EQ(both.close_write().get(), Status());
  EXPECT_EQ(both.finish().get(), Status());
  EXPECT_GE(handover_.objects(), 1 + 2 + 2 + 4 + 4);  // those of the second call on
  EXPECT_LE(handover_.bytes(), 2);                    // requests that are encoded where the call is made
}

TEST_P(OtherTransportInRealTime, CarriesBytesInCallsOfEveryKind) {
  const auto server = serve(echo_);
  const Channel channel = dial();
  EXPECT_EQ(support::text_of(channel.invoke(support::kUnary, support::bytes("u")).get()), "u");
  auto replies = support::reply_stream(channel, support::bytes("r"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(replies.read().get()->to_string(), "r");
  EXPECT_EQ(replies.finish().get(), Status());
  auto requests = support::request_stream(channel);
  EXPECT_EQ(requests.write(support::bytes("a")).get(), Status());
  EXPECT_EQ(requests.write(support::bytes("b"), {.last = true}).get(), Status());
  EXPECT_EQ(support::text_of(requests.finish().get()), "ab");
  auto both = support::bidi(channel);
  EXPECT_EQ(both.write(support::bytes("x")).get(), Status());
  EXPECT_EQ(both.read().get()->to_string(), "x");
  EXPECT_EQ(both.close_write().get(), Status());
  EXPECT_EQ(both.finish().get(), Status());
}

struct Answering final : support::RawService {
  Task<Result<Chain>> unary(ServerContext& context, const Chain&) override {
    EXPECT_EQ(context.add_header("seen", context.metadata().get("question").value_or("none")), Status());
    EXPECT_EQ(context.metadata().get(":authority"), "handed.over");
    EXPECT_EQ(context.add_trailer("end-bin", std::string("\0\1", 2)), Status());
    co_return Status(StatusCode::kNotFound, "no such thing", "details");
  }
};

TEST_P(OtherTransportInRealTime, CarriesMetadataAndStatus) {
  Answering service;
  const auto server = serve(service);
  const Channel channel = dial();
  Call<Chain> call =
      channel.invoke(support::kUnary, support::bytes("m"), {.metadata = {{"question", "42"}}}).start();
  EXPECT_EQ(call.get().status(), Status(StatusCode::kNotFound, "no such thing", "details"));
  EXPECT_EQ(call.header().get("seen"), "42");
  EXPECT_EQ(call.trailer().get("end-bin"), std::string("\0\1", 2));
}

TEST_P(OtherTransportInRealTime, SaysWhichMethodsThereAre) {
  const auto server = serve(echo_);
  const Channel channel = dial();
  constexpr UnaryMethod<Chain, Chain> kNone("/test.Raw/None");
  EXPECT_EQ(channel.invoke(kNone, support::bytes("m")).get().status().code(), StatusCode::kUnimplemented);
}

struct Waiting final : support::RawService {
  Task<Result<Chain>> unary(ServerContext& context, const Chain&) override {
    started = true;
    end = (co_await sleep(1h, context.context())).to_string();
    cancelled = context.cancelled();
    co_return Chain();
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    Chain request;
    Status cut;
    while (co_await stream.read_into(request, cut)) ++read;
    cancelled = context.cancelled();
    co_return Status();
  }
  bool started = false;
  bool cancelled = false;
  int read = 0;
  std::string end;
};

TEST_P(OtherTransport, EndsCallsAtTheirDeadline) {
  Waiting service;
  const auto server = serve(service);
  const Channel channel = dial();
  EXPECT_EQ(channel.invoke(support::kUnary, support::bytes("m"), {.timeout = 20ms}).get().status().code(),
            StatusCode::kDeadlineExceeded);
  settle();
  EXPECT_TRUE(service.started);
  EXPECT_TRUE(service.cancelled);
  EXPECT_EQ(server->open_calls(), 0u);
}

TEST_P(OtherTransport, CancelsHandlers) {
  Waiting service;
  const auto server = serve(service);
  const Channel channel = dial();
  auto stream = support::bidi(channel);
  EXPECT_EQ(stream.write(support::bytes("m")).get(), Status());
  settle();
  EXPECT_EQ(service.read, 1);
  stream.cancel();
  EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
  settle();
  EXPECT_TRUE(service.cancelled);
  EXPECT_EQ(server->open_calls(), 0u);
}

// Reads nothing until it is told.
struct Slow final : support::RawService {
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    while (!go) {
      const Status slept = co_await sleep(1ms, context.context());
      if (!slept.ok()) break;
    }
    Chain request;
    while (co_await stream.read_into(request)) ++read;
    co_return Status();
  }
  bool go = false;
  int read = 0;
};

TEST_P(OtherTransport, LetsWritersWaitForReaders) {
  Slow service;
  const auto server = serve(service);
  const Channel channel = dial();
  constexpr int kMessages = 200;
  auto stream = support::bidi(channel);
  int written = 0;
  const auto write = [](ClientReaderWriter<Chain, Chain>& to, int& count) -> Task<void> {
    const Chain message = support::bytes("0123456789");
    for (; count < kMessages; ++count) EXPECT_EQ(co_await to.write(message), Status());
    EXPECT_EQ(co_await to.close_write(), Status());
  };
  runtime_.run([](Loop& loop, auto& task, auto& to, int& count, Slow& slow) -> Task<void> {
    Scope scope(loop);
    EXPECT_TRUE(scope.spawn(task(to, count)));
    EXPECT_EQ(co_await sleep(1s), Status());
    EXPECT_GT(count, 0);
    EXPECT_LT(count, 20);
    slow.go = true;
    co_await scope.join();
  }(runtime_.loop(), write, stream, written, service));
  EXPECT_EQ(stream.finish().get(), Status());
  EXPECT_EQ(service.read, kMessages);
}

struct Two final : support::RawService {
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    ++calls;
    while (hold) {
      const Status slept = co_await sleep(1ms, context.context());
      if (!slept.ok()) break;
    }
    co_return Chain(request);
  }
  bool hold = false;
  int calls = 0;
};

// A call that a draining server has is served; one that it has not is somebody else's.
TEST_P(OtherTransport, DrainsWithoutLosingACall) {
  Two old_service, new_service;
  old_service.hold = true;
  auto old_server = serve(old_service);
  const Channel channel = dial();
  Call<Chain> running = channel.invoke(support::kUnary, support::bytes("old")).start();
  while (old_service.calls == 0) settle();
  // This one crosses the drain.
  Call<Chain> crossing = channel.invoke(support::kUnary, support::bytes("crossing")).start();
  old_server->drain();
  const auto new_server = serve(new_service);
  settle();
  Call<Chain> later = channel.invoke(support::kUnary, support::bytes("later")).start();
  EXPECT_FALSE(old_server->quiet());
  old_service.hold = false;
  EXPECT_EQ(support::text_of(running.get()), "old");
  EXPECT_EQ(support::text_of(crossing.get()), "crossing");
  EXPECT_EQ(support::text_of(later.get()), "later");
  EXPECT_EQ(old_service.calls + new_service.calls, 3);
  EXPECT_GE(new_service.calls, 1);
  settle();
  EXPECT_TRUE(old_server->quiet());
}

TEST_P(OtherTransport, WaitsForOneOfTheCallsThatAreAllowed) {
  Two service;
  service.hold = true;
  ServerOptions options;
  options.max_concurrent_streams = 2;
  const auto server = serve(service, std::move(options));
  const Channel channel = dial();
  std::vector<Call<Chain>> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(channel.invoke(support::kUnary, support::bytes("m")).start());
  for (int i = 0; i < 10; ++i) settle();
  EXPECT_EQ(service.calls, 2);
  service.hold = false;
  for (Call<Chain>& call : calls) EXPECT_EQ(support::text_of(call.get()), "m");
  EXPECT_EQ(service.calls, 5);
}

TEST_P(OtherTransport, TellsBothSidesThatTheConnectionHasGone) {
  Waiting service;
  auto server = serve(service);
  const Channel channel = dial();
  Call<Chain> call = channel.invoke(support::kUnary, support::bytes("m")).start();
  while (!service.started) settle();
  server.reset();
  EXPECT_EQ(call.get().status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE(service.cancelled);
}

}  // namespace
}  // namespace sluice
