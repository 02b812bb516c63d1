// What streaming handlers need beyond read and write: ends that are told from cuts, statuses while an
// operation waits, reads that lose, the server's drain, and use after the end.
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "support/raw_service.h"
#include "support/runtime_fixture.h"

#include "sluice/async/event.h"
#include "sluice/async/queue.h"
#include "sluice/async/task_scope.h"
#include "sluice/async/when.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

class StreamWords : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, StreamWords, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

// Takes an upload as a user would write it, and keeps it when it is whole.
struct Uploads final : RawService {
  Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
    const Ended ended(*this);
    std::size_t size = 0;
    while (auto chunk = co_await reader.read()) {
      size += chunk->size();
      started.set();
    }
    ++kept;
    co_return bytes(std::to_string(size));
  }
  Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
    const Ended ended(*this);
    Chain chunk;
    while (co_await stream.read_into(chunk)) started.set();
    ++kept;
    co_return Status();
  }
  struct Ended {
    explicit Ended(Uploads& u) : uploads(u) {}
    ~Ended() { ++uploads.ended; }
    Uploads& uploads;
  };
  Event started;
  std::atomic<int> kept = 0;
  std::atomic<int> ended = 0;
};

// Waits until `started` is set, on whatever loop.
Task<void> wait_for(Event& started) { EXPECT_EQ(co_await started.wait(60s), Status()); }

TEST_P(StreamWords, AHandlersLoopIsLeftWhereItsStreamIsCutOff) {
  Uploads service;
  const Chain chunk = bytes("chunk");
  {
    ServedRaw served(runtime(), service);
    auto whole = served.request_stream();
    ASSERT_EQ(whole.write(chunk).get(), Status());
    EXPECT_EQ(text_of(whole.finish().get()), "5");
    auto both = served.bidi();
    ASSERT_EQ(both.write(chunk).get(), Status());
    EXPECT_EQ(both.finish().get(), Status());
    EXPECT_EQ(service.kept, 2);
    service.started.reset();
    auto cut = served.request_stream();
    ASSERT_EQ(cut.write(chunk).get(), Status());
    runtime().run(wait_for(service.started));
    cut.cancel();
    EXPECT_EQ(cut.finish().get().status().code(), StatusCode::kCancelled);
    service.started.reset();
    auto dropped = std::make_optional(served.bidi());
    ASSERT_EQ(dropped->write(chunk).get(), Status());
    runtime().run(wait_for(service.started));
    dropped.reset();
  }
  EXPECT_EQ(service.ended, 4);
  EXPECT_EQ(service.kept, 2) << "no part of an upload is taken for the whole";
}

TEST_P(StreamWords, ACutIsSeenWithoutAnExceptionByWhoAsks) {
  struct Asks final : RawService {
    Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
      Read<Chain> chunk = co_await reader.read();
      EXPECT_TRUE(chunk.has_value());
      EXPECT_EQ(chunk.status(), Status());
      started.set();
      chunk = co_await reader.read();
      EXPECT_FALSE(chunk.has_value());
      seen = chunk.status();
      Chain into;
      Status status;
      EXPECT_FALSE(co_await reader.read_into(into, status));
      EXPECT_EQ(status, seen) << "again";
      co_return Chain();
    }
    Event started;
    Status seen;
  } service;
  const Chain chunk = bytes("chunk");
  {
    ServedRaw served(runtime(), service);
    auto stream = served.request_stream();
    ASSERT_EQ(stream.write(chunk).get(), Status());
    runtime().run(wait_for(service.started));
    stream.cancel();
    EXPECT_FALSE(stream.finish().get().ok());
  }
  EXPECT_EQ(service.seen.code(), StatusCode::kCancelled);
}

// Leaves while operations of its stream wait.
struct Impatient final : RawService {
  Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
    Chain request;
    EXPECT_TRUE(co_await stream.read_into(request));
    if (request.to_string() == "write") {
      const Chain large = pattern(1 << 20);
      for (;;) {
        Call<Status> write = stream.write(large).start();
        if (!write.done()) co_return Status(StatusCode::kResourceExhausted, "too slow");
        EXPECT_EQ(co_await write, Status());
      }
    }
    Call<Read<Chain>> read = stream.read().start();
    EXPECT_EQ(co_await sleep(1ms), Status());
    co_return Status(StatusCode::kResourceExhausted, "too slow");
  }
  Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
    auto first = co_await when_any(reader.read(), sleep(1ms));
    EXPECT_EQ(first.index(), 1u);
    co_return bytes("enough");
  }
};

TEST_P(StreamWords, AHandlersStatusIsSentAlthoughItsReadOrWriteWaits) {
  Impatient service;
  ServedRaw served(runtime(), service);
  const Status wanted(StatusCode::kResourceExhausted, "too slow");
  for (const char* which : {"read", "write"}) {
    auto stream = served.bidi();
    const Chain request = bytes(which);
    ASSERT_EQ(stream.write(request).get(), Status());
    EXPECT_EQ(stream.finish().get(), wanted) << which;
  }
  auto upload = served.request_stream();
  ASSERT_EQ(upload.wait_header().get(), Status());
  EXPECT_EQ(text_of(upload.finish().get()), "enough");
}

TEST_P(StreamWords, ACallIsFinishedFromOutsideOfItsHandler) {
  struct Waits final : RawService {
    Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
      open = &stream;
      if (Status s = stream.send_header(); !s.ok()) co_return s;
      started.set();
      Chain request;
      Status cut;
      EXPECT_FALSE(co_await stream.read_into(request, cut));
      EXPECT_EQ(cut.code(), StatusCode::kCancelled);
      EXPECT_TRUE(context.cancelled());
      EXPECT_EQ((co_await stream.write(request)).code(), StatusCode::kCancelled);
      co_return Status(StatusCode::kInternal, "comes too late");
    }
    Event started;
    ServerReaderWriter<Chain, Chain>* open = nullptr;
  } service;
  ServedRaw served(runtime(), service);
  auto stream = served.bidi();
  ASSERT_EQ(stream.wait_header().get(), Status());
  runtime().run(wait_for(service.started));
  const Status wanted(StatusCode::kPermissionDenied, "you are out");
  if (GetParam().seed) {
    service.open->finish(wanted);
  } else {
    std::thread([&] { service.open->finish(wanted); }).join();
  }
  EXPECT_EQ(stream.finish().get(), wanted);
}

// Echoes with a pulse: what a chat's handler does.
struct Pulse final : RawService {
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    const Chain beat = bytes("beat");
    for (;;) {
      auto first = co_await when_any(stream.read(), sleep(interval), context.draining().done());
      if (first.index() == 2) co_return Status(StatusCode::kUnavailable, "draining");
      if (first.index() == 1) {
        ++beats;
        continue;
      }
      Read<Chain>& message = std::get<0>(first);
      if (!message) co_return Status();
      EXPECT_EQ(co_await sleep(lag), Status());
      if (Status s = co_await stream.write(*message); !s.ok()) co_return s;
    }
  }
  Duration interval = 50us;
  Duration lag = 3us;
  std::atomic<int> beats = 0;
};

TEST_P(StreamWords, AReadThatLosesKeepsItsMessageForTheNext) {
  Pulse service;
  ServedRaw served(runtime(), service);
  struct Body {
    static Task<void> run(ClientReaderWriter<Chain, Chain>& stream) {
      for (int i = 0; i < 200; ++i) {
        const Chain message = bytes(std::to_string(i));
        auto nothing = co_await when_any(stream.read(), sleep(1us));
        EXPECT_EQ(nothing.index(), 1u) << "nothing was sent";
        EXPECT_EQ(co_await stream.write(message), Status());
        for (;;) {
          auto first = co_await when_any(stream.read(), sleep(std::chrono::microseconds(1 + i % 7)));
          if (first.index() == 1) continue;
          Read<Chain>& echo = std::get<0>(first);
          EXPECT_TRUE(echo.has_value()) << echo.status();
          if (!echo.has_value()) co_return;
          EXPECT_EQ(echo->to_string(), message.to_string());
          break;
        }
        EXPECT_EQ(co_await sleep(std::chrono::microseconds(i % 3 * 40)), Status());
      }
      EXPECT_EQ(co_await sleep(5ms), Status());  // a hundred pulses
      EXPECT_EQ(co_await stream.finish(), Status());
    }
  };
  auto stream = served.bidi();
  runtime().run(Body::run(stream));
  EXPECT_GT(service.beats, 0);
}

// Puts a mark behind each message that passes.
struct Exclaims final : ServerInterceptor {
  struct Filter final : MessageFilter {
    Status on_request(Message& message) override {
      message = Message(bytes(to_bytes(message).value().to_string() + "!"));
      return {};
    }
  };
  Task<Status> intercept(ServerInvocation& call) override {
    Filter filter;
    co_return co_await call.next(filter);
  }
};

// The same behind interceptors, which have reads of their own.
TEST_P(StreamWords, AReadThatLosesBehindInterceptorsKeepsItsMessageToo) {
  struct Filter final : MessageFilter {
    Status on_request(Message&) override { return ++messages, Status(); }
    int messages = 0;
  };
  struct OfServer final : ServerInterceptor {
    Task<Status> intercept(ServerInvocation& call) override {
      Filter filter;
      Status status = co_await call.next(filter);
      messages += filter.messages;
      co_return status;
    }
    std::atomic<int> messages = 0;
  } of_server;
  struct OfClient final : ClientInterceptor {
    Task<Status> intercept(ClientInvocation& call) override { co_return co_await call.next(); }
  } of_client;
  Pulse service;
  {
    ServedRaw served(runtime(), service,
                     {.server = {.interceptors = {of_server}}, .channel = {.interceptors = {of_client}}});
    struct Body {
      static Task<void> run(ClientReaderWriter<Chain, Chain>& stream) {
        for (int i = 0; i < 100; ++i) {
          const Chain message = bytes(std::to_string(i));
          EXPECT_EQ(co_await stream.write(message), Status());
          for (;;) {
            auto first = co_await when_any(stream.read(), sleep(std::chrono::microseconds(1 + i % 7)));
            if (first.index() == 1) continue;
            EXPECT_EQ(std::move(std::get<0>(first)).value_or(Chain()).to_string(), message.to_string());
            break;
          }
        }
        EXPECT_EQ(co_await stream.finish(), Status());
      }
    };
    auto stream = served.bidi();
    runtime().run(Body::run(stream));
  }
  EXPECT_EQ(of_server.messages, 100) << "each passes once";
}

TEST_P(StreamWords, AHandlerLearnsThatItsServerDrains) {
  Pulse service;
  service.interval = 1h;
  ServedRaw served(runtime(), service);
  EXPECT_FALSE(served.server().draining().cancelled());
  auto stream = served.bidi();
  const Chain message = bytes("m");
  ASSERT_EQ(stream.write(message).get(), Status());
  ASSERT_TRUE(stream.read().get());
  const Context mine = Context().with_cancel().joined_with(served.server().draining());
  Call<Status> drained = served.server().drain().start();
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kUnavailable, "draining"));
  EXPECT_EQ(drained.get(), Status());
  EXPECT_EQ(mine.status(), Status(StatusCode::kCancelled, "the server is draining"));
}

// Scopes in handlers: the pulse in a task of its own.
TEST_P(StreamWords, AHandlersScopeEndsBeforeItsStream) {
  struct Scoped final : RawService {
    static Task<Status> beat(TaskScope& scope, ServerWriter<Chain>& writer) {
      const Chain beat = bytes("beat");
      for (;;) {
        if (Status s = co_await sleep(1ms, scope.context()); !s.ok()) co_return s;
        if (Status s = co_await writer.write(beat); !s.ok()) co_return s;
      }
    }
    static Task<Status> serve(TaskScope& scope, ServerWriter<Chain>& writer) {
      if (!scope.spawn(beat(scope, writer))) co_return Status();
      EXPECT_EQ(co_await sleep(5ms, scope.context()), Status());
      scope.cancel();
      co_return Status();
    }
    Task<Status> reply_stream(ServerContext& context, const Chain&, ServerWriter<Chain>& writer) override {
      co_return co_await with_scope(context.context(), &serve, writer);
    }
  } service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  auto stream = served.reply_stream(request);
  while (stream.read().get()) {
  }
  EXPECT_EQ(stream.finish().get(), Status());
}

// A message that a read has got, and whose Call goes before anybody took it, is the next read's.
TEST_P(StreamWords, AReadThatIsDroppedGivesItsMessageBack) {
  struct Drops final : RawService {
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      std::string all;
      for (int i = 0;; ++i) {
        {
          Call<Read<Chain>> dropped = stream.read().start();
          if (i % 2 == 0) {
            while (!dropped.done()) EXPECT_EQ(co_await sleep(1us), Status());
          }
        }
        Read<Chain> next = co_await stream.read();
        if (!next) break;
        all += next->to_string();
      }
      const Chain reply = bytes(all);
      co_return co_await stream.write(reply);
    }
  };
  for (const bool filtered : {false, true}) {
    Drops service;
    Exclaims exclaims;
    ServerOptions options;
    if (filtered) options.interceptors = {exclaims};
    ServedRaw served(runtime(), service, {.address = filtered ? "pipe:f" : "pipe:u", .server = options});
    auto stream = served.bidi();
    for (int i = 0; i < 6; ++i) {
      const Chain message = bytes(std::to_string(i));
      ASSERT_EQ(stream.write(message).get(), Status());
    }
    ASSERT_EQ(stream.close_write().get(), Status());
    Read<Chain> all = stream.read().get();
    ASSERT_TRUE(all) << stream.finish().get();
    EXPECT_EQ(all->to_string(), filtered ? "0!1!2!3!4!5!" : "012345");
    EXPECT_EQ(stream.finish().get(), Status());
  }
}

// What was dropped waits for the client; what would come on top of it is refused, so that it is bounded.
TEST_P(StreamWords, WritesAreRefusedWhileADroppedOneWaits) {
  struct Drops final : RawService {
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      const Chain large = pattern(1 << 20);
      for (;;) {
        Call<Status> dropped = stream.write(large).start();
        ++sent;
        if (!dropped.done()) break;
      }
      refused = co_await stream.write(large);
      Chain go;
      if (!co_await stream.read_into(go)) co_return Status();  // the client begins to read
      Status again = refused;
      while (again.code() == StatusCode::kFailedPrecondition) {
        if (Status s = co_await sleep(1ms); !s.ok()) co_return s;
        again = co_await stream.write(large);
      }
      ++sent;
      co_return again;
    }
    int sent = 0;
    Status refused;
  } service;
  ServedRaw served(runtime(), service);
  auto stream = served.bidi();
  const Chain go = bytes("go");
  ASSERT_EQ(stream.write(go).get(), Status());
  int came = 0;
  while (stream.read().get()) ++came;
  EXPECT_EQ(stream.finish().get(), Status());
  EXPECT_EQ(service.refused,
            Status(StatusCode::kFailedPrecondition,
                   "a write was dropped and still waits for the client: await each write before the next"));
  EXPECT_EQ(came, service.sent) << "nothing of what was dropped is lost";
}

TEST_P(StreamWords, AMisusedReadTellsItsStatusWithoutAnException) {
  struct Misuses final : RawService {
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      Call<Read<Chain>> first = stream.read().start();
      Chain request;
      EXPECT_FALSE(co_await stream.read_into(request, seen));
      co_return Status();
    }
    Status seen;
  } service;
  {
    ServedRaw served(runtime(), service);
    EXPECT_EQ(served.bidi().finish().get().code(), StatusCode::kInternal);
  }
  EXPECT_EQ(service.seen.code(), StatusCode::kFailedPrecondition);
}

TEST_P(StreamWords, OkWithoutTheReplyIsNoWayToFinish) {
  struct Finishes final : RawService {
    Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
      reader.finish(Status());
      co_return bytes("too late");
    }
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      stream.finish(Status());
      co_return Status(StatusCode::kInternal, "too late");
    }
  } service;
  ServedRaw served(runtime(), service);
  EXPECT_EQ(served.request_stream().finish().get().status(),
            Status(StatusCode::kInternal, "the call was finished with OK, but without a reply"));
  EXPECT_EQ(served.bidi().finish().get(), Status());
}

// Select over a stream whose loops are another Runtime's.
TEST(StreamWordsAcrossRuntimes, AReadThatLosesKeepsItsMessage) {
  Pulse service;
  Runtime theirs({.threads = 2}), mine;
  {
    ServedRaw served(theirs, service);
    struct Body {
      static Task<void> run(ClientReaderWriter<Chain, Chain>& stream) {
        for (int i = 0; i < 300; ++i) {
          const Chain message = bytes(std::to_string(i));
          auto nothing = co_await when_any(stream.read(), sleep(std::chrono::microseconds(1 + i % 50)));
          EXPECT_EQ(nothing.index(), 1u) << "nothing was sent";
          EXPECT_EQ(co_await stream.write(message), Status());
          for (;;) {
            auto first = co_await when_any(stream.read(), sleep(std::chrono::microseconds(1 + i % 50)));
            if (first.index() == 1) continue;
            EXPECT_EQ(std::move(std::get<0>(first)).value_or(Chain()).to_string(), message.to_string());
            break;
          }
        }
        EXPECT_EQ(co_await stream.finish(), Status());
      }
    };
    auto stream = served.bidi();
    mine.run(Body::run(stream));
  }
  support::expect_idle(mine);
  support::expect_idle(theirs);
}

TEST(StreamWordsDeathTest, AnOperationThatOutlivesItsHandlerEndsTheProcess) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  struct Leaves final : RawService {
    static Task<void> read(ServerReaderWriter<Chain, Chain>& stream) {
      Chain request;
      while (co_await stream.read_into(request)) {
      }
    }
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      EXPECT_TRUE(scope->spawn(read(stream)));
      co_return Status();
    }
    Scope* scope = nullptr;
  };
  EXPECT_DEATH(
      {
        Runtime runtime;
        Leaves service;
        Scope scope(runtime.loop());
        service.scope = &scope;
        ServedRaw served(runtime, service);
        auto stream = served.bidi();
        (void)stream.finish().get();
      },
      "^sluice: a read or write of /test.Raw/Bidi is in flight although its handler has ended: join what it "
      "has "
      "spawned before it ends\n");
}

}  // namespace
}  // namespace sluice::e2e
