// How calls end: every code, with text and details, and what becomes of handlers that do not return one.
#include <chrono>
#include <stdexcept>
#include <string>

#include "support/greeter.h"
#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace support;

class StatusCalls : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, StatusCalls, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

// Ends every call with `status`.
class Failing final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext&, const Chain&) override { co_return status; }
  Task<Status> reply_stream(ServerContext&, const Chain& request, ServerWriter<Chain>& writer) override {
    if (Status written = co_await writer.write(request); !written.ok()) co_return written;
    co_return status;
  }
  Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
    Chain request;
    while (co_await reader.read_into(request)) {
    }
    co_return status;
  }
  Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>&) override { co_return status; }
  Status status;
};

void expect_status_of_all_kinds(ServedRaw& served, const Status& status) {
  const Chain request = bytes("m");
  EXPECT_EQ(served.unary(request).get().status(), status);
  auto replies = served.reply_stream(request);
  EXPECT_TRUE(replies.read().get());
  EXPECT_FALSE(replies.read().get());
  EXPECT_EQ(replies.finish().get(), status);
  auto requests = served.request_stream();
  EXPECT_EQ(requests.write(request).get(), Status());
  EXPECT_EQ(requests.finish().get().status(), status);
  auto both = served.bidi();
  EXPECT_FALSE(both.read().get());
  EXPECT_EQ(both.finish().get(), status);
}

TEST_P(StatusCalls, EveryCodeArrivesFromEveryKind) {
  Failing service;
  ServedRaw served(runtime(), service);
  for (int code = 1; code <= 16; ++code) {
    service.status = Status(static_cast<StatusCode>(code), "text of code " + std::to_string(code));
    expect_status_of_all_kinds(served, service.status);
  }
}

TEST_P(StatusCalls, TextsArriveAsTheyAre) {
  Failing service;
  ServedRaw served(runtime(), service);
  for (const std::string& text :
       {std::string(), std::string("100 %"), std::string("%41%"), std::string("two\nlines\tand\rmore"),
        std::string("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8e\x89"), std::string("a\0b", 3),
        std::string(" leading and trailing "), std::string(3'000, 'x')}) {
    service.status = Status(StatusCode::kAborted, text);
    expect_status_of_all_kinds(served, service.status);
  }
}

TEST_P(StatusCalls, DetailsArriveByteForByte) {
  Failing service;
  ServedRaw served(runtime(), service);
  std::string details;
  for (int i = 0; i < 256; ++i) details.push_back(static_cast<char>(i));
  service.status = Status(StatusCode::kInvalidArgument, "look at the details", details);
  const Chain request = bytes("m");
  const Status status = served.unary(request).get().status();
  EXPECT_EQ(status, service.status);
  EXPECT_TRUE(status.details() == details);
}

// What does not fit into the peer's header list is cut; the code still arrives.
TEST_P(StatusCalls, VeryLongTextsAreCutAndKeepTheirCode) {
  Failing service;
  ServedRaw served(runtime(), service);
  for (const std::string& text :
       {std::string(8'192, 'x'), std::string(100'000, '%'), std::string(20'000, '\n')}) {
    service.status = Status(StatusCode::kDataLoss, text);
    const Chain request = bytes("m");
    const Status status = served.unary(request).get().status();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status.to_string().substr(0, 200);
    EXPECT_GE(status.message().size(), 1'000u);
    EXPECT_TRUE(std::string_view(text).starts_with(status.message())) << status.message().substr(0, 100);
  }
  service.status = Status();
  auto stream = served.bidi();
  EXPECT_EQ(stream.finish().get(), Status()) << "the connection goes on";
}

// A text is never cut within a character.
TEST_P(StatusCalls, VeryLongUnicodeTextEndsWithAWholeCharacter) {
  Failing service;
  ServedRaw served(runtime(), service);
  const auto check = [&](const std::string& text) {
    service.status = Status(StatusCode::kDataLoss, text);
    const Chain request = bytes("m");
    const Status status = served.unary(request).get().status();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_TRUE(text.starts_with(status.message())) << "of " << text.size() << " bytes";
    EXPECT_EQ(status.message().find_last_not_of("\xe2\x82\xac") == std::string_view::npos
                  ? status.message().size() % 3
                  : (status.message().size() - status.message().find_last_not_of("\xe2\x82\xac") - 1) % 3,
              0u)
        << "ends inside a character";
  };
  std::string euros;
  for (int i = 0; i < 3'000; ++i) euros += "\xe2\x82\xac";
  for (std::size_t shift = 0; shift < 9; ++shift) check(std::string(shift, 'x') + euros);
  for (std::size_t size = 4'080; size < 4'100; ++size)
    check(std::string(size, 'x') + "\xe2\x82\xac\xe2\x82\xac");
}

TEST_P(StatusCalls, DetailsThatDoNotFitAreLeftOut) {
  Failing service;
  ServedRaw served(runtime(), service);
  service.status = Status(StatusCode::kAborted, "the text", std::string(20'000, 'd'));
  const Chain request = bytes("m");
  EXPECT_EQ(served.unary(request).get().status(), Status(StatusCode::kAborted, "the text"));
  service.status = Status(StatusCode::kAborted, "the text", std::string(4'000, 'd'));
  EXPECT_EQ(served.unary(request).get().status(), service.status);
}

TEST_P(StatusCalls, TextThatIsNoUnicodeIsMadeSo) {
  Failing service;
  ServedRaw served(runtime(), service);
  service.status = Status(StatusCode::kAborted,
                          "a\xff"
                          "b");
  const Chain request = bytes("m");
  EXPECT_EQ(served.unary(request).get().status(), Status(StatusCode::kAborted,
                                                         "a\xef\xbf\xbd"
                                                         "b"));
}

TEST_P(StatusCalls, OkKeepsNeitherTextNorDetails) {
  Failing service;
  ServedRaw served(runtime(), service);
  auto stream = served.bidi();
  const Status status = stream.finish().get();
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status, Status());
}

class Throwing final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
    raise(request.to_string());
    co_return Chain();
  }
  Task<Status> reply_stream(ServerContext&, const Chain& request, ServerWriter<Chain>& writer) override {
    if (Status status = co_await writer.write(request); !status.ok()) co_return status;
    raise(request.to_string());
    co_return Status();
  }
  Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
    Chain request;
    (void)co_await reader.read_into(request);
    raise(request.to_string());
    co_return Chain();
  }
  Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
    const Read<Chain> request = co_await stream.read();
    raise(request->to_string());
    co_return Status();
  }

 private:
  static void raise(const std::string& what) {
    if (what == "std") throw std::runtime_error("it broke");
    if (what == "int") throw 42;
    throw StatusError(Status(StatusCode::kNotFound, "as a value"));
  }
};

TEST_P(StatusCalls, HandlerThatThrowsEndsItsCallOnly) {
  Throwing service;
  ServedRaw served(runtime(), service);
  const struct {
    const char* what;
    StatusCode code;
  } cases[] = {
      {"std", StatusCode::kUnknown}, {"int", StatusCode::kUnknown}, {"status", StatusCode::kNotFound}};
  for (const auto& c : cases) {
    const Chain request = bytes(c.what);
    const Status unary = served.unary(request).get().status();
    EXPECT_EQ(unary.code(), c.code) << unary;
    EXPECT_FALSE(unary.message().empty()) << "the text says what happened";
    auto replies = served.reply_stream(request);
    EXPECT_TRUE(replies.read().get());
    EXPECT_EQ(replies.finish().get(), unary);
    auto requests = served.request_stream();
    EXPECT_EQ(requests.write(request).get(), Status());
    EXPECT_EQ(requests.finish().get().status(), unary);
    auto both = served.bidi();
    EXPECT_EQ(both.write(request).get(), Status());
    EXPECT_EQ(both.finish().get(), unary);
  }
  EXPECT_EQ(served.unary(bytes("status")).get().status(), Status(StatusCode::kNotFound, "as a value"));
}

TEST_P(StatusCalls, StreamThatEndsWithoutAMessageIsJustEmpty) {
  struct Impl final : RawService {
    Task<Status> reply_stream(ServerContext&, const Chain&, ServerWriter<Chain>&) override {
      co_return Status();
    }
  } service;
  ServedRaw served(runtime(), service);
  auto stream = served.reply_stream(bytes("m"));
  EXPECT_FALSE(stream.read().get());
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(StatusCalls, HandlerMayAnswerBeforeTheClientHasFinished) {
  struct Impl final : RawService {
    Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
      Chain request;
      (void)co_await reader.read_into(request);
      co_return bytes("enough");
    }
  } service;
  ServedRaw served(runtime(), service);
  auto stream = served.request_stream();
  const Chain request = pattern(10'000);
  Status status;
  for (int i = 0; i < 1'000 && status.ok(); ++i) status = stream.write(request).get();
  EXPECT_EQ(status.code(), StatusCode::kCancelled) << status;
  EXPECT_EQ(text_of(stream.finish().get()), "enough");
  // No window was lost on the connection.
  for (int round = 0; round < 200; ++round) {
    auto next = served.request_stream();
    for (int i = 0; i < 3; ++i) (void)next.write(request).get();
    ASSERT_EQ(text_of(next.finish().get()), "enough");
  }
}

TEST_P(StatusCalls, MethodThatIsNotOverriddenIsUnimplemented) {
  struct Bare final : helloworld::Greeter::Service {
  } bare;
  Served served(runtime(), {}, bare);
  const helloworld::Greeter::Stub stub(served.channel());
  const HelloRequest request = request_of("x");
  const Status unary = stub.SayHello(request).get().status();
  EXPECT_EQ(unary.code(), StatusCode::kUnimplemented);
  EXPECT_NE(unary.message().find("SayHello"), std::string_view::npos) << unary;
  auto replies = stub.SayHelloReplyStream(request);
  EXPECT_FALSE(replies.read().get());
  EXPECT_EQ(replies.finish().get().code(), StatusCode::kUnimplemented);
  auto requests = stub.SayHelloRequestStream();
  EXPECT_EQ(requests.finish().get().status().code(), StatusCode::kUnimplemented);
  auto both = stub.SayHelloBiStream();
  EXPECT_EQ(both.finish().get().code(), StatusCode::kUnimplemented);
}

TEST_P(StatusCalls, UnknownMethodsAndServicesAreNamed) {
  RawService service;
  ServedRaw served(runtime(), service);
  static constexpr UnaryMethod<Chain, Chain> kNoMethod("/test.Raw/Nothing"), kNoService("/test.None/Unary"),
      kOtherCase("/test.raw/Unary"), kDeep("/test/Raw/Unary"), kNoSlash("test.Raw/Unary"), kEmpty("/");
  const Chain request = bytes("m");
  const auto status_of = [&](const UnaryMethod<Chain, Chain>& method) {
    return served.channel().invoke(method, request).get().status();
  };
  EXPECT_EQ(status_of(kNoMethod),
            Status(StatusCode::kUnimplemented, "unknown method Nothing for service test.Raw"));
  EXPECT_EQ(status_of(kNoService), Status(StatusCode::kUnimplemented, "unknown service test.None"));
  EXPECT_EQ(status_of(kOtherCase), Status(StatusCode::kUnimplemented, "unknown service test.raw"));
  EXPECT_EQ(status_of(kDeep), Status(StatusCode::kUnimplemented, "unknown service test/Raw"));
  EXPECT_EQ(status_of(kEmpty).code(), StatusCode::kUnimplemented);
  const Status no_slash = status_of(kNoSlash);
  EXPECT_EQ(no_slash.code(), StatusCode::kInternal);
  EXPECT_NE(no_slash.message().find("test.Raw/Unary"), std::string_view::npos) << no_slash;
  EXPECT_EQ(text_of(served.unary(request).get()), "m");
}

// Serves any method as a stream of raw messages: first its name, then an echo.
struct Anything {
  Task<Status> serve(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) {
    const Chain name = bytes(context.method());
    if (Status status = co_await stream.write(name); !status.ok()) co_return status;
    Chain request;
    while (co_await stream.read_into(request)) {
      if (Status status = co_await stream.write(request); !status.ok()) co_return status;
    }
    co_return Status(StatusCode::kAborted, "nobody knows it");
  }
};

TEST_P(StatusCalls, UnknownServiceHandlerServesWhatNobodyRegistered) {
  Anything anything;
  RawService service;
  ServedRaw served(
      runtime(), service,
      {.server = {.unknown_service = &bidi_stream_method<Anything, Chain, Chain, &Anything::serve>,
                  .unknown_service_object = &anything}});
  const Chain request = bytes("m");
  EXPECT_EQ(text_of(served.unary(request).get()), "m") << "registered methods are served as ever";
  ClientReaderWriter<Chain, Chain> stream(served.channel().new_stream({"/no.Such/Method", true, true}));
  EXPECT_EQ(stream.write(request).get(), Status());
  std::string got;
  got += stream.read().get().value_or(Chain()).to_string() + " ";
  got += stream.read().get().value_or(Chain()).to_string();
  EXPECT_EQ(got, "/no.Such/Method m");
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kAborted, "nobody knows it"));
}

TEST_P(StatusCalls, RequestThatDoesNotDecodeIsInternal) {
  Greeter greeter;
  Served served(runtime(), {}, greeter);
  static constexpr UnaryMethod<Chain, Chain> kHello("/helloworld.Greeter/SayHello");
  const Chain garbage = bytes("\xff\xff\xff");
  EXPECT_EQ(served.channel().invoke(kHello, garbage).get().status().code(), StatusCode::kInternal);
  ClientReaderWriter<Chain, Chain> stream(
      served.channel().new_stream({"/helloworld.Greeter/SayHelloBiStream", true, true}));
  EXPECT_EQ(stream.write(garbage).get(), Status());
  EXPECT_EQ(stream.finish().get().code(), StatusCode::kInternal);
}

TEST_P(StatusCalls, ReplyThatDoesNotDecodeIsInternal) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext&, const Chain&) override { co_return bytes("\xff\xff\xff"); }
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      const Chain garbage = bytes("\xff\xff\xff");
      if (Status status = co_await stream.write(garbage); !status.ok()) co_return status;
      Chain request;
      while (co_await stream.read_into(request)) {
      }
      co_return Status();
    }
  } service;
  ServedRaw served(runtime(), service);
  static constexpr UnaryMethod<HelloRequest, HelloReply> kTyped("/test.Raw/Unary");
  const HelloRequest request = request_of("x");
  EXPECT_EQ(served.channel().invoke(kTyped, request).get().status().code(), StatusCode::kInternal);
  ClientReaderWriter<HelloRequest, HelloReply> stream(
      served.channel().new_stream({"/test.Raw/Bidi", true, true}));
  EXPECT_FALSE(stream.read().get());
  EXPECT_EQ(stream.finish().get().code(), StatusCode::kInternal);
}

// A method of one kind called as if it were of another.
TEST_P(StatusCalls, WrongNumberOfMessagesIsUnimplemented) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain request = bytes("m");
  {
    ClientReaderWriter<Chain, Chain> none(served.channel().new_stream({"/test.Raw/Unary", true, true}));
    EXPECT_EQ(none.finish().get().code(), StatusCode::kUnimplemented);
  }
  {
    ClientReaderWriter<Chain, Chain> two(served.channel().new_stream({"/test.Raw/Unary", true, true}));
    EXPECT_EQ(two.write(request).get(), Status());
    (void)two.write(request).get();
    EXPECT_EQ(two.finish().get().code(), StatusCode::kUnimplemented);
  }
  static constexpr UnaryMethod<Chain, Chain> kThree("/test.Raw/ReplyStream");
  EXPECT_EQ(served.channel().invoke(kThree, request).get().status().code(), StatusCode::kUnimplemented);
  struct Silent final : RawService {
    Task<Status> reply_stream(ServerContext&, const Chain&, ServerWriter<Chain>&) override {
      co_return Status();
    }
  } silent;
  ServedRaw other(runtime(), silent, {.address = "pipe:silent"});
  EXPECT_EQ(other.channel().invoke(kThree, request).get().status().code(), StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace sluice::e2e
