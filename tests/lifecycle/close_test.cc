// Ends that do not wait: close(), destruction with calls in flight, and what outlives what.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lifecycle/lifecycle.h"
#include "support/greeter.h"

namespace sluice::lifecycle {
namespace {

class Closing : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, Closing, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

TEST_P(Closing, ServerCancelsItsHandlersAndWaitsForTheirEnd) {
  HeldService service(3, HeldService::When::kLetGoOrCancelled);
  const Chain request = bytes("m");
  ServedRaw served(runtime(), service);
  Call<Chain> unary = served.unary(request).start();
  auto stream = served.bidi();
  Call<Read<Chain>> read = stream.read().start();
  auto replies = served.reply_stream(request);
  runtime().run(service.running.wait());
  served.end_server();
  EXPECT_EQ(service.ended, 3) << "the destructor returns when no handler lives";
  EXPECT_EQ(service.cancelled, 3);
  expect_names(unary.get().status(), StatusCode::kUnavailable, "");
  EXPECT_FALSE(read.get());
  expect_names(stream.finish().get(), StatusCode::kUnavailable, "");
  expect_names(replies.finish().get(), StatusCode::kUnavailable, "");
  expect_names(served.unary(request).get().status(), StatusCode::kUnavailable, "nobody listens");
}

// The call is freed where its connection writes, and takes the last handle of the channel with it.
TEST_P(Closing, ChannelMayGoWithTheContextOfItsLastCall) {
  HeldService service(1, HeldService::When::kLetGoOrCancelled);
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  std::optional<Call<Chain>> call;
  {
    const Channel channel = dial(runtime(), "pipe:served").value();
    const Context context = Context().with_value(channel);
    call.emplace(channel.invoke(kUnary, request, {.context = &context}).start());
  }
  runtime().run(service.running.wait());
  call.reset();
  served.end_server();
  EXPECT_EQ(service.ended, 1);
  EXPECT_EQ(service.cancelled, 1);
}

TEST_P(Closing, ServerLetsGoOfStreamsThatReadAndWrite) {
  struct Impl final : RawService {
    Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
      Read<Chain> message = co_await stream.read();
      running.count_down();
      if (message && message->to_string() == "write") {
        const Chain large = support::pattern(1 << 20);
        Status written;
        while (written.ok()) written = co_await stream.write(large);
      } else {
        while (message.has_value()) message = co_await stream.read();
      }
      ended += context.cancelled();
      co_return Status();
    }
    Latch running{2};
    std::atomic<int> ended = 0;
  } service;
  ServedRaw served(runtime(), service);
  auto reads = served.bidi(), writes = served.bidi();
  const Chain read = bytes("read"), write = bytes("write");
  ASSERT_EQ(reads.write(read).get(), Status());
  ASSERT_EQ(writes.write(write).get(), Status());
  runtime().run(service.running.wait());
  served.end_server();
  EXPECT_EQ(service.ended, 2);
  expect_names(reads.finish().get(), StatusCode::kUnavailable, "");
  expect_names(writes.finish().get(), StatusCode::kUnavailable, "");
}

TEST_P(Closing, ChannelHandleThatGoesFailsItsCallsWithoutBlocking) {
  HeldService service(2, HeldService::When::kLetGoOrCancelled);
  const Chain request = bytes("m");
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  ASSERT_EQ(server.serve(runtime().listen("pipe:x").value()), Status());
  std::optional<Channel> channel = dial(runtime(), "pipe:x").value();
  const Channel copy = *channel;
  Call<Chain> unary = channel->invoke(kUnary, request).start();
  auto stream = bidi(*channel);
  runtime().run(service.running.wait());
  channel->close();
  channel.reset();
  expect_names(unary.get().status(), StatusCode::kCancelled, "channel is closed");
  expect_names(stream.write(request).get(), StatusCode::kCancelled, "channel is closed");
  expect_names(stream.finish().get(), StatusCode::kCancelled, "channel is closed");
  expect_names(copy.invoke(kUnary, request).get().status(), StatusCode::kCancelled, "channel is closed");
}

TEST_P(Closing, LastHandleOfAChannelClosesIt) {
  HeldService service(1, HeldService::When::kLetGoOrCancelled);
  const Chain request = bytes("m");
  ServedRaw served(runtime(), service);
  std::optional<Channel> first = dial(runtime(), "pipe:served").value();
  std::optional<Channel> second = first;
  Call<Chain> call = first->invoke(kUnary, request).start();
  runtime().run(service.running.wait());
  first.reset();
  EXPECT_EQ(second->state(), ConnectivityState::kReady);
  second.reset();
  expect_names(call.get().status(), StatusCode::kCancelled, "channel is closed");
}

TEST_P(Closing, CallsAndStreamsMayOutliveChannelAndServer) {
  RawService service;
  const Chain request = bytes("m");
  std::optional<Call<Chain>> call;
  std::optional<ClientReaderWriter<Chain, Chain>> stream;
  {
    ServedRaw served(runtime(), service);
    call.emplace(served.unary(request).start());
    stream.emplace(served.bidi());
  }
  const Status end = call->get().status();
  EXPECT_TRUE(end.ok() || end.code() == StatusCode::kUnavailable || end.code() == StatusCode::kCancelled)
      << end;
  EXPECT_FALSE(stream->finish().get().ok());
}

TEST_P(Closing, SharedServiceLivesUntilItsLastHandlerHasEnded) {
  struct Impl final : support::Greeter {
    explicit Impl(std::atomic<int>& c) : count(c) {}
    ~Impl() override { ++count; }
    Task<Result<support::HelloReply>> SayHello(ServerContext& context,
                                               const support::HelloRequest&) override {
      running.count_down();
      (void)co_await sleep(24h, context.context());
      ended = true;
      co_return support::greeting_of("late");
    }
    std::atomic<int>& count;
    Latch running;
    bool ended = false;
  };
  std::atomic<int> destroyed = 0;
  {
    Server server(runtime());
    auto service = std::make_shared<Impl>(destroyed);
    Impl& impl = *service;
    ASSERT_EQ(server.register_service(std::move(service)), Status());
    ASSERT_EQ(server.register_service(std::shared_ptr<Service>()).code(), StatusCode::kInvalidArgument);
    ASSERT_EQ(server.serve(runtime().listen("pipe:shared").value()), Status());
    helloworld::Greeter::Stub stub(dial(runtime(), "pipe:shared").value());
    const support::HelloRequest request = support::request_of("x");
    Call<support::HelloReply> call = stub.SayHello(request).start();
    runtime().run(impl.running.wait());
    EXPECT_EQ(destroyed, 0);
  }
  EXPECT_EQ(destroyed, 1);
}

TEST_P(Closing, ServiceRegisteredTwiceNamesItAndLateOnesAreRefused) {
  RawService service;
  Server server(runtime());
  EXPECT_EQ(server.register_service(RawService::desc(), &service), Status());
  expect_names(server.register_service(RawService::desc(), &service), StatusCode::kAlreadyExists, "test.Raw");
  const ServiceDesc nameless{""}, slashed{"a/b"};
  expect_names(server.register_service(nameless, &service), StatusCode::kInvalidArgument, "\"\"");
  expect_names(server.register_service(slashed, &service), StatusCode::kInvalidArgument, "a/b");
  expect_names(server.serve(nullptr), StatusCode::kInvalidArgument, "listener");
  server.close();
  auto listener = runtime().listen("pipe:late").value();
  expect_names(server.serve(std::move(listener)), StatusCode::kFailedPrecondition, "serve()");
  EXPECT_TRUE(runtime().listen("pipe:late").ok()) << "the listener that was refused is closed";
}

TEST_P(Closing, ListenerThatWasClosedBeforeServingEndsByItself) {
  RawService service;
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  auto listener = runtime().listen("pipe:closed").value();
  ASSERT_EQ(listener->close(), Status());
  EXPECT_EQ(server.serve(std::move(listener)), Status());
  EXPECT_EQ(server.drain().get(), Status());
}

// get() on the Runtime's own loop would wait for itself.
TEST_P(Closing, BlockingInsideAHandlerIsRefusedEverywhere) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
      refused.push_back(server->drain().get());
      refused.push_back(server->stop(TimePoint()).get().status());
      refused.push_back(channel.invoke(kUnary, request).start().get().status());
      auto requests = support::request_stream(channel);
      refused.push_back(requests.write(request).get());
      refused.push_back(requests.finish().get().status());
      auto replies = support::reply_stream(channel, request);
      refused.push_back(replies.wait_header().get());
      refused.push_back(replies.finish().get());
      try {
        runtime->run(Latch().wait());
      } catch (const StatusError& error) {
        refused.push_back(error.status());
      }
      co_return Chain(request);
    }
    Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>&) override { co_return Chain(); }
    Runtime* runtime = nullptr;
    Server* server = nullptr;
    Channel channel;
    std::vector<Status> refused;
  } service;
  ServedRaw served(runtime(), service);
  service.runtime = &runtime();
  service.server = &served.server();
  const Chain request = bytes("m");
  // A channel whose calls begin nothing: the handler would else call itself.
  RawService other;
  ServedRaw elsewhere(runtime(), other, {.address = "pipe:other"});
  service.channel = elsewhere.channel();
  EXPECT_EQ(text_of(served.unary(request).get()), "m") << "the server is not draining";
  ASSERT_EQ(service.refused.size(), 8u);
  for (const Status& status : service.refused)
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << status;
  service.channel = Channel();
}

TEST_P(Closing, SecondWriteInAHandlerIsToldToTheHandler) {
  struct Impl final : RawService {
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      const Chain large = support::pattern(4 << 20);
      std::vector<Call<Status>> writes;
      for (int i = 0; i < 5; ++i) writes.push_back(stream.write(large).start());
      for (Call<Status>& write : writes) {
        const Status status = co_await write;
        refused += status.code() == StatusCode::kFailedPrecondition &&
                   status.message().find("second write") != std::string_view::npos;
      }
      co_return Status();
    }
    std::atomic<int> refused = 0;
  } service;
  ServedRaw served(runtime(), service, {.channel = {.max_receive_message_size = 8 << 20}});
  auto stream = served.bidi();
  Chain reply;
  int replies = 0;
  while (stream.read_into(reply).get()) ++replies;
  EXPECT_EQ(stream.finish().get(), Status());
  EXPECT_GE(service.refused, 1);
  EXPECT_EQ(replies + service.refused, 5);
}

// A Runtime that goes at once after its servers and channels, whatever they have left to do.
class Destruction : public ::testing::TestWithParam<support::RuntimeParam> {
 protected:
  RuntimeOptions options() {
    RuntimeOptions options;
    options.log = log_.sink();
    if (GetParam().kind == support::RuntimeParam::Kind::kSimulated) options.simulation_seed = GetParam().seed;
    if (GetParam().kind == support::RuntimeParam::Kind::kTwoThreads) options.threads = 2;
    return options;
  }
  support::LogCollector log_;
};
INSTANTIATE_TEST_SUITE_P(All, Destruction, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

TEST_P(Destruction, OfEverythingAtOnceLeavesNothing) {
  const Chain request = bytes("m");
  for (int calls = 0; calls < 4; ++calls) {
    HeldService service(calls, HeldService::When::kLetGoOrCancelled);
    Runtime runtime(options());
    ServedRaw served(runtime, service);
    std::vector<Call<Chain>> started;
    std::vector<ClientReaderWriter<Chain, Chain>> streams;
    for (int i = 0; i < calls; ++i) {
      started.push_back(served.unary(request).start());
      streams.push_back(served.bidi());
    }
    if (calls == 3) runtime.run(service.running.wait());
  }
  EXPECT_EQ(log_.at(LogLevel::kError), std::vector<std::string>());
}

TEST_P(Destruction, OfChannelsAndStreamsThatNeverConnected) {
  const Chain request = bytes("m");
  Runtime runtime(options());
  auto listener = runtime.listen("pipe:deaf").value();
  const Channel waits = dial(runtime, "pipe:deaf").value();
  const Channel fails = dial(runtime, "pipe:nobody").value();
  Call<Chain> first = waits.invoke(kUnary, request).start();
  Call<Chain> second = fails.invoke(kUnary, request).start();
  auto stream = bidi(waits);
  EXPECT_FALSE(second.get().ok());
  while (waits.state() == ConnectivityState::kIdle) runtime.poll();  // its loop may be another one
  EXPECT_EQ(waits.state(), ConnectivityState::kConnecting);
}

// What resumes a coroutine by hand: a wait that no timer ends.
class Gate {
 public:
  void open() { coroutine_->loop().post(*coroutine_); }
  bool await_ready() const noexcept { return false; }
  template <class P>
  SLUICE_NOINLINE_AWAIT void await_suspend(std::coroutine_handle<P> h) {
    coroutine_ = &h.promise();
  }
  void await_resume() noexcept {}

 private:
  detail::PromiseBase* coroutine_ = nullptr;
};

// In a simulation a handler that nobody will wake is found out: the server does not wait for ever, and what
// the handler needs of it outlives it.
TEST(SimulatedDestruction, ServerTellsOfAHandlerThatNeverEnds) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
      running.count_down();
      co_await gate;
      ended = context.cancelled() && context.method() == "/test.Raw/Unary";
      co_return Chain(request);
    }
    Latch running;
    Gate gate;
    bool ended = false;
  } service;
  support::LogCollector log;
  Runtime runtime({.log = log.sink(), .simulation_seed = 5});
  const Chain request = bytes("m");
  {
    ServedRaw served(runtime, service);
    Call<Chain> call = served.unary(request).start();
    runtime.run(service.running.wait());
    served.end_server();
    EXPECT_FALSE(service.ended);
    EXPECT_FALSE(call.get().ok());
  }
  const std::vector<std::string> errors = log.at(LogLevel::kError);
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_NE(errors[0].find("nothing can make progress"), std::string::npos) << errors[0];
  EXPECT_NE(errors[0].find("/test.Raw/Unary"), std::string::npos) << errors[0];
  service.gate.open();
  support::expect_idle(runtime);
  EXPECT_TRUE(service.ended);
}

}  // namespace
}  // namespace sluice::lifecycle
