// Timeouts and deadlines: where they come from, how they travel, and what both sides do when they pass.
#include <chrono>
#include <string>

#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

class Deadlines : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, Deadlines, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

class DeadlinesInVirtualTime : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(Simulated, DeadlinesInVirtualTime, ::testing::ValuesIn(support::kSimulatedRuntimes),
                         support::name_of);

// Waits for an hour or for its call's end, and notes what it saw.
class Patient final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain&) override {
    note_start(context);
    slept = co_await sleep(1h, context.context());
    note_end(context);
    co_return slept;
  }
  Task<Status> reply_stream(ServerContext& context, const Chain&, ServerWriter<Chain>&) override {
    note_start(context);
    slept = co_await sleep(1h, context.context());
    note_end(context);
    co_return slept;
  }
  // Ignores its context: reads until there is no more.
  Task<Result<Chain>> request_stream(ServerContext& context, ServerReader<Chain>& reader) override {
    note_start(context);
    Chain request;
    Status cut;
    while (co_await reader.read_into(request, cut)) ++messages;
    note_end(context);
    co_return Chain();
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    note_start(context);
    Chain request;
    Status cut;
    while (co_await stream.read_into(request, cut)) ++messages;
    const Chain reply = bytes("too late");
    written = co_await stream.write(reply);
    note_end(context);
    co_return written;
  }

  int started = 0;
  int ended = 0;
  int messages = 0;
  TimePoint deadline{};
  TimePoint ended_at{};
  bool cancelled = false;
  Status slept;
  Status written;

 private:
  void note_start(ServerContext& context) {
    ++started;
    deadline = context.deadline();
  }
  void note_end(ServerContext& context) {
    ++ended;
    cancelled = context.cancelled();
    ended_at = context.loop().now();
  }
};

TEST_P(Deadlines, CallThatHasExpiredIsNeverSent) {
  Patient service;
  const Chain request = bytes("m");
  {
    ServedRaw served(runtime(), service);
    for (const Duration timeout : {Duration(0), Duration(-1s), Duration::min()}) {
      EXPECT_EQ(served.unary(request, {.timeout = timeout}).get().status().code(),
                StatusCode::kDeadlineExceeded);
      auto stream = served.bidi({.timeout = timeout});
      EXPECT_FALSE(stream.read().get());
      EXPECT_EQ(stream.finish().get().code(), StatusCode::kDeadlineExceeded);
    }
    EXPECT_EQ(served.unary(request, {.deadline = runtime().now() - 1ns}).get().status().code(),
              StatusCode::kDeadlineExceeded);
    const Context past = Context().with_deadline(runtime().now() - 1ns);
    EXPECT_EQ(served.unary(request, {.context = &past}).get().status().code(), StatusCode::kDeadlineExceeded);
  }
  EXPECT_EQ(service.started, 0);
}

TEST_P(Deadlines, CallThatExpiresInFlightEndsOnBothSides) {
  Patient service;
  const Chain request = bytes("m");
  {
    ServedRaw served(runtime(), service);
    const Status status = served.unary(request, {.timeout = 5ms}).get().status();
    EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded) << status;
  }
  EXPECT_LE(service.started, 1);
  EXPECT_EQ(service.started, service.ended) << "the handler ran to its end";
  if (service.started == 1) {
    EXPECT_TRUE(service.cancelled);
    EXPECT_FALSE(service.slept.ok()) << "it was woken";
  }
}

TEST_P(Deadlines, StreamsOfEveryKindExpire) {
  Patient service;
  const Chain request = bytes("m");
  ServedRaw served(runtime(), service);
  auto replies = served.reply_stream(request, {.timeout = 5ms});
  EXPECT_FALSE(replies.read().get());
  EXPECT_EQ(replies.finish().get().code(), StatusCode::kDeadlineExceeded);

  auto requests = served.request_stream({.timeout = 5ms});
  (void)requests.write(request).get();
  // finish() would half-close, and the handler answer: the deadline must come first.
  EXPECT_EQ(requests.wait_header().get().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(requests.write(request).get().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(requests.finish().get().status().code(), StatusCode::kDeadlineExceeded);

  auto both = served.bidi({.timeout = 5ms});
  EXPECT_FALSE(both.read().get());
  EXPECT_EQ(both.finish().get().code(), StatusCode::kDeadlineExceeded);
}

TEST_P(Deadlines, HandlerThatIgnoresItsContextFindsReadsAndWritesAtTheirEnd) {
  Patient service;
  const Chain request = bytes("m");
  {
    ServedRaw served(runtime(), service);
    auto stream = served.bidi({.timeout = 20ms});
    EXPECT_EQ(stream.write(request).get(), Status());
    EXPECT_FALSE(stream.read().get());
    EXPECT_EQ(stream.finish().get().code(), StatusCode::kDeadlineExceeded);
  }
  ASSERT_EQ(service.started, 1);
  EXPECT_EQ(service.ended, 1);
  EXPECT_EQ(service.messages, 1);
  EXPECT_TRUE(service.cancelled);
  EXPECT_EQ(service.written.code(), StatusCode::kCancelled) << service.written;
}

TEST_P(Deadlines, DeadlineAfterTheCallHasEndedIsHarmless) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(text_of(served.unary(request, {.timeout = 1h}).get()), "m");
    auto stream = served.bidi({.timeout = 1h});
    ASSERT_EQ(stream.finish().get(), Status());
  }
  EXPECT_EQ(support::live_on_loops(runtime()).timers, 0) << "no timer waits for calls that have ended";
}

TEST_P(DeadlinesInVirtualTime, TravelsOnTheWireWithinAMillionth) {
  Patient service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  for (const Duration timeout :
       {Duration(1ms), Duration(99ms), Duration(2s), Duration(1min), Duration(30min)}) {
    const TimePoint begin = runtime().now();
    EXPECT_EQ(served.unary(request, {.timeout = timeout}).get().status().code(),
              StatusCode::kDeadlineExceeded);
    EXPECT_EQ(runtime().now() - begin, timeout) << "the client waited exactly that long";
    EXPECT_GE(service.deadline, begin + timeout) << "the wire rounds up";
    EXPECT_LE(service.deadline - begin, timeout + timeout / 1'000'000 + 1us);
  }
}

TEST_P(DeadlinesInVirtualTime, EarliestOfTimeoutDeadlineAndContextWins) {
  Patient service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  for (int first = 0; first < 3; ++first) {
    const TimePoint begin = runtime().now();
    const Duration spans[3] = {first == 0 ? 1s : 10s, first == 1 ? 1s : 20s, first == 2 ? 1s : 30s};
    const Context context = Context().with_deadline(begin + spans[2]);
    const Status status =
        served.unary(request, {.context = &context, .timeout = spans[0], .deadline = begin + spans[1]})
            .get()
            .status();
    EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
    EXPECT_EQ(runtime().now() - begin, 1s) << "case " << first;
  }
}

TEST_P(DeadlinesInVirtualTime, ServerEnforcesItByItself) {
  Patient service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  const TimePoint begin = runtime().now();
  EXPECT_EQ(served.unary(request, {.timeout = 3s}).get().status().code(), StatusCode::kDeadlineExceeded);
  served.end_server();
  ASSERT_EQ(service.ended, 1);
  EXPECT_EQ(service.ended_at - begin, 3s) << "the handler was told at once, not after its hour";
}

TEST_P(DeadlinesInVirtualTime, HandlerPassesItsDeadlineOn) {
  Patient back_service;
  ServedRaw back(runtime(), back_service, {.address = "pipe:back"});
  struct Front final : RawService {
    explicit Front(ServedRaw& b) : back(b) {}
    Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
      Result<Chain> reply = co_await back.unary(request, {.context = &context.context()});
      inner = reply.status();
      co_return reply;
    }
    ServedRaw& back;
    Status inner;
  } front_service(back);
  const TimePoint begin = runtime().now();
  {
    ServedRaw front(runtime(), front_service, {.address = "pipe:front"});
    const Chain request = bytes("m");
    EXPECT_EQ(front.unary(request, {.timeout = 2s}).get().status().code(), StatusCode::kDeadlineExceeded);
  }
  EXPECT_EQ(back_service.started, 1);
  EXPECT_GE(back_service.deadline, begin + 2s);
  EXPECT_LE(back_service.deadline, begin + 2s + 1ms);
  EXPECT_FALSE(front_service.inner.ok());
}

TEST_P(DeadlinesInVirtualTime, CallThatWaitsForItsTurnExpires) {
  Patient service;
  ServedRaw served(runtime(), service, {.server = {.max_concurrent_streams = 1}});
  const Chain request = bytes("m");
  Call<Chain> running = served.unary(request, {.timeout = 10s}).start();
  const TimePoint begin = runtime().now();
  // Two wait behind it; one of them gives up earlier.
  Call<Chain> later = served.unary(request, {.timeout = 5s}).start();
  Call<Chain> earlier = served.unary(request, {.timeout = 1s}).start();
  EXPECT_EQ(earlier.get().status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(runtime().now() - begin, 1s);
  EXPECT_EQ(later.get().status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(runtime().now() - begin, 5s);
  EXPECT_EQ(running.get().status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(runtime().now() - begin, 10s);
  EXPECT_EQ(service.started, 1) << "those that waited were never sent";
}

TEST_P(DeadlinesInVirtualTime, CallThatWaitsForAConnectionExpires) {
  // Somebody listens, and never accepts.
  auto listener = runtime().listen("pipe:deaf").value();
  Channel channel = dial(runtime(), "pipe:deaf").value();
  const Chain request = bytes("m");
  const TimePoint begin = runtime().now();
  EXPECT_EQ(channel.invoke(kUnary, request, {.timeout = 2s}).get().status().code(),
            StatusCode::kDeadlineExceeded);
  EXPECT_EQ(runtime().now() - begin, 2s);
}

TEST_P(DeadlinesInVirtualTime, FarthestDeadlinesAreNone) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  for (const Duration timeout : {kNoTimeout, Duration(kNoTimeout - 1ns), Duration(24h * 365 * 200)}) {
    EXPECT_EQ(text_of(served.unary(request, {.timeout = timeout}).get()), "m");
  }
  EXPECT_EQ(text_of(served.unary(request, {.deadline = kNever - 1ns}).get()), "m");
}

}  // namespace
}  // namespace sluice::e2e
