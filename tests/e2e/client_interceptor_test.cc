// Interceptors of a channel: headers of each attempt, and coroutines around all four kinds of call, which
// observe, change, answer and repeat them.
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "e2e/interceptor_kit.h"
#include "sluice/async/scope.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

class ClientInterceptors : public support::RuntimeTest {
 protected:
  ServedRaw served(RawService& service, InterceptorChain<ClientInterceptor> interceptors) {
    support::Served::Options options;
    options.channel.interceptors = std::move(interceptors);
    return ServedRaw(runtime(), service, std::move(options));
  }
};
INSTANTIATE_TEST_SUITE_P(All, ClientInterceptors, ::testing::ValuesIn(support::kAllRuntimes),
                         support::name_of);

// Stage one.

class Credentials : public ClientInterceptor {
 public:
  Status on_headers(OutgoingHeaders& headers) override {
    if (headers.metadata.get("refuse")) return {StatusCode::kPermissionDenied, "not from here"};
    if (headers.metadata.get("throw")) throw std::runtime_error("no token");
    headers.metadata.add("attempt", "token for " + std::string(headers.method.path));
    return {};
  }
};

TEST_P(ClientInterceptors, HeaderStageAddsMetadataToEveryKind) {
  Shaky service(0);
  Credentials credentials;
  ServedRaw served = this->served(service, {credentials});
  EXPECT_EQ(outcomes_of_all_kinds(served, "x"), (Lines{"x", "x,x,x,OK", "xx", "x,x,OK"}));
  EXPECT_EQ(service.seen.take(), (Lines{"token for /test.Raw/Unary", "token for /test.Raw/ReplyStream",
                                        "token for /test.Raw/RequestStream", "token for /test.Raw/Bidi"}));
}

TEST_P(ClientInterceptors, HeaderStageRefusesEveryKindBeforeAnythingIsSent) {
  Shaky service(0);
  Credentials credentials;
  ServedRaw served = this->served(service, {credentials});
  const std::string refused = "PERMISSION_DENIED: not from here";
  EXPECT_EQ(outcomes_of_all_kinds(served, "x", {.metadata = MetadataList({"refuse", "1"})}),
            (Lines{refused, refused, refused, refused}));
  EXPECT_EQ(served.channel().state(), ConnectivityState::kIdle);
  EXPECT_EQ(text_of(served.unary(bytes("x"), {.metadata = MetadataList({"throw", "1"})}).get()),
            "UNKNOWN: interceptor threw: no token");
  EXPECT_EQ(service.calls, 0);
}

TEST_P(ClientInterceptors, MetadataThatCannotBeSentFailsTheCall) {
  class Wrong : public ClientInterceptor {
   public:
    Status on_headers(OutgoingHeaders& headers) override {
      headers.metadata.add("grpc-internal", "x");
      return {};
    }
  };
  Shaky service(0);
  Wrong wrong;
  ServedRaw served = this->served(service, {wrong});
  EXPECT_EQ(served.unary(bytes("x")).get().status().code(), StatusCode::kInternal);
  EXPECT_EQ(service.calls, 0);
}

// The hook runs while a call begins: what it does to the channel counts for that call already.
TEST_P(ClientInterceptors, HeaderStageMayUseAndCloseItsChannel) {
  class Using : public ClientInterceptor {
   public:
    Status on_headers(OutgoingHeaders& headers) override {
      if (headers.metadata.get("close")) channel->close();
      if (headers.metadata.get("call")) {
        const Chain request = bytes("inner");
        inner.push_back(channel->invoke(kUnary, request).start());
      }
      return {};
    }
    Channel* channel = nullptr;
    std::vector<Call<Chain>> inner;
  };
  RawService service;
  Using interceptor;
  support::Served::Options options;
  options.server.max_concurrent_streams = 1;
  options.channel.interceptors = {interceptor};
  ServedRaw served(runtime(), service, std::move(options));
  interceptor.channel = &served.channel();
  EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "x");
  const CallOptions call = {.metadata = MetadataList({"call", "1"})};
  EXPECT_EQ(text_of(served.unary(bytes("outer"), call).get()), "outer");
  EXPECT_EQ(text_of(served.request_stream(call).finish().get()), "");
  ASSERT_EQ(interceptor.inner.size(), 2u);
  for (Call<Chain>& inner : interceptor.inner) EXPECT_EQ(text_of(inner.get()), "inner");
  const CallOptions close = {.metadata = MetadataList({"close", "1"})};
  EXPECT_EQ(text_of(served.unary(bytes("x"), close).get()), "CANCELLED: channel is closed");
  EXPECT_EQ(text_of(served.request_stream(close).finish().get()), "CANCELLED: channel is closed");
}

// Stage two.

TEST_P(ClientInterceptors, FirstOfTheChainIsOutermost) {
  RawService service;
  Journal journal;
  NotingClient a("a", journal);
  auto b = std::make_shared<NotingClient>("b", journal);
  ServedRaw served = this->served(service, {a, b});
  EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "x");
  EXPECT_EQ(journal.take(),
            (Lines{"a begins", "b begins", "a headers", "b headers", "b ends OK", "a ends OK"}));
}

TEST_P(ClientInterceptors, AllFourKindsPassAChain) {
  RawService service;
  Journal journal;
  NotingClient a("a", journal), b("b", journal);
  ServedRaw served = this->served(service, {a, b});
  EXPECT_EQ(outcomes_of_all_kinds(served, "x"), (Lines{"x", "x,x,x,OK", "xx", "x,x,OK"}));
  EXPECT_EQ(journal.take().size(), 4u * 6u);
}

TEST_P(ClientInterceptors, NobodyOfAChainNeedsToWantTheCall) {
  class Declining : public ClientInterceptor {
   public:
    Task<Status> intercept(ClientInvocation&) override { return Task<Status>(); }
  };
  RawService service;
  Declining declining;
  ServedRaw served = this->served(service, {declining, declining});
  EXPECT_EQ(outcomes_of_all_kinds(served, "x"), (Lines{"x", "x,x,x,OK", "xx", "x,x,OK"}));
}

// Does what the metadata says.
class Misbehaving : public ClientInterceptor {
 public:
  Task<Status> intercept(ClientInvocation& call) override {
    const std::string what(call.metadata().get("do").value_or("nothing"));
    if (what == "plain") throw std::runtime_error("before there was a coroutine");
    return around(call, what);
  }

 private:
  Task<Status> around(ClientInvocation& call, std::string what) {
    if (what == "throw before") throw std::runtime_error("before");
    if (what == "never") co_return {StatusCode::kAborted, "not today"};
    if (what == "never ok") co_return Status();
    if (what == "answer") {
      call.reply() = Message(bytes("from the interceptor"));
      co_return Status();
    }
    Status status = co_await call.next();
    if (what == "throw after") throw std::runtime_error("after");
    if (what == "no reply") call.reply().reset();
    if (what == "change status") co_return {StatusCode::kAborted, "changed"};
    co_return status;
  }
};

TEST_P(ClientInterceptors, WhatAnInterceptorDoesBecomesTheOutcome) {
  Shaky service(0);
  Misbehaving interceptor;
  ServedRaw served = this->served(service, {interceptor});
  const auto all = [&](std::string_view what) {
    return outcomes_of_all_kinds(served, "x", {.metadata = MetadataList({"do", what})});
  };
  const auto each = [](const std::string& text) { return Lines{text, text, text, text}; };
  EXPECT_EQ(all("plain"), each("UNKNOWN: interceptor threw: before there was a coroutine"));
  EXPECT_EQ(all("throw before"), each("UNKNOWN: interceptor threw: before"));
  EXPECT_EQ(all("never"), each("ABORTED: not today"));
  EXPECT_EQ(all("never ok"),
            (Lines{"INTERNAL: an interceptor of /test.Raw/Unary ended the call as OK without a reply", "OK",
                   "INTERNAL: an interceptor of /test.Raw/RequestStream ended the call as OK without a reply",
                   "OK"}));
  EXPECT_EQ(all("answer"), (Lines{"from the interceptor", "OK", "from the interceptor", "OK"}));
  EXPECT_EQ(service.calls, 0);
  EXPECT_EQ(all("throw after"),
            (Lines{"UNKNOWN: interceptor threw: after", "x,x,x,UNKNOWN: interceptor threw: after",
                   "UNKNOWN: interceptor threw: after", "x,x,UNKNOWN: interceptor threw: after"}));
  EXPECT_EQ(all("change status"), (Lines{"ABORTED: changed", "x,x,x,ABORTED: changed", "ABORTED: changed",
                                         "x,x,ABORTED: changed"}));
  EXPECT_EQ(all("no reply")[0],
            "INTERNAL: an interceptor of /test.Raw/Unary ended the call as OK without a reply");
}

class Talkative : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    talk(context);
    if (request.empty()) co_return {StatusCode::kDataLoss, "lost"};
    co_return Chain(request);
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    talk(context);
    co_return co_await RawService::bidi(context, stream);
  }

 private:
  static void talk(ServerContext& context) {
    (void)context.add_header("greeting", "hello");
    (void)context.add_trailer("farewell", "bye");
  }
};

TEST_P(ClientInterceptors, InterceptorAndCallerSeeHeaderTrailerAndPeer) {
  class Seeing : public ClientInterceptor {
   public:
    explicit Seeing(Journal& journal) : journal_(journal) {}
    Task<Status> intercept(ClientInvocation& call) override {
      Status status = co_await call.next();
      journal_.add(std::string(call.header().get("greeting").value_or("")) + " " +
                   std::string(call.trailer().get("farewell").value_or("")) + " " + call.peer().to_string() +
                   " " + status.to_string());
      co_return status;
    }

   private:
    Journal& journal_;
  };
  Talkative service;
  Journal journal;
  Seeing seeing(journal);
  ServedRaw served = this->served(service, {seeing});
  Metadata header, trailer;
  Addr peer;
  ASSERT_EQ(text_of(served.unary(bytes("x"), {.header = &header, .trailer = &trailer, .peer = &peer}).get()),
            "x");
  EXPECT_EQ(header.get("greeting"), "hello");
  EXPECT_EQ(trailer.get("farewell"), "bye");
  EXPECT_EQ(peer.to_string(), "pipe:served");
  EXPECT_EQ(journal.take(), Lines{"hello bye pipe:served OK"});
  EXPECT_EQ(text_of(served.unary(bytes("")).get()), "DATA_LOSS: lost");
  EXPECT_EQ(journal.take(), Lines{"hello bye pipe:served DATA_LOSS: lost"});
  auto stream = served.bidi();
  ASSERT_EQ(stream.write(bytes("x")).get(), Status());
  ASSERT_EQ(stream.wait_header().get(), Status());
  EXPECT_EQ(stream.header().get("greeting"), "hello");
  EXPECT_EQ(stream.finish().get(), Status());
  EXPECT_EQ(stream.trailer().get("farewell"), "bye");
  EXPECT_EQ(stream.peer().to_string(), "pipe:served");
  EXPECT_EQ(journal.take(), Lines{"hello bye pipe:served OK"});
  // Nobody has asked for the header before the end.
  auto unread = served.bidi();
  EXPECT_EQ(unread.write(bytes("x"), {.last = true}).get(), Status());
  EXPECT_EQ(unread.finish().get(), Status());
  EXPECT_EQ(unread.header().get("greeting"), "hello");
}

TEST_P(ClientInterceptors, StartedCallTellsHeaderAndTrailer) {
  Talkative service;
  Journal journal;
  NotingClient a("a", journal);
  ServedRaw served = this->served(service, {a});
  Call<Chain> call = served.unary(bytes("x")).start();
  EXPECT_EQ(text_of(call.get()), "x");
  EXPECT_EQ(call.header().get("greeting"), "hello");
  EXPECT_EQ(call.trailer().get("farewell"), "bye");
  EXPECT_EQ(call.peer().to_string(), "pipe:served");
}

// Messages.

class Marking : public ClientInterceptor {
 public:
  explicit Marking(std::string mark) : mark_(std::move(mark)) {}
  Task<Status> intercept(ClientInvocation& call) override {
    Marks marks(mark_);
    co_return co_await call.next(marks);
  }

 private:
  struct Marks : MessageFilter {
    explicit Marks(std::string m) : mark(std::move(m)) {}
    Status on_request(Message& request) override { return add(request); }
    Status on_reply(Message& reply) override { return add(reply); }
    Status add(Message& message) {
      message = to_message(bytes(content_of(message) + mark));
      return {};
    }
    const std::string mark;
  };
  const std::string mark_;
};

TEST_P(ClientInterceptors, MessagesPassTheFiltersInwardsAndOutwards) {
  RawService service;
  Marking a("a"), b("b");
  ServedRaw served = this->served(service, {a, b});
  EXPECT_EQ(outcomes_of_all_kinds(served, "-"),
            (Lines{"-abba", "-abba,-abba,-abba,OK", "-ab-abba", "-abba,-abba,OK"}));
}

// Refuses the second message each way that it is told to.
class Censor : public ClientInterceptor {
 public:
  Task<Status> intercept(ClientInvocation& call) override {
    Rules rules(std::string(call.metadata().get("refuse").value_or("")));
    co_return co_await call.next(rules);
  }

 private:
  struct Rules : MessageFilter {
    explicit Rules(std::string w) : way(std::move(w)) {}
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

TEST_P(ClientInterceptors, MessageThatAFilterRefusesEndsTheCall) {
  RawService service;
  Censor censor;
  ServedRaw served = this->served(service, {censor});
  EXPECT_EQ(
      outcomes_of_all_kinds(served, "x", {.metadata = MetadataList({"refuse", "request"})}),
      (Lines{"x", "x,x,x,OK", "INVALID_ARGUMENT: second request", "x,INVALID_ARGUMENT: second request"}));
  EXPECT_EQ(outcomes_of_all_kinds(served, "x", {.metadata = MetadataList({"refuse", "reply"})}),
            (Lines{"x", "x,INVALID_ARGUMENT: second reply", "xx", "x,INVALID_ARGUMENT: second reply"}));
  const std::string thrown = "UNKNOWN: interceptor threw: in the filter";
  for (const char* way : {"throw request", "throw reply"}) {
    EXPECT_EQ(outcomes_of_all_kinds(served, "x", {.metadata = MetadataList({"refuse", way})}),
              (Lines{thrown, thrown, thrown, thrown}))
        << way;
  }
}

TEST_P(ClientInterceptors, CacheAnswersWithoutTheServer) {
  class Cache : public ClientInterceptor {
   public:
    Task<Status> intercept(ClientInvocation& call) override {
      const std::string key = std::string(call.method().path) + call.request().bytes().to_string();
      if (const auto known = known_.find(key); known != known_.end()) {
        call.reply() = Message(known->second);
        co_return Status();
      }
      Status status = co_await call.next();
      if (status.ok()) known_[key] = to_bytes(*call.reply()).value();
      co_return status;
    }

   private:
    std::map<std::string, Chain> known_;
  };
  Shaky service(0);
  Cache cache;
  ServedRaw served = this->served(service, {cache});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "x");
    EXPECT_EQ(text_of(served.unary(bytes("y")).get()), "y");
  }
  EXPECT_EQ(service.calls, 2);
}

// What users get wrong, and the limits that hold with interceptors too.

TEST_P(ClientInterceptors, SecondNextWhileOneRunsIsRefused) {
  class Twice : public ClientInterceptor {
   public:
    Task<Status> intercept(ClientInvocation& call) override {
      Scope scope(call.loop());
      (void)scope.spawn(first(call));
      const Status second = co_await call.next();
      second_code = second.code();
      co_await scope.join();
      co_return first_status_;
    }
    std::atomic<StatusCode> second_code = StatusCode::kOk;

   private:
    Task<void> first(ClientInvocation& call) { first_status_ = co_await call.next(); }
    Status first_status_;
  };
  RawService service;
  Twice twice;
  ServedRaw served = this->served(service, {twice});
  EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "x");
  EXPECT_EQ(twice.second_code, StatusCode::kFailedPrecondition);
}

TEST_P(ClientInterceptors, StreamRulesHoldInsideInterceptors) {
  RawService service;
  Journal journal;
  NotingClient a("a", journal);
  ServedRaw served = this->served(service, {a});
  const Chain message = bytes("m");
  {
    auto stream = served.bidi();
    EXPECT_EQ(stream.write(message, {.last = true}).get(), Status());
    const Status late = stream.write(message).get();
    EXPECT_TRUE(late.code() == StatusCode::kFailedPrecondition || late.code() == StatusCode::kCancelled)
        << late;
    EXPECT_EQ(stream.read().get()->to_string(), "m");
    EXPECT_FALSE(stream.read().get());
    EXPECT_EQ(stream.finish().get(), Status());
  }
  auto stream = served.bidi();
  auto first = stream.read().start();
  EXPECT_FALSE(stream.read().get());
  EXPECT_FALSE(first.get());
  EXPECT_EQ(stream.finish().get().code(), StatusCode::kFailedPrecondition);
}

TEST_P(ClientInterceptors, WriteAfterTheStreamWasHalfClosedIsRefused) {
  class Waits : public RawService {
   public:
    Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>&) override {
      co_return co_await sleep(1h, context.context());
    }
  };
  Waits service;
  Journal journal;
  NotingClient a("a", journal);
  ServedRaw served = this->served(service, {a});
  auto stream = served.bidi();
  EXPECT_EQ(stream.close_write().get(), Status());
  EXPECT_EQ(stream.write(bytes("x")).get(),
            Status(StatusCode::kFailedPrecondition, "write after the stream was half-closed"));
  stream.cancel();
  EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
}

TEST_P(ClientInterceptors, MessageTooLongToBeSentFailsOnlyItsWrite) {
  RawService service;
  Retry retry(3);
  support::Served::Options options;
  options.channel.interceptors = {retry};
  options.channel.max_send_message_size = 100;
  ServedRaw served(runtime(), service, std::move(options));
  auto stream = served.bidi();
  EXPECT_EQ(stream.write(pattern(101)).get().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(stream.write(bytes("short")).get(), Status());
  EXPECT_EQ(stream.read().get()->to_string(), "short");
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(ClientInterceptors, ManyMessagesPassWithTheirOrder) {
  RawService service;
  Marking a("a");
  ServedRaw served = this->served(service, {a});
  auto stream = served.bidi();
  for (int i = 0; i < 500; ++i) {
    const Chain message = bytes(std::to_string(i));
    ASSERT_EQ(stream.write(message).get(), Status());
    ASSERT_EQ(stream.read().get()->to_string(), std::to_string(i) + "aa");
  }
  EXPECT_EQ(stream.finish().get(), Status());
}

}  // namespace
}  // namespace sluice::e2e
