// What users get wrong: each ends with a status that names the cause, and nothing hangs, leaks or crashes.
#include <chrono>
#include <optional>
#include <string>

#include "support/greeter.h"
#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

class BadInput : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, BadInput, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

TEST_P(BadInput, WrongAddressIsNamed) {
  for (const char* address : {"", "greeter", ":greeter", "pipe:", "pi pe:x", "PIPE:x"}) {
    expect_names(dial(runtime(), address).status(), StatusCode::kInvalidArgument, address);
    expect_names(runtime().listen(address).status(), StatusCode::kInvalidArgument, address);
  }
}

TEST_P(BadInput, UnknownSchemeIsNamedWithThoseThatAreKnown) {
  for (const char* address : {"carrier:pigeon", "vsock:3:5000"}) {
    const std::string scheme(address, std::string_view(address).find(':'));
    expect_names(dial(runtime(), address).status(), StatusCode::kUnimplemented, scheme);
    expect_names(runtime().listen(address).status(), StatusCode::kUnimplemented, scheme);
    expect_names(dial(runtime(), address).status(), StatusCode::kUnimplemented, "pipe");
  }
}

TEST_P(BadInput, NameNobodyListensOnIsNamed) {
  Channel channel = dial(runtime(), "pipe:nobody").value();
  const Chain request = bytes("m");
  expect_names(channel.invoke(kUnary, request).get().status(), StatusCode::kUnavailable, "pipe:nobody");
  auto stream = bidi(channel);
  EXPECT_FALSE(stream.read().get());
  expect_names(stream.finish().get(), StatusCode::kUnavailable, "pipe:nobody");
}

TEST_P(BadInput, NameThatIsTakenIsNamed) {
  auto first = runtime().listen("pipe:name").value();
  expect_names(runtime().listen("pipe:name").status(), StatusCode::kAlreadyExists, "pipe:name");
  EXPECT_EQ(first->close(), Status());
  EXPECT_EQ(first->close().code(), StatusCode::kFailedPrecondition);
  first.reset();
  EXPECT_TRUE(runtime().listen("pipe:name").ok()) << "free again";
}

TEST_P(BadInput, ServiceRegisteredTwiceOrTooLateIsNamed) {
  Greeter greeter;
  RawService raw;
  Server server(runtime());
  EXPECT_EQ(server.register_service(greeter), Status());
  expect_names(server.register_service(greeter), StatusCode::kAlreadyExists, "helloworld.Greeter");
  EXPECT_EQ(server.serve(runtime().listen("pipe:x").value()), Status());
  expect_names(server.register_service(RawService::desc(), &raw), StatusCode::kFailedPrecondition,
               "test.Raw");
  server.close();
  EXPECT_EQ(server.serve(runtime().listen("pipe:y").value()).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(server.serve(nullptr).code(), StatusCode::kInvalidArgument);
}

TEST_P(BadInput, StubOfAClosedChannelFails) {
  Greeter greeter;
  Served served(runtime(), {}, greeter);
  const helloworld::Greeter::Stub stub(served.channel());
  const HelloRequest request = request_of("x");
  EXPECT_TRUE(stub.SayHello(request).get().ok());
  served.channel().close();
  expect_names(stub.SayHello(request).get().status(), StatusCode::kCancelled, "channel is closed");
  expect_names(stub.SayHello(request).start().get().status(), StatusCode::kCancelled, "channel is closed");
  auto stream = stub.SayHelloBiStream();
  EXPECT_FALSE(stream.write(request).get().ok());
  EXPECT_FALSE(stream.read().get());
  expect_names(stream.finish().get(), StatusCode::kCancelled, "channel is closed");
}

TEST_P(BadInput, ChannelThatNeverConnectedIsClosed) {
  Channel channel = dial(runtime(), "pipe:nobody").value();
  channel.close();
  const Chain request = bytes("m");
  expect_names(channel.invoke(kUnary, request).get().status(), StatusCode::kCancelled, "channel is closed");
}

// A handler that blocks would hold its loop's only thread.
TEST_P(BadInput, GetInsideAHandlerIsRefused) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
      if (request.to_string() == "inner") co_return bytes("inner");
      const Chain inner = bytes("inner");
      got.push_back(channel.invoke(kUnary, inner).get().status());
      auto stream = support::bidi(channel);
      got.push_back(stream.write(inner).get());
      EXPECT_FALSE(stream.read().get());
      const Result<Chain> awaited = co_await channel.invoke(kUnary, inner);
      co_return awaited;
    }
    Channel channel;
    std::vector<Status> got;
  } service;
  ServedRaw served(runtime(), service);
  service.channel = served.channel();
  EXPECT_EQ(text_of(served.unary(bytes("outer")).get()), "inner");
  ASSERT_EQ(service.got.size(), 2u);
  for (const Status& status : service.got)
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << status;
  service.channel = Channel();
}

TEST_P(BadInput, SecondReadWhileOneIsInFlightEndsTheCallThatWay) {
  RawService service;
  ServedRaw served(runtime(), service);
  auto stream = served.bidi();
  Call<Read<Chain>> first = stream.read().start();
  EXPECT_FALSE(stream.read().get());
  EXPECT_FALSE(first.get());
  expect_names(stream.finish().get(), StatusCode::kFailedPrecondition, "second read");
}

TEST_P(BadInput, SecondWriteWhileOneIsInFlightIsRefused) {
  struct Impl final : RawService {
    Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>&) override {
      co_return co_await sleep(1h, context.context());
    }
  } service;
  ServedRaw served(runtime(), service);
  auto stream = served.bidi();
  const Chain message = pattern(4 << 20);
  std::vector<Call<Status>> writes;
  for (int i = 0; i < 5; ++i) writes.push_back(stream.write(message).start());
  int refused = 0;
  for (Call<Status>& write : writes) {
    if (write.get().code() == StatusCode::kFailedPrecondition) ++refused;
  }
  EXPECT_GE(refused, 1);
  expect_names(stream.finish().get(), StatusCode::kFailedPrecondition, "second write");
}

TEST_P(BadInput, SecondReadInAHandlerIsToldToTheHandlerAlone) {
  struct Impl final : RawService {
    Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
      Call<Read<Chain>> first = stream.read().start();
      const Read<Chain> second = co_await stream.read();
      const Read<Chain> ended = co_await first;
      both_ended = !second.has_value() && !ended.has_value();
      EXPECT_EQ(second.status().code(), StatusCode::kFailedPrecondition);
      cancelled = context.cancelled();
      co_return Status();
    }
    bool both_ended = false;
    bool cancelled = false;
  } service;
  ServedRaw served(runtime(), service);
  auto stream = served.bidi();
  EXPECT_FALSE(stream.read().get());
  expect_names(stream.finish().get(), StatusCode::kInternal, "second read");
  served.end_server();
  EXPECT_TRUE(service.both_ended);
  EXPECT_TRUE(service.cancelled);
}

TEST_P(BadInput, StreamDroppedAtAnyMomentLeavesNothing) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain request = pattern(100'000);
  { auto stream = served.bidi(); }
  {
    auto stream = served.bidi();
    (void)stream.write(request).get();
  }
  {
    auto stream = served.bidi();
    (void)stream.write(request).get();
    (void)stream.read().get();
  }
  {
    auto stream = served.bidi();
    (void)stream.close_write().get();
  }
  { auto stream = served.reply_stream(request); }
  { auto stream = served.request_stream(); }
  {
    auto stream = served.reply_stream(request);
    (void)stream.wait_header().get();
  }
  EXPECT_EQ(text_of(served.unary(bytes("m")).get()), "m");
}

#ifndef NDEBUG
TEST_P(BadInput, DroppedOpIsToldInDevBuilds) {
  RawService service;
  const Chain request = bytes("m");
  const UnaryMethod<Chain, Chain>& method = kUnary;
  GTEST_FLAG_SET(death_test_style, "fast");
  struct Nobody final : ChannelBase {
    Loop& loop() const override { return *at; }
    detail::OpRecord* start_unary(const MethodInfo&, const Message&, const CallOptions&) override {
      return nullptr;
    }
    ClientStreamPtr new_stream(const MethodInfo&, const Message*, const CallOptions&) override {
      return nullptr;
    }
    std::shared_ptr<const Codec> find_codec(std::string_view) const override { return nullptr; }
    ConnectivityState state() const override { return ConnectivityState::kIdle; }
    void close() override {}
    Loop* at = nullptr;
  };
  Nobody nobody;
  nobody.at = &runtime().loop();
  EXPECT_DEATH({ (void)method(nobody, request, {}); }, "an Op was dropped");
}
#endif

TEST_P(BadInput, ServerWithoutServicesAnswersUnimplemented) {
  Server server(runtime());
  ASSERT_EQ(server.serve(runtime().listen("pipe:empty").value()), Status());
  const Channel channel = dial(runtime(), "pipe:empty").value();
  const Chain request = bytes("m");
  expect_names(channel.invoke(kUnary, request).get().status(), StatusCode::kUnimplemented, "test.Raw");
}

class StuckSimulation : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(Simulated, StuckSimulation, ::testing::ValuesIn(support::kSimulatedRuntimes),
                         support::name_of);

TEST_P(StuckSimulation, GetThatCanNeverEndSaysWhoWaits) {
  auto listener = runtime().listen("pipe:deaf").value();
  Channel channel = dial(runtime(), "pipe:deaf", {.backoff = {.min_connect_timeout = 1s}}).value();
  const Chain request = bytes("m");
  const Status status = channel.invoke(kUnary, request).get().status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("pipe:deaf"), std::string_view::npos) << status;
}

TEST_P(StuckSimulation, TaskThatCanNeverEndSaysWhoWaitsAndMayEndLater) {
  struct Local {
    static Task<int> accept(net::Listener& listener) {
      const Result<std::unique_ptr<net::Conn>> conn = co_await listener.accept();
      co_return conn.ok() ? 1 : 0;
    }
  };
  auto listener = runtime().listen("pipe:deaf").value();
  try {
    (void)runtime().run(Local::accept(*listener));
    ADD_FAILURE() << "nobody dials";
  } catch (const StatusError& error) {
    expect_names(error.status(), StatusCode::kInternal, "nothing can make progress");
  }
  EXPECT_EQ(runtime().live().frames, 1);
  EXPECT_EQ(listener->close(), Status());
  while (runtime().poll() > 0) {
  }
  EXPECT_EQ(runtime().live().frames, 0);
}

TEST_P(StuckSimulation, TwoSidesThatWaitForEachOtherAreNamed) {
  RawService service;
  ServedRaw served(runtime(), service);
  auto stream = served.bidi();
  EXPECT_FALSE(stream.read().get()) << "nobody writes";
  const Status status = stream.finish().get();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("nothing can make progress"), std::string_view::npos) << status;
  EXPECT_NE(status.message().find("/test.Raw/Bidi"), std::string_view::npos) << status;
}

TEST_P(StuckSimulation, CallThatWaitsForAStreamIsNamed) {
  RawService service;
  ServedRaw served(runtime(), service, {.server = {.max_concurrent_streams = 1}});
  auto stream = served.bidi();
  const Chain request = bytes("m");
  EXPECT_EQ(stream.write(request).get(), Status());
  const Status status = served.unary(request).get().status();
  EXPECT_NE(status.message().find("call /test.Raw/Unary (waits for one of 1 streams of the connection to "),
            std::string_view::npos)
      << status;
  stream.cancel();
}

}  // namespace
}  // namespace sluice::e2e
