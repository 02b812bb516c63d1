// Interceptors of a channel: headers of each attempt, and coroutines around all four kinds of call, which
// observe, change, answer and repeat them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "e2e/journal.h"
#include "e2e/raw_service.h"
#include "sluice/async/scope.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;

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

// Fails the first calls with UNAVAILABLE, then echoes; tells what it was sent.
class Shaky : public RawService {
 public:
  explicit Shaky(int failures) : failures_(failures) {}
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    if (Status s = enter(context); !s.ok()) co_return s;
    co_return Chain(request);
  }
  Task<Status> reply_stream(ServerContext& context, const Chain& request,
                            ServerWriter<Chain>& writer) override {
    if (Status s = enter(context); !s.ok()) co_return s;
    co_return co_await RawService::reply_stream(context, request, writer);
  }
  Task<Result<Chain>> request_stream(ServerContext& context, ServerReader<Chain>& reader) override {
    if (Status s = enter(context); !s.ok()) co_return s;
    co_return co_await RawService::request_stream(context, reader);
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    if (Status s = enter(context); !s.ok()) co_return s;
    co_return co_await RawService::bidi(context, stream);
  }

  std::atomic<int> calls = 0;
  Journal seen;

 private:
  Status enter(ServerContext& context) {
    seen.add(std::string(context.metadata().get("attempt").value_or("")));
    if (++calls <= failures_) return {StatusCode::kUnavailable, "not yet"};
    return {};
  }
  const int failures_;
};

Lines call_all_kinds(ServedRaw& served, const std::string& text, const CallOptions& options = {}) {
  const Chain request = bytes(text);
  Lines got;
  got.push_back(text_of(served.unary(request, options).get()));
  {
    auto stream = served.reply_stream(request, options);
    std::string all;
    Chain reply;
    while (stream.read_into(reply).get()) all += reply.to_string() + ",";
    got.push_back(all + stream.finish().get().to_string());
  }
  {
    auto stream = served.request_stream(options);
    for (int i = 0; i < 2; ++i) (void)stream.write(request).get();
    got.push_back(text_of(stream.finish().get()));
  }
  auto stream = served.bidi(options);
  std::string all;
  for (int i = 0; i < 2; ++i) {
    (void)stream.write(request).get();
    if (std::optional<Chain> reply = stream.read().get()) all += reply->to_string() + ",";
  }
  got.push_back(all + stream.finish().get().to_string());
  return got;
}

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
  EXPECT_EQ(call_all_kinds(served, "x"), (Lines{"x", "x,x,x,OK", "xx", "x,x,OK"}));
  EXPECT_EQ(service.seen.take(), (Lines{"token for /test.Raw/Unary", "token for /test.Raw/ReplyStream",
                                        "token for /test.Raw/RequestStream", "token for /test.Raw/Bidi"}));
}

TEST_P(ClientInterceptors, HeaderStageRefusesEveryKindBeforeAnythingIsSent) {
  Shaky service(0);
  Credentials credentials;
  ServedRaw served = this->served(service, {credentials});
  const std::string refused = "PERMISSION_DENIED: not from here";
  EXPECT_EQ(call_all_kinds(served, "x", {.metadata = MetadataList({"refuse", "1"})}),
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

// Stage two.

class Noting : public ClientInterceptor {
 public:
  Noting(std::string name, Journal& journal) : name_(std::move(name)), journal_(journal) {}
  Status on_headers(OutgoingHeaders&) override {
    journal_.add(name_ + " headers");
    return {};
  }
  Task<Status> intercept(ClientInvocation& call) override {
    journal_.add(name_ + " begins");
    Status status = co_await call.next();
    journal_.add(name_ + " ends " + status.to_string());
    co_return status;
  }

 private:
  const std::string name_;
  Journal& journal_;
};

TEST_P(ClientInterceptors, FirstOfTheChainIsOutermost) {
  RawService service;
  Journal journal;
  Noting a("a", journal);
  auto b = std::make_shared<Noting>("b", journal);
  ServedRaw served = this->served(service, {a, b});
  EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "x");
  EXPECT_EQ(journal.take(),
            (Lines{"a begins", "b begins", "a headers", "b headers", "b ends OK", "a ends OK"}));
}

TEST_P(ClientInterceptors, AllFourKindsPassAChain) {
  RawService service;
  Journal journal;
  Noting a("a", journal), b("b", journal);
  ServedRaw served = this->served(service, {a, b});
  EXPECT_EQ(call_all_kinds(served, "x"), (Lines{"x", "x,x,x,OK", "xx", "x,x,OK"}));
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
  EXPECT_EQ(call_all_kinds(served, "x"), (Lines{"x", "x,x,x,OK", "xx", "x,x,OK"}));
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
    return call_all_kinds(served, "x", {.metadata = MetadataList({"do", what})});
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
  EXPECT_EQ(journal.take(), Lines{" bye pipe:served DATA_LOSS: lost"});
  auto stream = served.bidi();
  ASSERT_EQ(stream.write(bytes("x")).get(), Status());
  ASSERT_EQ(stream.wait_header().get(), Status());
  EXPECT_EQ(stream.header().get("greeting"), "hello");
  EXPECT_EQ(stream.finish().get(), Status());
  EXPECT_EQ(stream.trailer().get("farewell"), "bye");
  EXPECT_EQ(stream.peer().to_string(), "pipe:served");
  EXPECT_EQ(journal.take(), Lines{"hello bye pipe:served OK"});
}

TEST_P(ClientInterceptors, StartedCallTellsHeaderAndTrailer) {
  Talkative service;
  Journal journal;
  Noting a("a", journal);
  ServedRaw served = this->served(service, {a});
  Call<Chain> call = served.unary(bytes("x")).start();
  EXPECT_EQ(text_of(call.get()), "x");
  EXPECT_EQ(call.header().get("greeting"), "hello");
  EXPECT_EQ(call.trailer().get("farewell"), "bye");
  EXPECT_EQ(call.peer().to_string(), "pipe:served");
}

// Messages.

std::string content_of(const Message& message) { return decode_as<Chain>(message).value().to_string(); }

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
  EXPECT_EQ(call_all_kinds(served, "-"),
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
      call_all_kinds(served, "x", {.metadata = MetadataList({"refuse", "request"})}),
      (Lines{"x", "x,x,x,OK", "INVALID_ARGUMENT: second request", "x,INVALID_ARGUMENT: second request"}));
  EXPECT_EQ(call_all_kinds(served, "x", {.metadata = MetadataList({"refuse", "reply"})}),
            (Lines{"x", "x,INVALID_ARGUMENT: second reply", "xx", "x,INVALID_ARGUMENT: second reply"}));
  const std::string thrown = "UNKNOWN: interceptor threw: in the filter";
  for (const char* way : {"throw request", "throw reply"}) {
    EXPECT_EQ(call_all_kinds(served, "x", {.metadata = MetadataList({"refuse", way})}),
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

// Several attempts.

class Retry : public ClientInterceptor {
 public:
  explicit Retry(int max_attempts, Duration wait = 1ms, std::size_t keep = 1000)
      : max_attempts_(max_attempts), wait_(wait), keep_(keep) {}
  Task<Status> intercept(ClientInvocation& call) override {
    call.keep_writes(keep_);
    for (int attempt = 1;; ++attempt) {
      call.metadata().erase("attempt");
      call.metadata().add("attempt", std::to_string(attempt));
      Status status = co_await call.next();
      if (status.code() != StatusCode::kUnavailable || attempt == max_attempts_ || !call.can_restart())
        co_return status;
      if (Status woken = co_await sleep(wait_, call.context()); !woken.ok()) co_return woken;
    }
  }

 private:
  const int max_attempts_;
  const Duration wait_;
  const std::size_t keep_;
};

TEST_P(ClientInterceptors, RetryRepeatsEveryKindUntilSuccess) {
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

TEST_P(ClientInterceptors, RetryGivesUpAfterItsAttempts) {
  Shaky service(100);
  Retry retry(3);
  ServedRaw served = this->served(service, {retry});
  EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "UNAVAILABLE: not yet");
  EXPECT_EQ(service.calls, 3);
}

TEST_P(ClientInterceptors, OuterRetryStartsTheInnerInterceptorsAnew) {
  Shaky service(2);
  Retry retry(5);
  Journal journal;
  Noting inner("i", journal);
  ServedRaw served = this->served(service, {retry, inner});
  EXPECT_EQ(text_of(served.unary(bytes("x")).get()), "x");
  EXPECT_EQ(journal.take(),
            (Lines{"i begins", "i headers", "i ends UNAVAILABLE: not yet", "i begins", "i headers",
                   "i ends UNAVAILABLE: not yet", "i begins", "i headers", "i ends OK"}));
}

TEST_P(ClientInterceptors, RetryStopsAtTheDeadline) {
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

TEST_P(ClientInterceptors, RetryStopsWhenTheCallIsCancelled) {
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

TEST_P(ClientInterceptors, StreamIsNotRepeatedOnceTheCallerHasSeenAMessage) {
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

TEST_P(ClientInterceptors, WritesThatAreNotKeptCannotBeRepeated) {
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
TEST_P(ClientInterceptors, ReplyStreamMayGoOnAfterItsLastMessage) {
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

TEST_P(ClientInterceptors, InterceptorChangesMetadataAndDeadlineForWhatIsInside) {
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

// What users get wrong, and the limits that hold with interceptors too.

TEST_P(ClientInterceptors, SecondNextWhileOneRunsIsRefused) {
  class Twice : public ClientInterceptor {
   public:
    Task<Status> intercept(ClientInvocation& call) override {
      Scope scope(call.loop());
      scope.spawn(first(call));
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
  Noting a("a", journal);
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

TEST_P(ClientInterceptors, CallerThatOnlyWritesLearnsOfTheEnd) {
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
  auto stream = served.bidi();
  const Chain message = bytes("x");
  Status status;
  for (int i = 0; i < 10'000 && status.ok(); ++i) status = stream.write(message).get();
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(stream.read().get()->to_string(), "no more, please");
  EXPECT_FALSE(stream.read().get());
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kAborted, "enough"));
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

TEST_P(ClientInterceptors, ClosedChannelEndsWhatRetries) {
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

TEST_P(ClientInterceptors, CallsOfManyThreadsPassAtOnce) {
  Shaky service(10);
  Retry retry(20);
  ServedRaw served = this->served(service, {retry});
  const int threads = simulated() ? 1 : 4;
  std::vector<std::thread> running;
  std::atomic<int> right = 0;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        if (call_all_kinds(served, "x") == Lines{"x", "x,x,x,OK", "xx", "x,x,OK"}) ++right;
        { auto dropped = served.bidi(); }
        { Call<Chain> dropped = served.unary(bytes("x")).start(); }
      }
    });
  }
  for (std::thread& t : running) t.join();
  EXPECT_EQ(right, 20 * threads);
}

}  // namespace
}  // namespace sluice::e2e
