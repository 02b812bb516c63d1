// Clients' interceptors that start a call several times: retries until success, deadline or cancellation, and
// what the caller of a stream sees of them.
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "e2e/interceptor_kit.h"
#include "sluice/async/scope.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

class Attempts : public support::RuntimeTest {
 protected:
  ServedRaw served(RawService& service, InterceptorChain<ClientInterceptor> interceptors) {
    support::Served::Options options;
    options.channel.interceptors = std::move(interceptors);
    return ServedRaw(runtime(), service, std::move(options));
  }
};
INSTANTIATE_TEST_SUITE_P(All, Attempts, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

TEST_P(Attempts, RetryRepeatsEveryKindUntilSuccess) {
  for (int kind = 0; kind < 4; ++kind) {
    Shaky service(2);
    Retry retry(5);
    ServedRaw served = this->served(service, {retry});
    const Chain request = bytes("x");
    switch (kind) {
      case 0:
        EXPECT_EQ(text_of(served.unary(request).get()), "x");
        break;
      case 1: {
        auto stream = served.reply_stream(request);
        EXPECT_EQ(stream.wait_header().get(), Status());
        int replies = 0;
        for (Chain reply; stream.read_into(reply).get(); ++replies) EXPECT_EQ(reply.to_string(), "x");
        EXPECT_EQ(replies, 3);
        EXPECT_EQ(stream.finish().get(), Status());
        break;
      }
      case 2: {
        auto stream = served.request_stream();
        for (int i = 0; i < 3; ++i) EXPECT_EQ(stream.write(request).get(), Status());
        EXPECT_EQ(text_of(stream.finish().get()), "xxx");
        break;
      }
      case 3: {
        auto stream = served.bidi();
        for (int i = 0; i < 3; ++i) EXPECT_EQ(stream.write(request).get(), Status());
        EXPECT_EQ(stream.close_write().get(), Status());
        int replies = 0;
        for (Chain reply; stream.read_into(reply).get(); ++replies) EXPECT_EQ(reply.to_string(), "x");
        EXPECT_EQ(replies, 3);
        EXPECT_EQ(stream.finish().get(), Status());
        break;
      }
    }
    EXPECT_EQ(service.calls, 3) << kind;
    EXPECT_EQ(service.seen.take(), (Lines{"1", "2", "3"})) << kind;
  }
}

TEST_P(Attempts, RetryGivesUpAfterItsAttempts) {
  Shaky service(100);
  Retry retry(3);
  ServedRaw served = this->served(service, {retry});
  EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "UNAVAILABLE: not yet");
  EXPECT_EQ(service.calls, 3);
}

TEST_P(Attempts, OuterRetryStartsTheInnerInterceptorsAnew) {
  Shaky service(2);
  Retry retry(5);
  Journal journal;
  NotingClient inner("i", journal);
  ServedRaw served = this->served(service, {retry, inner});
  EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "x");
  EXPECT_EQ(journal.take(),
            (Lines{"i begins", "i headers", "i ends UNAVAILABLE: not yet", "i begins", "i headers",
                   "i ends UNAVAILABLE: not yet", "i begins", "i headers", "i ends OK"}));
}

TEST_P(Attempts, RetryStopsAtTheDeadline) {
  Shaky service(1'000'000);
  Retry retry(1'000'000, 10ms);
  ServedRaw served = this->served(service, {retry});
  EXPECT_EQ(served.unary(bytes("x"), {.timeout = 35ms}).get().status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_GE(service.calls, 1);
  EXPECT_LE(service.calls, 4);
  auto stream = served.bidi({.timeout = 35ms});
  EXPECT_FALSE(stream.read().get());
  EXPECT_EQ(stream.finish().get().code(), StatusCode::kDeadlineExceeded);
  EXPECT_LE(service.calls, 8);
}

TEST_P(Attempts, RetryStopsWhenTheCallIsCancelled) {
  Shaky service(1'000'000);
  Retry retry(1'000'000, 1h);
  ServedRaw served = this->served(service, {retry});
  const Context context = Context().with_cancel();
  const Chain request = bytes("x");
  Call<Chain> by_call = served.unary(request).start();
  Call<Chain> by_context = served.unary(request, {.context = &context}).start();
  auto stream = served.bidi();
  { Call<Chain> dropped = served.unary(request).start(); }
  { auto dropped = served.bidi(); }
  by_call.cancel();
  context.cancel("changed my mind");
  stream.cancel();
  EXPECT_EQ(text_of(by_call.get()), "CANCELLED: call cancelled");
  EXPECT_EQ(text_of(by_context.get()), "CANCELLED: changed my mind");
  EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
}

TEST_P(Attempts, StreamIsNotRepeatedOnceTheCallerHasSeenAMessage) {
  class FailsLate : public RawService {
   public:
    Task<Status> reply_stream(ServerContext&, const Chain& request, ServerWriter<Chain>& writer) override {
      ++calls;
      if (Status s = co_await writer.write(request); !s.ok()) co_return s;
      co_return {StatusCode::kUnavailable, "in the middle"};
    }
    std::atomic<int> calls = 0;
  };
  FailsLate service;
  Retry retry(5);
  ServedRaw served = this->served(service, {retry});
  auto stream = served.reply_stream(bytes("x"));
  EXPECT_TRUE(stream.read().get());
  EXPECT_FALSE(stream.read().get());
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kUnavailable, "in the middle"));
  EXPECT_EQ(service.calls, 1);
}

TEST_P(Attempts, WritesThatAreNotKeptCannotBeRepeated) {
  class Stubborn : public ClientInterceptor {
   public:
    Task<Status> intercept(ClientInvocation& call) override {
      Status first = co_await call.next();
      restartable = call.can_restart();
      co_return co_await call.next();
    }
    std::atomic<bool> restartable = true;
  };
  class ReadsAndFails : public RawService {
   public:
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      (void)co_await stream.read();
      co_return {StatusCode::kUnavailable, "thank you"};
    }
  };
  ReadsAndFails service;
  Stubborn stubborn;
  ServedRaw served = this->served(service, {stubborn});
  auto stream = served.bidi();
  EXPECT_EQ(stream.write(bytes("x")).get(), Status());
  EXPECT_FALSE(stream.read().get());
  EXPECT_EQ(stream.finish().get(),
            Status(StatusCode::kFailedPrecondition,
                   "the call cannot start again: of what its caller wrote 0 bytes are kept"));
  EXPECT_FALSE(stubborn.restartable);
}

// A stream that goes on where it broke off, by a request of the interceptor's own.
// The server's RESOURCE_EXHAUSTED says nothing of the message that waits to be sent.
TEST_P(Attempts, WriteThatTheServersStatusCutOffIsSentAgain) {
  class Exhausted : public RawService {
   public:
    Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
      if (++calls == 1) {
        (void)co_await sleep(20ms);
        co_return Status(StatusCode::kResourceExhausted, "no memory");
      }
      std::string sizes;
      Chain request;
      while (co_await reader.read_into(request)) sizes += std::to_string(request.size()) + " ";
      co_return bytes(sizes);
    }
    std::atomic<int> calls = 0;
  };
  class Persistent : public ClientInterceptor {
   public:
    Task<Status> intercept(ClientInvocation& call) override {
      call.keep_writes(100 << 20);
      Status status = co_await call.next();
      if (status.code() == StatusCode::kResourceExhausted) status = co_await call.next();
      co_return status;
    }
  };
  Exhausted service;
  Persistent persistent;
  ServedRaw served = this->served(service, {persistent});
  auto stream = served.request_stream();
  // More than the window: the last one waits.
  for (const std::size_t size : {4'000'000u, 4'000'001u, 4'000'002u}) {
    EXPECT_EQ(stream.write(pattern(size)).get(), Status());
  }
  EXPECT_EQ(text_of(stream.finish().get()), "4000000 4000001 4000002 ");
  EXPECT_EQ(service.calls, 2);
}

TEST_P(Attempts, ReplyStreamMayGoOnAfterItsLastMessage) {
  class Counts : public RawService {
   public:
    Task<Status> reply_stream(ServerContext&, const Chain& request, ServerWriter<Chain>& writer) override {
      const int from = std::stoi(request.to_string());
      for (int i = from; i < from + 3; ++i) {
        if (i == 8) co_return Status();
        const Chain reply = bytes(std::to_string(i));
        if (Status s = co_await writer.write(reply); !s.ok()) co_return s;
      }
      co_return {StatusCode::kUnavailable, "server is restarting"};
    }
  };
  class Resuming : public ClientInterceptor {
   public:
    Task<Status> intercept(ClientInvocation& call) override {
      struct Last : MessageFilter {
        Status on_reply(Message& reply) override {
          seen = std::stoi(content_of(reply));
          return {};
        }
        int seen = -1;
      } last;
      for (;;) {
        Status status = co_await call.next(last);
        if (status.code() != StatusCode::kUnavailable) co_return status;
        call.request() = Message(bytes(std::to_string(last.seen + 1)));
      }
    }
  };
  Counts service;
  Resuming resuming;
  ServedRaw served = this->served(service, {resuming});
  auto stream = served.reply_stream(bytes("0"));
  std::string all;
  for (Chain reply; stream.read_into(reply).get();) all += reply.to_string();
  EXPECT_EQ(all, "01234567");
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(Attempts, InterceptorChangesMetadataAndDeadlineForWhatIsInside) {
  class Changing : public ClientInterceptor {
   public:
    Task<Status> intercept(ClientInvocation& call) override {
      had_deadline = call.deadline() != kNever;
      call.set_deadline(after(call.loop().now(), 1h));
      call.metadata().add("attempt", "changed");
      co_return co_await call.next();
    }
    std::atomic<bool> had_deadline = true;
  };
  class TellsDeadline : public RawService {
   public:
    Task<Result<Chain>> unary(ServerContext& context, const Chain&) override {
      co_return bytes(std::string(*context.metadata().get("attempt")) +
                      (context.deadline() == kNever ? " never" : " some day"));
    }
  };
  TellsDeadline service;
  Changing changing;
  ServedRaw served = this->served(service, {changing});
  EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "changed some day");
  EXPECT_FALSE(changing.had_deadline);
}

TEST_P(Attempts, CallerThatOnlyWritesLearnsOfTheEnd) {
  class Refuses : public RawService {
   public:
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      const Chain reply = bytes("no more, please");
      if (Status s = co_await stream.write(reply); !s.ok()) co_return s;
      co_return {StatusCode::kAborted, "enough"};
    }
  };
  Refuses service;
  Retry retry(3);
  ServedRaw served = this->served(service, {retry});
  for (int i = 0; i < 20; ++i) {
    auto stream = served.bidi();
    const Chain message = bytes("x");
    while (stream.write(message).get().ok()) {
    }
    EXPECT_EQ(stream.read().get()->to_string(), "no more, please");
    EXPECT_FALSE(stream.read().get());
    EXPECT_EQ(stream.finish().get(), Status(StatusCode::kAborted, "enough"));
  }
}

TEST_P(Attempts, ClosedChannelEndsWhatRetries) {
  Shaky service(1'000'000);
  Retry retry(1'000'000, 1ms);
  ServedRaw served = this->served(service, {retry});
  const Chain request = bytes("x");
  Call<Chain> call = served.unary(request).start();
  auto stream = served.bidi();
  served.channel().close();
  EXPECT_EQ(text_of(call.get()), "CANCELLED: channel is closed");
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kCancelled, "channel is closed"));
}

TEST_P(Attempts, CallsOfManyThreadsPassAtOnce) {
  Shaky service(10);
  Retry retry(20);
  ServedRaw served = this->served(service, {retry});
  const int threads = simulated() ? 1 : 4;
  std::vector<std::thread> running;
  std::atomic<int> right = 0;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        if (outcomes_of_all_kinds(served, "x") == Lines{"x", "x,x,x,OK", "xx", "x,x,OK"}) ++right;
        { auto dropped = served.bidi(); }
        { Call<Chain> dropped = served.unary(bytes("x")).start(); }
      }
    });
  }
  for (std::thread& t : running) t.join();
  EXPECT_EQ(right, 20 * threads);
}

// Fails whatever says so.
class FailsOnDemand : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
    if (request.to_string() == "fail") co_return {StatusCode::kUnavailable, "as asked"};
    co_return Chain(request);
  }
  Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>&) override {
    co_return {StatusCode::kUnavailable, "as always"};
  }
};

TEST_P(Attempts, CancelWakesAnInterceptorThatWaitsBetweenThem) {
  FailsOnDemand service;
  Retry retry(1'000'000, 1h);
  ServedRaw served = this->served(service, {retry});
  const Context context = Context().with_cancel();
  const Chain fail = bytes("fail");
  const TimePoint begin = runtime().now();
  Call<Chain> by_call = served.unary(fail).start();
  Call<Chain> by_context = served.unary(fail, {.context = &context}).start();
  Call<Chain> dropped = served.unary(fail).start();
  auto stream = served.bidi();
  auto dropped_stream = served.bidi();
  // Answered after those before it: they wait now, or are about to.
  for (int i = 0; i < 5; ++i) EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "x");
  by_call.cancel();
  context.cancel("changed my mind");
  stream.cancel();
  { Call<Chain> gone = std::move(dropped); }
  { auto gone = std::move(dropped_stream); }
  EXPECT_EQ(text_of(by_call.get()), "CANCELLED: call cancelled");
  EXPECT_EQ(text_of(by_context.get()), "CANCELLED: changed my mind");
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kCancelled, "call cancelled"));
  EXPECT_LT(runtime().now() - begin, 1h);
}

TEST_P(Attempts, InterceptorThatWaitsAfterTheCallWasCancelledIsWoken) {
  class Slow : public ClientInterceptor {
   public:
    Task<Status> intercept(ClientInvocation& call) override {
      const Status status = co_await call.next();
      (void)co_await sleep(1h, call.context());
      co_return status;
    }
  };
  RawService service;
  Slow slow;
  ServedRaw served = this->served(service, {slow});
  const TimePoint begin = runtime().now();
  auto stream = served.bidi();
  EXPECT_EQ(stream.write(bytes("x")).get(), Status());
  EXPECT_TRUE(stream.read().get());
  stream.cancel();
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kCancelled, "call cancelled"));
  EXPECT_LT(runtime().now() - begin, 1h);
}

TEST_P(Attempts, DeadlineWakesAnInterceptorThatWaitsBetweenThem) {
  FailsOnDemand service;
  Retry retry(1'000'000, 1h);
  ServedRaw served = this->served(service, {retry});
  const TimePoint begin = runtime().now();
  EXPECT_EQ(served.unary(bytes("fail"), {.timeout = 20ms}).get().status().code(),
            StatusCode::kDeadlineExceeded);
  EXPECT_LT(runtime().now() - begin, 1h);
}

TEST_P(Attempts, DroppedStreamWithAnUnreadMessageEnds) {
  class WritesAndWaits : public RawService {
   public:
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      const Chain reply = bytes("unread");
      if (Status s = co_await stream.write(reply); !s.ok()) co_return s;
      (void)co_await stream.read();
      co_return Status();
    }
  };
  WritesAndWaits service;
  Retry retry(3);
  ServedRaw served = this->served(service, {retry});
  for (int i = 0; i < 10; ++i) {
    auto stream = served.bidi();
    ASSERT_EQ(stream.wait_header().get(), Status());
    // Time for the message to come after the header.
    auto other = served.bidi();
    ASSERT_TRUE(other.read().get());
  }
}

TEST_P(Attempts, MessageRefusedInOneAttemptDoesNotFailTheNext) {
  class SecondThoughts : public ClientInterceptor {
   public:
    Task<Status> intercept(ClientInvocation& call) override {
      struct Refuse : MessageFilter {
        Status on_reply(Message&) override { return {StatusCode::kDataLoss, "not this one"}; }
      } refuse;
      first = (co_await call.next(refuse)).code();
      co_return co_await call.next();
    }
    std::atomic<StatusCode> first = StatusCode::kOk;
  };
  RawService service;
  SecondThoughts interceptor;
  ServedRaw served = this->served(service, {interceptor});
  auto stream = served.reply_stream(bytes("x"));
  int replies = 0;
  for (Chain reply; stream.read_into(reply).get();) ++replies;
  EXPECT_EQ(replies, 3);
  EXPECT_EQ(stream.finish().get(), Status());
  EXPECT_EQ(interceptor.first, StatusCode::kDataLoss);
}

// The outermost interceptor ends while a coroutine that it has left behind still runs the call.
TEST_P(Attempts, InterceptorThatLeavesItsNextBehindEndsWithIt) {
  class Leaving : public ClientInterceptor {
   public:
    Task<Status> intercept(ClientInvocation& call) override {
      if (!scope_) scope_.emplace(call.loop());
      (void)scope_->spawn(go_on(call));
      co_return {StatusCode::kAborted, "left"};
    }
    std::atomic<int> went_on = 0;

   private:
    Task<void> go_on(ClientInvocation& call) {
      const Status status = co_await call.next();
      if (status.ok()) ++went_on;
    }
    std::optional<Scope> scope_;
  };
  RawService service;
  Leaving leaving;
  ServedRaw served = this->served(service, {leaving});
  EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "ABORTED: left");
  auto stream = served.bidi();
  ASSERT_EQ(stream.write(bytes("x")).get(), Status());
  ASSERT_EQ(stream.read().get()->to_string(), "x");
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kAborted, "left"));
  EXPECT_EQ(leaving.went_on, 2);
}

}  // namespace
}  // namespace sluice::e2e
