// Interceptors of a server: admission before the body, and coroutines around all four kinds of handler.
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "e2e/interceptor_kit.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

class ServerInterceptors : public support::RuntimeTest {
 protected:
  // `interceptors` are borrowed by their test.
  ServedRaw served(RawService& service, InterceptorChain<ServerInterceptor> interceptors) {
    support::Served::Options options;
    options.server.interceptors = std::move(interceptors);
    return ServedRaw(runtime(), service, std::move(options));
  }
};
INSTANTIATE_TEST_SUITE_P(All, ServerInterceptors, ::testing::ValuesIn(support::kAllRuntimes),
                         support::name_of);

class CountingService : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
    ++calls;
    co_return Chain(request);
  }
  Task<Result<Chain>> request_stream(ServerContext& context, ServerReader<Chain>& reader) override {
    ++calls;
    return RawService::request_stream(context, reader);
  }
  std::atomic<int> calls = 0;
};

// Stage one.

class Admission : public ServerInterceptor {
 public:
  Status on_headers(ServerContext& context) override {
    ++asked;
    if (context.metadata().get("token") == "let-me-in") return {};
    return {StatusCode::kUnauthenticated, "no token for " + std::string(context.method())};
  }
  std::atomic<int> asked = 0;
};

TEST_P(ServerInterceptors, AdmissionLetsCallsOfEveryKindPass) {
  RawService service;
  Admission admission;
  ServedRaw served = this->served(service, {admission});
  const Lines got = outcomes_of_all_kinds(served, "x", {.metadata = MetadataList({"token", "let-me-in"})});
  EXPECT_EQ(got, (Lines{"x", "x,x,x,OK", "xx", "x,x,OK"}));
  EXPECT_EQ(admission.asked, 4);
}

TEST_P(ServerInterceptors, AdmissionRefusesEveryKindBeforeItsHandler) {
  CountingService service;
  Admission admission;
  ServedRaw served = this->served(service, {admission});
  const auto refused = [](const char* method) {
    return "UNAUTHENTICATED: no token for /test.Raw/" + std::string(method);
  };
  EXPECT_EQ(outcomes_of_all_kinds(served, "x"),
            (Lines{refused("Unary"), refused("ReplyStream"), refused("RequestStream"), refused("Bidi")}));
  EXPECT_EQ(admission.asked, 4);
  EXPECT_EQ(service.calls, 0);
}

TEST_P(ServerInterceptors, CallIsRefusedBeforeItsBodyIsThere) {
  CountingService service;
  Admission admission;
  ServedRaw served = this->served(service, {admission});
  auto stream = served.request_stream();
  // The client has sent its header and nothing else, nor will it before it knows.
  EXPECT_EQ(stream.wait_header().get().code(), StatusCode::kUnauthenticated);
  EXPECT_EQ(service.calls, 0);
}

// More than the 64 MiB that a connection over a pipe has in flight, and each message more than the server
// takes: the bodies of refused calls are neither kept nor assembled, and their credit comes back.
TEST_P(ServerInterceptors, BodiesOfRefusedCallsAreThrownAwayAsTheyCome) {
  CountingService service;
  Admission admission;
  support::Served::Options options;
  options.server.interceptors = {admission};
  options.server.max_receive_message_size = 1000;
  ServedRaw served(runtime(), service, std::move(options));
  const Chain request = pattern(1 << 20);
  for (int i = 0; i < 80; ++i) {
    ASSERT_EQ(served.unary(request).get().status().code(), StatusCode::kUnauthenticated) << i;
  }
  const Chain small = bytes("small");
  EXPECT_EQ(text_of(served.unary(small, {.metadata = MetadataList({"token", "let-me-in"})}).get()), "small");
  EXPECT_EQ(service.calls, 1);
}

class Greeting : public ServerInterceptor {
 public:
  Status on_headers(ServerContext& context) override {
    if (Status s = context.add_header("greeting", "hello"); !s.ok()) return s;
    if (Status s = context.add_trailer("farewell", "bye"); !s.ok()) return s;
    if (context.metadata().get("refuse")) return {StatusCode::kPermissionDenied, "as asked"};
    return {};
  }
};

TEST_P(ServerInterceptors, HeaderStageAddsHeadersAndTrailers) {
  RawService service;
  Greeting greeting;
  ServedRaw served = this->served(service, {greeting});
  const Chain request = bytes("x");
  Metadata header, trailer;
  ASSERT_EQ(text_of(served.unary(request, {.header = &header, .trailer = &trailer}).get()), "x");
  EXPECT_EQ(header.get("greeting"), "hello");
  EXPECT_EQ(trailer.get("farewell"), "bye");
  header.clear(), trailer.clear();
  // A refusal has them too.
  const Result<Chain> refused =
      served
          .unary(request, {.metadata = MetadataList({"refuse", "1"}), .header = &header, .trailer = &trailer})
          .get();
  EXPECT_EQ(refused.status(), Status(StatusCode::kPermissionDenied, "as asked"));
  EXPECT_EQ(header.get("greeting"), "hello");
  EXPECT_EQ(trailer.get("farewell"), "bye");
}

struct User {
  std::string name;
};

class Identify : public ServerInterceptor {
 public:
  Status on_headers(ServerContext& context) override {
    first = context.context();
    context.set_context(first.with_value(User{std::string(*context.metadata().get("user"))}));
    return {};
  }
  Context first;
};

class NamingService : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain&) override {
    co_return bytes(context.context().value<User>()->name);
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    if (Status s = stream.send_header(); !s.ok()) co_return s;
    Chain nothing;
    Status cut;
    while (co_await stream.read_into(nothing, cut)) {
    }
    cancelled = context.context().cancelled();
    co_return Status();
  }
  std::atomic<bool> cancelled = false;
};

TEST_P(ServerInterceptors, ValuesOfTheHeaderStageReachTheHandler) {
  NamingService service;
  Identify identify;
  ServedRaw served = this->served(service, {identify});
  const Chain request = bytes("");
  EXPECT_EQ(text_of(served.unary(request, {.metadata = MetadataList({"user", "alice"})}).get()), "alice");
}

TEST_P(ServerInterceptors, ContextWithValuesIsCancelledWithTheCall) {
  NamingService service;
  Identify identify;
  ServedRaw served = this->served(service, {identify});
  {
    auto stream = served.bidi({.metadata = MetadataList({"user", "alice"})});
    EXPECT_EQ(stream.wait_header().get(), Status());
    stream.cancel();
    EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
  }
  served.end_server();
  EXPECT_TRUE(service.cancelled);
  EXPECT_TRUE(identify.first.cancelled());
}

// Notes what it is asked and told.
class Noting : public ServerInterceptor {
 public:
  Noting(std::string name, Journal& journal) : name_(std::move(name)), journal_(journal) {}
  Status on_headers(ServerContext& context) override {
    journal_.add(name_ + " headers");
    if (context.metadata().get("refuse") == name_) return {StatusCode::kAborted, "refused by " + name_};
    return {};
  }
  void on_refused(ServerContext&, const Status& status) override {
    journal_.add(name_ + " told " + std::string(status.message()));
  }
  Task<Status> intercept(ServerInvocation& call) override {
    journal_.add(name_ + " begins");
    Status status = co_await call.next();
    journal_.add(name_ + " ends " + status.to_string());
    co_return status;
  }

 private:
  const std::string name_;
  Journal& journal_;
};

TEST_P(ServerInterceptors, RefusedCallIsToldToThoseFurtherOut) {
  CountingService service;
  Journal journal;
  Noting a("a", journal), b("b", journal), c("c", journal), d("d", journal);
  ServedRaw served = this->served(service, {a, b, c, d});
  const Chain request = bytes("x");
  EXPECT_EQ(text_of(served.unary(request, {.metadata = MetadataList({"refuse", "c"})}).get()),
            "ABORTED: refused by c");
  EXPECT_EQ(journal.take(),
            (Lines{"a headers", "b headers", "c headers", "b told refused by c", "a told refused by c"}));
  EXPECT_EQ(service.calls, 0);
}

TEST_P(ServerInterceptors, HeaderStageMayCloseItsServer) {
  class Closing : public ServerInterceptor {
   public:
    Status on_headers(ServerContext& context) override {
      server->close();
      if (context.metadata().get("refuse")) return {StatusCode::kAborted, "too late"};
      return {};
    }
    Server* server = nullptr;
  };
  for (const char* key : {"refuse", "let-pass"}) {
    CountingService service;
    Closing closing;
    ServedRaw served = this->served(service, {closing});
    closing.server = &served.server();
    const Status status = served.unary(bytes("x"), {.metadata = MetadataList({key, "1"})}).get().status();
    EXPECT_TRUE(status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kAborted) << status;
    EXPECT_EQ(service.calls, 0);
  }
}

// Stage two.

TEST_P(ServerInterceptors, FirstOfTheChainIsOutermost) {
  RawService service;
  Journal journal;
  auto b = std::make_shared<Noting>("b", journal);
  Noting a("a", journal);
  ServedRaw served = this->served(service, {a, b});
  const Chain request = bytes("x");
  EXPECT_EQ(text_of(served.unary(request).get()), "x");
  EXPECT_EQ(journal.take(),
            (Lines{"a headers", "b headers", "a begins", "b begins", "b ends OK", "a ends OK"}));
}

TEST_P(ServerInterceptors, AllFourKindsPassAChain) {
  RawService service;
  Journal journal;
  Noting a("a", journal), b("b", journal);
  ServedRaw served = this->served(service, {a, b});
  EXPECT_EQ(outcomes_of_all_kinds(served, "x"), (Lines{"x", "x,x,x,OK", "xx", "x,x,OK"}));
  EXPECT_EQ(journal.take().size(), 4u * 6u);
}

class FailingService : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
    if (request.to_string() == "throw") throw std::runtime_error("thrown");
    co_return {StatusCode::kNotFound, "nothing of that name"};
  }
  Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
    (void)co_await stream.read();
    co_return {StatusCode::kDataLoss, "half of it is gone"};
  }
};

TEST_P(ServerInterceptors, InterceptorSeesTheHandlersStatus) {
  FailingService service;
  Journal journal;
  Noting a("a", journal);
  ServedRaw served = this->served(service, {a});
  EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "NOT_FOUND: nothing of that name");
  EXPECT_EQ(journal.take().back(), "a ends NOT_FOUND: nothing of that name");
  EXPECT_EQ(text_of(served.unary(bytes("throw")).get()), "UNKNOWN: handler threw: thrown");
  EXPECT_EQ(journal.take().back(), "a ends UNKNOWN: handler threw: thrown");
  auto stream = served.bidi();
  EXPECT_EQ(stream.write(bytes("x")).get(), Status());
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kDataLoss, "half of it is gone"));
  EXPECT_EQ(journal.take().back(), "a ends DATA_LOSS: half of it is gone");
}

// Does what the metadata says.
class MisbehavingServer : public ServerInterceptor {
 public:
  Status on_headers(ServerContext& context) override {
    if (context.metadata().get("do") == "throw early") throw std::runtime_error("too early");
    return {};
  }
  Task<Status> intercept(ServerInvocation& call) override {
    const std::string what(call.context().metadata().get("do").value_or("nothing"));
    if (what == "plain") throw std::runtime_error("before there was a coroutine");
    if (what == "decline") return Task<Status>();
    return around(call, what);
  }

 private:
  Task<Status> around(ServerInvocation& call, std::string what) {
    if (what == "throw before") throw std::runtime_error("before");
    if (what == "status before") throw StatusError({StatusCode::kOutOfRange, "before"});
    if (what == "never") co_return {StatusCode::kAborted, "not today"};
    if (what == "never ok") co_return Status();
    if (what == "answer") {
      call.reply() = Message(bytes("from the interceptor"));
      co_return Status();
    }
    Status status = co_await call.next();
    if (what == "throw after") throw std::runtime_error("after");
    if (what == "twice") co_return co_await call.next();
    if (what == "no reply") call.reply().reset();
    if (what == "change status") co_return {StatusCode::kAborted, "changed"};
    co_return status;
  }
};

TEST_P(ServerInterceptors, WhatAnInterceptorDoesBecomesTheStatus) {
  CountingService service;
  MisbehavingServer interceptor;
  ServedRaw served = this->served(service, {interceptor});
  const Chain request = bytes("x");
  const auto call = [&](std::string_view what) {
    return text_of(served.unary(request, {.metadata = MetadataList({"do", what})}).get());
  };
  EXPECT_EQ(call("throw early"), "UNKNOWN: interceptor threw: too early");
  EXPECT_EQ(call("plain"), "UNKNOWN: interceptor threw: before there was a coroutine");
  EXPECT_EQ(call("throw before"), "UNKNOWN: interceptor threw: before");
  EXPECT_EQ(call("status before"), "OUT_OF_RANGE: before");
  EXPECT_EQ(call("never"), "ABORTED: not today");
  EXPECT_EQ(call("never ok"),
            "INTERNAL: an interceptor of /test.Raw/Unary ended the call as OK without a reply");
  EXPECT_EQ(call("answer"), "from the interceptor");
  EXPECT_EQ(service.calls, 0);
  EXPECT_EQ(call("decline"), "x");
  EXPECT_EQ(call("throw after"), "UNKNOWN: interceptor threw: after");
  EXPECT_EQ(call("twice"), "INTERNAL: an interceptor of /test.Raw/Unary called next() a second time");
  EXPECT_EQ(call("no reply"),
            "INTERNAL: an interceptor of /test.Raw/Unary ended the call as OK without a reply");
  EXPECT_EQ(call("change status"), "ABORTED: changed");
  EXPECT_EQ(service.calls, 5);
}

TEST_P(ServerInterceptors, StreamMayBeAnsweredWithoutItsHandler) {
  class Answering : public ServerInterceptor {
   public:
    Task<Status> intercept(ServerInvocation& call) override {
      ServerWriter<Chain> writer(call.stream());
      for (const char* text : {"a", "b"}) {
        const Chain reply = bytes(text);
        if (Status s = co_await writer.write(reply); !s.ok()) co_return s;
      }
      co_return Status();
    }
  };
  RawService service;
  Answering answering;
  ServedRaw served = this->served(service, {answering});
  auto stream = served.bidi();
  Chain reply;
  std::string all;
  while (stream.read_into(reply).get()) all += reply.to_string();
  EXPECT_EQ(stream.finish().get(), Status());
  EXPECT_EQ(all, "ab");
}

// Messages.

// Puts its mark on each message.
class MarkingServer : public ServerInterceptor {
 public:
  explicit MarkingServer(std::string mark) : mark_(std::move(mark)) {}
  Task<Status> intercept(ServerInvocation& call) override {
    Marks marks(mark_);
    co_return co_await call.next(marks);
  }

 private:
  struct Marks : MessageFilter {
    explicit Marks(std::string m) : mark(std::move(m)) {}
    Status on_request(Message& request) override {
      request = Message(bytes(content_of(request) + mark));
      return {};
    }
    Status on_reply(Message& reply) override {
      reply = to_message(bytes(content_of(reply) + mark));
      return {};
    }
    const std::string mark;
  };
  const std::string mark_;
};

TEST_P(ServerInterceptors, MessagesPassTheFiltersInwardsAndOutwards) {
  RawService service;
  MarkingServer a("a"), b("b");
  ServedRaw served = this->served(service, {a, b});
  EXPECT_EQ(outcomes_of_all_kinds(served, "-"),
            (Lines{"-abba", "-abba,-abba,-abba,OK", "-ab-abba", "-abba,-abba,OK"}));
}

TEST_P(ServerInterceptors, RequestAndReplyOfAUnaryCallMayBeReplaced) {
  class Replacing : public ServerInterceptor {
   public:
    Task<Status> intercept(ServerInvocation& call) override {
      call.request() = Message(bytes("[" + call.request().bytes().to_string() + "]"));
      Status status = co_await call.next();
      if (status.ok()) call.reply() = Message(bytes("<" + content_of(*call.reply()) + ">"));
      co_return status;
    }
  };
  RawService service;
  Replacing a, b;
  ServedRaw served = this->served(service, {a, b});
  EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "<<[[x]]>>");
}

// Refuses the second message each way that it is told to.
class ServerCensor : public ServerInterceptor {
 public:
  Task<Status> intercept(ServerInvocation& call) override {
    Rules rules(call.context());
    co_return co_await call.next(rules);
  }

 private:
  struct Rules : MessageFilter {
    explicit Rules(ServerContext& c) : way(c.metadata().get("refuse").value_or("")) {}
    Status on_request(Message&) override { return check("request", requests); }
    Status on_reply(Message&) override { return check("reply", replies); }
    Status check(const std::string& what, int& count) {
      if (way == "throw " + what) throw std::runtime_error("in the filter");
      if (++count < 2 || way != what) return {};
      return {StatusCode::kInvalidArgument, "second " + what};
    }
    const std::string way;
    int requests = 0;
    int replies = 0;
  };
};

TEST_P(ServerInterceptors, MessageThatAFilterRefusesEndsTheCall) {
  RawService service;
  ServerCensor censor;
  ServedRaw served = this->served(service, {censor});
  EXPECT_EQ(
      outcomes_of_all_kinds(served, "x", {.metadata = MetadataList({"refuse", "request"})}),
      (Lines{"x", "x,x,x,OK", "INVALID_ARGUMENT: second request", "x,INVALID_ARGUMENT: second request"}));
  EXPECT_EQ(outcomes_of_all_kinds(served, "x", {.metadata = MetadataList({"refuse", "reply"})}),
            (Lines{"x", "x,INVALID_ARGUMENT: second reply", "xx", "x,INVALID_ARGUMENT: second reply"}));
  const std::string thrown = "UNKNOWN: interceptor threw: in the filter";
  EXPECT_EQ(outcomes_of_all_kinds(served, "x", {.metadata = MetadataList({"refuse", "throw reply"})}),
            (Lines{thrown, thrown, thrown, thrown}));
}

TEST_P(ServerInterceptors, HandlerThatGoesOnAfterARefusedMessageGetsNoMore) {
  class Undeterred : public RawService {
   public:
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      for (Chain request; co_await stream.read_into(request);) {
        ++requests;
        const Status ignored = co_await stream.write(request);
      }
      co_return Status();
    }
    std::atomic<int> requests = 0;
  };
  Undeterred service;
  ServerCensor censor;
  ServedRaw served = this->served(service, {censor});
  auto stream = served.bidi({.metadata = MetadataList({"refuse", "reply"})});
  const Chain message = bytes("x");
  for (int i = 0; i < 5; ++i) (void)stream.write(message).get();
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kInvalidArgument, "second reply"));
  EXPECT_EQ(service.requests, 2);
}

TEST_P(ServerInterceptors, ReadGivenUpByTheHandlerLeavesNothingBehind) {
  class GivingUp : public RawService {
   public:
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      if (Status s = stream.send_header(); !s.ok()) co_return s;
      {
        Call<Read<Chain>> read = stream.read().start();
        for (int i = 0; i < yields; ++i) co_await yield();
      }
      co_return {StatusCode::kAborted, "had enough"};
    }
    std::atomic<int> yields = 0;
  };
  GivingUp service;
  MarkingServer marking("m");
  ServedRaw served = this->served(service, {marking});
  for (int i = 0; i < 20; ++i) {
    service.yields = i;
    auto stream = served.bidi();
    const Chain message = bytes("x");
    EXPECT_EQ(stream.wait_header().get(), Status());
    (void)stream.write(message).get();
    const Status status = stream.finish().get();
    EXPECT_TRUE(status.code() == StatusCode::kAborted || status.code() == StatusCode::kCancelled) << status;
  }
}

// Time and cancellation.

class WaitingInterceptor : public ServerInterceptor {
 public:
  Task<Status> intercept(ServerInvocation& call) override {
    if (Status s = call.stream().send_header(); !s.ok()) co_return s;
    const TimePoint begin = call.loop().now();
    slept = co_await sleep(1h, call.context().context());
    cancelled = call.context().cancelled();
    waited = call.loop().now() - begin;
    Status status = co_await call.next();
    ++ended;
    co_return status;
  }
  Status slept;
  std::atomic<bool> cancelled = false;
  Duration waited{};
  std::atomic<int> ended = 0;
};

TEST_P(ServerInterceptors, CancelledCallWakesItsInterceptorWhichRunsToItsEnd) {
  RawService service;
  WaitingInterceptor waiting;
  ServedRaw served = this->served(service, {waiting});
  {
    const Chain request = bytes("x");
    auto stream = served.reply_stream(request);
    EXPECT_EQ(stream.wait_header().get(), Status());
    stream.cancel();
    EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
  }
  served.end_server();
  EXPECT_TRUE(waiting.cancelled);
  EXPECT_EQ(waiting.slept.code(), StatusCode::kCancelled);
  EXPECT_EQ(waiting.ended, 1);
}

TEST_P(ServerInterceptors, DeadlineWakesTheInterceptor) {
  RawService service;
  WaitingInterceptor waiting;
  ServedRaw served = this->served(service, {waiting});
  EXPECT_EQ(served.unary(bytes("x"), {.timeout = 20ms}).get().status().code(), StatusCode::kDeadlineExceeded);
  served.end_server();
  EXPECT_FALSE(waiting.slept.ok());
  EXPECT_LT(waiting.waited, 1h);
  EXPECT_EQ(waiting.ended, 1);
}

TEST_P(ServerInterceptors, ServerThatClosesWaitsForInterceptors) {
  RawService service;
  WaitingInterceptor waiting;
  ServedRaw served = this->served(service, {waiting});
  auto stream = served.bidi();
  EXPECT_EQ(stream.wait_header().get(), Status());
  served.end_server();
  EXPECT_EQ(stream.finish().get().code(), StatusCode::kUnavailable);
  EXPECT_EQ(waiting.ended, 1);
}

TEST_P(ServerInterceptors, InterceptorsServeMethodsNobodyRegistered) {
  struct Echo {
    static Task<Status> run(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) {
      Chain request;
      while (co_await stream.read_into(request)) {
        if (Status s = co_await stream.write(request); !s.ok()) co_return s;
      }
      co_return Status();
    }
    Task<Status> serve(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) {
      return run(context, stream);
    }
  };
  Journal journal;
  class Paths : public ServerInterceptor {
   public:
    explicit Paths(Journal& journal) : journal_(journal) {}
    Task<Status> intercept(ServerInvocation& call) override {
      journal_.add(std::string(call.method().path));
      co_return co_await call.next();
    }

   private:
    Journal& journal_;
  };
  Echo echo;
  RawService service;
  Paths paths(journal);
  support::Served::Options options;
  options.server.interceptors = {paths};
  options.server.unknown_service = &bidi_stream_method<Echo, Chain, Chain, &Echo::serve>;
  options.server.unknown_service_object = &echo;
  ServedRaw served(runtime(), service, std::move(options));
  const UnaryMethod<Chain, Chain> unknown("/who.Knows/What");
  EXPECT_EQ(text_of(served.channel().invoke(unknown, bytes("x")).get()), "x");
  EXPECT_EQ(journal.take(), Lines{"/who.Knows/What"});
}

TEST_P(ServerInterceptors, NullEntriesOfAChainAreNone) {
  RawService service;
  Journal journal;
  Noting a("a", journal);
  ServedRaw served = this->served(service, {std::shared_ptr<Noting>(), a});
  EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "x");
  EXPECT_EQ(journal.take(), (Lines{"a headers", "a begins", "a ends OK"}));
}

}  // namespace
}  // namespace sluice::e2e
