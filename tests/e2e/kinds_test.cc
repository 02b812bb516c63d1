// The four kinds of call, typed and raw, blocking, awaited and started.
#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "support/greeter.h"
#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

class Kinds : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, Kinds, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

TEST_P(Kinds, TypedUnaryCallGetsItsReply) {
  Greeter greeter;
  Served served(runtime(), {}, greeter);
  const helloworld::Greeter::Stub stub(served.channel());
  const HelloRequest request = request_of("world");
  const Result<HelloReply> reply = stub.SayHello(request).get();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->message(), "Hello world");
}

TEST_P(Kinds, TypedReplyStreamBringsEveryReplyInOrder) {
  Greeter greeter;
  Served served(runtime(), {}, greeter);
  const helloworld::Greeter::Stub stub(served.channel());
  const HelloRequest request = request_of("a");
  auto stream = stub.SayHelloReplyStream(request);
  std::vector<std::string> got;
  while (Read<HelloReply> reply = stream.read().get()) got.push_back(reply->message());
  EXPECT_EQ(got, (std::vector<std::string>{"Hello a", "Hello a_dup"}));
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(Kinds, TypedRequestStreamGetsOneReplyForAll) {
  Greeter greeter;
  Served served(runtime(), {}, greeter);
  const helloworld::Greeter::Stub stub(served.channel());
  auto stream = stub.SayHelloRequestStream();
  for (const char* name : {"a", "b", "c"}) {
    const HelloRequest request = request_of(name);
    EXPECT_EQ(stream.write(request).get(), Status());
  }
  const Result<HelloReply> reply = stream.finish().get();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->message(), "Hello c");
}

TEST_P(Kinds, TypedBidiStreamAnswersEachMessageAsItComes) {
  Greeter greeter;
  Served served(runtime(), {}, greeter);
  const helloworld::Greeter::Stub stub(served.channel());
  auto stream = stub.SayHelloBiStream();
  HelloReply reply;
  for (const char* name : {"a", "b", "c"}) {
    const HelloRequest request = request_of(name);
    EXPECT_EQ(stream.write(request).get(), Status());
    ASSERT_TRUE(stream.read_into(reply).get());
    EXPECT_EQ(reply.message(), "Hello " + std::string(name));
  }
  EXPECT_EQ(stream.close_write().get(), Status());
  EXPECT_FALSE(stream.read_into(reply).get());
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(Kinds, RawServiceServesAllFourKinds) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("raw");
  EXPECT_EQ(text_of(served.unary(request).get()), "raw");

  auto replies = served.reply_stream(request);
  for (int i = 0; i < 3; ++i) {
    const Read<Chain> reply = replies.read().get();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->to_string(), "raw");
  }
  EXPECT_FALSE(replies.read().get());
  EXPECT_EQ(replies.finish().get(), Status());

  auto requests = served.request_stream();
  const Chain first = bytes("one "), second = bytes("two");
  EXPECT_EQ(requests.write(first).get(), Status());
  EXPECT_EQ(requests.write(second).get(), Status());
  EXPECT_EQ(text_of(requests.finish().get()), "one two");

  auto both = served.bidi();
  EXPECT_EQ(both.write(request).get(), Status());
  const Read<Chain> echo = both.read().get();
  ASSERT_TRUE(echo);
  EXPECT_EQ(echo->to_string(), "raw");
  EXPECT_EQ(both.finish().get(), Status());
}

TEST_P(Kinds, LastWriteHalfCloses) {
  RawService service;
  ServedRaw served(runtime(), service);
  auto stream = served.bidi();
  const Chain message = bytes("only");
  EXPECT_EQ(stream.write(message, {.last = true}).get(), Status());
  EXPECT_TRUE(stream.read().get());
  EXPECT_FALSE(stream.read().get());
  EXPECT_EQ(stream.write(message).get().code(), StatusCode::kCancelled) << "the call has ended";
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(Kinds, WriteAfterHalfCloseIsRefused) {
  RawService service;
  ServedRaw served(runtime(), service);
  auto stream = served.request_stream();
  const Chain message = bytes("m");
  EXPECT_EQ(stream.close_write().get(), Status());
  // The server may have answered already; then the write finds the call at its end.
  const Status status = stream.write(message).get();
  EXPECT_TRUE(status.code() == StatusCode::kFailedPrecondition || status.code() == StatusCode::kCancelled)
      << status;
  EXPECT_EQ(text_of(stream.finish().get()), "");
}

TEST_P(Kinds, MessagesOfNoBytesArrive) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain nothing = bytes("");
  EXPECT_EQ(text_of(served.unary(nothing).get()), "");
  auto stream = served.bidi();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(stream.write(nothing).get(), Status());
    const Read<Chain> echo = stream.read().get();
    ASSERT_TRUE(echo);
    EXPECT_TRUE(echo->empty());
  }
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(Kinds, RequestStreamWithoutMessagesGetsItsReply) {
  RawService service;
  ServedRaw served(runtime(), service);
  auto stream = served.request_stream();
  EXPECT_EQ(text_of(stream.finish().get()), "");
}

TEST_P(Kinds, OneChannelCarriesThousandsOfCallsInARow) {
  RawService service;
  ServedRaw served(runtime(), service);
  for (int i = 0; i < 2'000; ++i) {
    const Chain request = bytes(std::to_string(i));
    ASSERT_EQ(text_of(served.unary(request).get()), std::to_string(i));
  }
}

// What a coroutine makes of all four kinds.
Task<std::string> awaited_replies_of_all_kinds(ServedRaw& served, std::string text) {
  const Chain request = bytes(text);
  std::string got;
  const Result<Chain> reply = co_await served.unary(request);
  got += text_of(reply) + ";";
  {
    auto stream = served.reply_stream(request);
    Chain message;
    while (co_await stream.read_into(message)) got += message.to_string() + ",";
    const Status status = co_await stream.finish();
    got += status.to_string() + ";";
  }
  {
    auto stream = served.request_stream();
    for (int i = 0; i < 2; ++i) {
      const Status status = co_await stream.write(request);
      if (!status.ok()) got += status.to_string();
    }
    const Result<Chain> all = co_await stream.finish();
    got += text_of(all) + ";";
  }
  auto stream = served.bidi();
  const Status written = co_await stream.write(request, {.last = true});
  const Read<Chain> echo = co_await stream.read();
  const Status status = co_await stream.finish();
  got += (echo ? echo->to_string() : "nothing") + ";" + written.to_string() + status.to_string();
  co_return got;
}

TEST_P(Kinds, CoroutineAwaitsAllFourKinds) {
  RawService service;
  ServedRaw served(runtime(), service);
  EXPECT_EQ(runtime().run(awaited_replies_of_all_kinds(served, "x")), "x;x,x,x,OK;xx;x;OKOK");
}

TEST_P(Kinds, StartedCallIsInFlightUntilItIsGot) {
  RawService service;
  ServedRaw served(runtime(), service);
  std::vector<Call<Chain>> calls;
  for (int i = 0; i < 20; ++i) {
    // Neither the request nor the options live longer than start().
    const Chain request = bytes(std::to_string(i));
    calls.push_back(served.unary(request, {.timeout = 1h}).start());
  }
  for (int i = 19; i >= 0; --i) {
    EXPECT_EQ(text_of(calls[static_cast<std::size_t>(i)].get()), std::to_string(i));
  }
}

Task<std::string> await_started(ServedRaw& served) {
  const Chain a = bytes("a"), b = bytes("b");
  Call<Chain> first = served.unary(a).start();
  Call<Chain> second = served.unary(b).start();
  const Result<Chain> later = co_await second;
  const Result<Chain> earlier = co_await first;
  co_return text_of(later) + text_of(earlier);
}

TEST_P(Kinds, StartedCallsAreAwaitedInAnyOrder) {
  RawService service;
  ServedRaw served(runtime(), service);
  EXPECT_EQ(runtime().run(await_started(served)), "ba");
}

TEST_P(Kinds, ReadMayBeInFlightWhileWriting) {
  RawService service;
  ServedRaw served(runtime(), service);
  auto stream = served.bidi();
  Call<Read<Chain>> read = stream.read().start();
  const Chain message = bytes("m");
  EXPECT_EQ(stream.write(message).get(), Status());
  const Read<Chain> echo = read.get();
  ASSERT_TRUE(echo);
  EXPECT_EQ(echo->to_string(), "m");
  EXPECT_EQ(stream.finish().get(), Status());
}

// A service that asks another one.
class Forwarder final : public Greeter {
 public:
  explicit Forwarder(Channel next) : next_(std::move(next)) {}
  Task<Result<HelloReply>> SayHello(ServerContext& context, const HelloRequest& request) override {
    const HelloRequest inner = request_of(request.name() + " via");
    Result<HelloReply> reply = co_await next_.SayHello(inner, {.context = &context.context()});
    co_return reply;
  }
  Task<Status> SayHelloReplyStream(ServerContext& context, const HelloRequest& request,
                                   ServerWriter<HelloReply>& writer) override {
    auto stream = next_.SayHelloReplyStream(request, {.context = &context.context()});
    HelloReply reply;
    while (co_await stream.read_into(reply)) {
      if (Status status = co_await writer.write(reply); !status.ok()) co_return status;
    }
    co_return co_await stream.finish();
  }

 private:
  helloworld::Greeter::Stub next_;
};

TEST_P(Kinds, HandlerCallsAnotherService) {
  Greeter greeter;
  Served back(runtime(), {.address = "pipe:back"}, greeter);
  Forwarder forwarder(back.channel());
  Served front(runtime(), {.address = "pipe:front"}, forwarder);
  const helloworld::Greeter::Stub stub(front.channel());
  const HelloRequest request = request_of("world");
  for (int i = 0; i < 10; ++i) {
    const Result<HelloReply> reply = stub.SayHello(request).get();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->message(), "Hello world via");
  }
  auto stream = stub.SayHelloReplyStream(request);
  int replies = 0;
  while (stream.read().get()) ++replies;
  EXPECT_EQ(replies, 2);
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(Kinds, SeveralListenersAndServicesServeAtOnce) {
  Greeter greeter;
  RawService raw;
  Server server(runtime());
  ASSERT_EQ(server.register_service(greeter), Status());
  ASSERT_EQ(server.register_service(RawService::desc(), &raw), Status());
  ASSERT_EQ(server.serve(runtime().listen("pipe:one").value()), Status());
  ASSERT_EQ(server.serve(runtime().listen("pipe:two").value()), Status());
  const HelloRequest hello = request_of("x");
  const Chain request = bytes("y");
  for (const char* address : {"pipe:one", "pipe:two"}) {
    const Channel channel = dial(runtime(), address).value();
    EXPECT_EQ(helloworld::Greeter::Stub(channel).SayHello(hello).get().value().message(), "Hello x");
    EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "y");
  }
}

class RealKinds : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(Real, RealKinds, ::testing::ValuesIn(support::kRealRuntimes), support::name_of);

TEST_P(RealKinds, ManyThreadsShareOneChannel) {
  RawService service;
  ServedRaw served(runtime(), service);
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        const std::string text = std::to_string(t) + "/" + std::to_string(i);
        const Chain request = bytes(text);
        if (text_of(served.unary(request).get()) == text) ++right;
        auto stream = served.bidi();
        if (stream.write(request).get().ok()) {
          const Read<Chain> echo = stream.read().get();
          if (echo && echo->to_string() == text && stream.finish().get().ok()) ++right;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 800);
}

// What one thread does one after the other happens in that order, also while another thread leads the loop
// now and then: no operation overtakes the end of the one before.
TEST_P(RealKinds, OperationsOfOneStreamKeepTheirOrderOnABusyLoop) {
  RawService service;
  ServedRaw served(runtime(), service);
  const auto stream_messages = [&](int streams) {
    int wrong = 0;
    const Chain message = bytes("m");
    for (int i = 0; i < streams; ++i) {
      auto stream = served.bidi();
      for (int k = 0; k < 20; ++k) {
        wrong += !stream.write(message).get().ok();
        wrong += !stream.write(message).start().get().ok();
        wrong += !stream.read().get() + !stream.read().start().get();
      }
      wrong += !stream.finish().get().ok();
    }
    return wrong;
  };
  std::vector<std::future<int>> threads;
  for (int t = 0; t < 3; ++t) threads.push_back(std::async(std::launch::async, stream_messages, 30));
  for (std::future<int>& thread : threads) EXPECT_EQ(thread.get(), 0);
}

// Channels whose loops differ, where there are two.
TEST_P(RealKinds, ChannelsOnEveryLoopReachTheServer) {
  RawService service;
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  std::vector<bool> seen(runtime().loops().size());
  const Chain request = bytes("m");
  for (int i = 0; i < 32; ++i) {
    const std::string address = "pipe:c" + std::to_string(i);
    ASSERT_EQ(server.serve(runtime().listen(address).value()), Status());
    const Channel channel = dial(runtime(), address).value();
    for (std::size_t l = 0; l < seen.size(); ++l) {
      if (&channel.base().loop() == runtime().loops()[l]) seen[l] = true;
    }
    EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "m");
  }
  EXPECT_EQ(seen, std::vector<bool>(seen.size(), true));
}

Task<int> calls_from_this_loop(std::vector<Channel>& channels) {
  int right = 0;
  const Chain request = bytes("m");
  for (Channel& channel : channels) {
    for (int i = 0; i < 20; ++i) {
      const Result<Chain> reply = co_await channel.invoke(kUnary, request);
      right += text_of(reply) == "m";
      Call<Chain> call = channel.invoke(kUnary, request).start();
      const Result<Chain> started = co_await call;
      right += text_of(started) == "m";
      auto stream = bidi(channel);
      const Status written = co_await stream.write(request, {.last = true});
      const Read<Chain> echo = co_await stream.read();
      const Status status = co_await stream.finish();
      right += written.ok() && echo && status.ok();
    }
  }
  co_return right;
}

TEST_P(RealKinds, CoroutineOfOneLoopCallsOnChannelsOfOthers) {
  RawService service;
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  std::vector<Channel> channels;
  for (int i = 0; i < 8; ++i) {
    const std::string address = "pipe:c" + std::to_string(i);
    ASSERT_EQ(server.serve(runtime().listen(address).value()), Status());
    channels.push_back(dial(runtime(), address).value());
  }
  EXPECT_EQ(runtime().run(calls_from_this_loop(channels)), 8 * 20 * 3);
}

TEST(Runtimes, MeetOnASharedMemoryNetwork) {
  auto network = std::make_shared<net::MemoryNetwork>();
  support::LogCollector log;
  Runtime server_runtime({.threads = 1, .log = log.sink(), .memory_network = network});
  Runtime client_runtime({.log = log.sink(), .memory_network = network});
  {
    RawService service;
    Server server(server_runtime);
    ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
    ASSERT_EQ(server.serve(server_runtime.listen("pipe:shared").value()), Status());
    const Channel channel = dial(client_runtime, "pipe:shared").value();
    for (const std::size_t size : {std::size_t{10}, std::size_t{1} << 20}) {
      const Chain request = pattern(size);
      for (int i = 0; i < 10; ++i) {
        const Result<Chain> reply = channel.invoke(kUnary, request).get();
        ASSERT_TRUE(reply.ok()) << reply.status();
        EXPECT_TRUE(reply->to_string() == request.to_string());
      }
    }
  }
  // What one has left to do may wait for the other.
  for (int i = 0; i < 100; ++i) support::live_on_loops(server_runtime), client_runtime.poll();
  support::expect_idle(client_runtime);
  support::expect_idle(server_runtime);
  EXPECT_EQ(log.at(LogLevel::kError), std::vector<std::string>());
}

}  // namespace
}  // namespace sluice::e2e
