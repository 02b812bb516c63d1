// Cancellation, by the client in each of its ways, and by the server.
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

class Cancellation : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, Cancellation, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

// Every method says "started" in some way and then waits until its call is over.
class Waiting final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain&) override {
    const Status status = co_await until_cancelled(context);
    co_return status;
  }
  Task<Status> reply_stream(ServerContext& context, const Chain& request,
                            ServerWriter<Chain>& writer) override {
    if (Status status = co_await writer.write(request); !status.ok()) co_return status;
    co_return co_await until_cancelled(context);
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    Chain request;
    Status cut;
    while (co_await stream.read_into(request, cut)) {
      if (Status status = co_await stream.write(request); !status.ok()) co_return status;
    }
    reads_ended_cancelled = context.cancelled();
    co_return co_await until_cancelled(context);
  }

  std::atomic<int> woken = 0;
  std::atomic<bool> reads_ended_cancelled = false;
  Status why;

 private:
  Task<Status> until_cancelled(ServerContext& context) {
    Status status = co_await sleep(1h, context.context());
    why = context.context().status();
    if (context.cancelled()) ++woken;
    co_return status;
  }
};

TEST_P(Cancellation, OfAStartedCallReachesTheHandler) {
  Waiting service;
  const Chain request = bytes("m");
  {
    ServedRaw served(runtime(), service);
    // On the wire before it is cancelled.
    auto stream = served.reply_stream(request);
    ASSERT_TRUE(stream.read().get());
    Call<Chain> call = served.unary(request).start();
    const Chain other = bytes("x");
    auto ping = served.bidi();
    ASSERT_EQ(ping.write(other).get(), Status());
    ASSERT_TRUE(ping.read().get());
    call.cancel();
    call.cancel();
    EXPECT_EQ(call.get().status().code(), StatusCode::kCancelled);
    stream.cancel();
    EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
  }
  EXPECT_GE(service.woken, 2) << "and the stream that was dropped";
}

TEST_P(Cancellation, OfAStreamEndsItsOperations) {
  Waiting service;
  const Chain request = bytes("m");
  {
    ServedRaw served(runtime(), service);
    auto stream = served.bidi();
    ASSERT_EQ(stream.write(request).get(), Status());
    ASSERT_TRUE(stream.read().get());
    Call<Read<Chain>> read = stream.read().start();
    stream.cancel();
    EXPECT_FALSE(read.get());
    EXPECT_EQ(stream.write(request).get().code(), StatusCode::kCancelled);
    EXPECT_FALSE(stream.read().get());
    EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
    stream.cancel();
    EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled) << "once more is the same";
  }
  EXPECT_EQ(service.woken, 1);
  EXPECT_TRUE(service.reads_ended_cancelled);
  EXPECT_EQ(service.why.code(), StatusCode::kCancelled);
}

TEST_P(Cancellation, DroppedStreamIsCancelled) {
  Waiting service;
  const Chain request = bytes("m");
  {
    ServedRaw served(runtime(), service);
    for (int i = 0; i < 3; ++i) {
      auto stream = served.bidi();
      ASSERT_EQ(stream.write(request).get(), Status());
      ASSERT_TRUE(stream.read().get());
    }
  }
  EXPECT_EQ(service.woken, 3);
}

TEST_P(Cancellation, DroppedCallIsCancelled) {
  Waiting service;
  const Chain request = bytes("m");
  {
    ServedRaw served(runtime(), service);
    auto witness = served.bidi();
    { Call<Chain> call = served.unary(request).start(); }
    {
      Call<Chain> call = served.unary(request).start();
      // Its request has been sent when the witness's answer is here, for it went before.
      ASSERT_EQ(witness.write(request).get(), Status());
      ASSERT_TRUE(witness.read().get());
    }
    ASSERT_EQ(witness.write(request).get(), Status());
    ASSERT_TRUE(witness.read().get());
  }
  EXPECT_GE(service.woken, 2) << "the call that was on its way, and the witness";
}

TEST_P(Cancellation, OfAContextEndsEveryCallThatHasIt) {
  Waiting service;
  const Chain request = bytes("m");
  {
    ServedRaw served(runtime(), service);
    const Context parent = Context().with_cancel();
    const Context child = parent.with_cancel();
    Call<Chain> call = served.unary(request, {.context = &child}).start();
    auto stream = served.bidi({.context = &parent});
    ASSERT_EQ(stream.write(request).get(), Status());
    ASSERT_TRUE(stream.read().get());
    parent.cancel("the user went away");
    EXPECT_EQ(call.get().status(), Status(StatusCode::kCancelled, "the user went away"));
    EXPECT_FALSE(stream.read().get());
    EXPECT_EQ(stream.finish().get(), Status(StatusCode::kCancelled, "the user went away"));
    // Calls that begin later with it end at once.
    EXPECT_EQ(served.unary(request, {.context = &child}).get().status(),
              Status(StatusCode::kCancelled, "the user went away"));
    auto later = served.bidi({.context = &parent});
    EXPECT_EQ(later.finish().get(), Status(StatusCode::kCancelled, "the user went away"));
  }
  EXPECT_GE(service.woken, 1);
}

TEST_P(Cancellation, OfACallThatHasEndedChangesNothing) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  const Context context = Context().with_cancel();
  Call<Chain> call = served.unary(request, {.context = &context}).start();
  EXPECT_EQ(text_of(call.get()), "m");
  call.cancel();
  auto stream = served.bidi({.context = &context});
  EXPECT_EQ(stream.finish().get(), Status());
  stream.cancel();
  context.cancel();
  EXPECT_EQ(stream.finish().get(), Status());
  EXPECT_EQ(text_of(served.unary(request).get()), "m");
}

TEST_P(Cancellation, BeforeThereIsAConnectionSendsNothing) {
  auto listener = runtime().listen("pipe:deaf").value();
  Channel channel = dial(runtime(), "pipe:deaf").value();
  const Chain request = bytes("m");
  Call<Chain> call = channel.invoke(kUnary, request).start();
  auto stream = bidi(channel);
  Call<Status> write = stream.write(request).start();
  call.cancel();
  stream.cancel();
  EXPECT_EQ(write.get().code(), StatusCode::kCancelled);
  EXPECT_EQ(call.get().status().code(), StatusCode::kCancelled);
  EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
}

TEST_P(Cancellation, ServerCancelsByItsStatus) {
  struct Impl final : RawService {
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      (void)co_await stream.read();
      co_return Status(StatusCode::kCancelled, "not today");
    }
  } service;
  ServedRaw served(runtime(), service);
  auto stream = served.bidi();
  const Chain request = bytes("m");
  EXPECT_EQ(stream.write(request).get(), Status());
  EXPECT_FALSE(stream.read().get());
  EXPECT_EQ(stream.write(request).get().code(), StatusCode::kCancelled);
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kCancelled, "not today"));
}

TEST_P(Cancellation, ClosedServerCancelsHandlersAndFailsCalls) {
  Waiting service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  auto stream = served.bidi();
  ASSERT_EQ(stream.write(request).get(), Status());
  ASSERT_TRUE(stream.read().get());
  served.server().close();
  served.server().close();
  EXPECT_FALSE(stream.read().get());
  const Status status = stream.finish().get();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
  served.end_server();
  EXPECT_EQ(service.woken, 1);
}

TEST_P(Cancellation, ClosedChannelCancelsItsCalls) {
  Waiting service;
  {
    ServedRaw served(runtime(), service);
    const Chain request = bytes("m");
    auto stream = served.bidi();
    ASSERT_EQ(stream.write(request).get(), Status());
    ASSERT_TRUE(stream.read().get());
    served.channel().close();
    served.channel().close();
    EXPECT_FALSE(stream.read().get());
    EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
  }
  EXPECT_EQ(service.woken, 1);
}

TEST_P(Cancellation, HandlerOfACancelledCallCancelsTheCallsItMade) {
  Waiting back_service;
  ServedRaw back(runtime(), back_service, {.address = "pipe:back"});
  struct Front final : RawService {
    explicit Front(ServedRaw& b) : back(b) {}
    Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
      auto inner = back.bidi({.context = &context.context()});
      Chain message;
      Status cut;
      while (co_await stream.read_into(message, cut)) {
        if (Status status = co_await inner.write(message); !status.ok()) co_return status;
        if (!co_await inner.read_into(message)) break;
        if (Status status = co_await stream.write(message); !status.ok()) co_return status;
      }
      inner_status = co_await inner.finish();
      co_return inner_status;
    }
    ServedRaw& back;
    Status inner_status;
  } front_service(back);
  {
    ServedRaw front(runtime(), front_service, {.address = "pipe:front"});
    auto stream = front.bidi();
    const Chain request = bytes("m");
    ASSERT_EQ(stream.write(request).get(), Status());
    ASSERT_TRUE(stream.read().get());
    stream.cancel();
    EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
  }
  EXPECT_EQ(front_service.inner_status.code(), StatusCode::kCancelled);
  back.end_server();
  EXPECT_EQ(back_service.woken, 1);
}

class CancellationByThreads : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(Real, CancellationByThreads, ::testing::ValuesIn(support::kRealRuntimes),
                         support::name_of);

TEST_P(CancellationByThreads, ContextCancelledElsewhereEndsABlockedGet) {
  Waiting service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  for (int i = 0; i < 50; ++i) {
    const Context context = Context().with_cancel();
    std::thread canceller([&context] { context.cancel("elsewhere"); });
    EXPECT_EQ(served.unary(request, {.context = &context}).get().status(),
              Status(StatusCode::kCancelled, "elsewhere"));
    canceller.join();
  }
}

TEST_P(CancellationByThreads, StreamCancelledElsewhereEndsABlockedRead) {
  Waiting service;
  ServedRaw served(runtime(), service);
  for (int i = 0; i < 50; ++i) {
    auto stream = served.bidi();
    std::thread canceller([&stream] { stream.cancel(); });
    EXPECT_FALSE(stream.read().get());
    canceller.join();
    EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
  }
}

TEST_P(CancellationByThreads, CallsThatRaceWithTheirCancellationEndOnce) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  int ended = 0;
  for (int i = 0; i < 200; ++i) {
    const Context context = Context().with_cancel();
    std::thread canceller([&context] { context.cancel(); });
    const Result<Chain> reply = served.unary(request, {.context = &context}).get();
    if (reply.ok() || reply.status().code() == StatusCode::kCancelled) ++ended;
    canceller.join();
  }
  EXPECT_EQ(ended, 200);
}

}  // namespace
}  // namespace sluice::e2e
