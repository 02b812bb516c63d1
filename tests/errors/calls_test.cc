// Details from a handler to its caller, through trailers: all kinds of methods, over every Runtime.
#include <string>

#include "helloworld.sluice.h"
#include "sluice/errors/error_details.pb.h"
#include "sluice/errors/errors.h"
#include "sluice/sluice.h"
#include "support/runtime_fixture.h"

namespace sluice {
namespace {

using helloworld::HelloReply;
using helloworld::HelloRequest;

class RichErrors : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, RichErrors, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

// What a server says of a name that it does not take.
Status refusal(const std::string& name) {
  errors::BadRequest bad;
  auto& violation = *bad.add_field_violations();
  violation.set_field("name");
  violation.set_description("\"" + name + "\" is no name");
  violation.set_reason("NO_NAME");
  errors::LocalizedMessage text;
  text.set_locale("de-CH");
  text.set_message("kein Name");
  HelloRequest request;  // a message of the program's own
  request.set_name(name);
  return with_details({StatusCode::kInvalidArgument, "no name"}, bad, text, request);
}

class Refusing final : public helloworld::Greeter::Service {
  Task<Result<HelloReply>> SayHello(ServerContext&, const HelloRequest& request) override {
    co_return refusal(request.name());
  }
  Task<Status> SayHelloReplyStream(ServerContext&, const HelloRequest& request,
                                   ServerWriter<HelloReply>& writer) override {
    const HelloReply reply;
    if (Status status = co_await writer.write(reply); !status.ok()) co_return status;
    co_return refusal(request.name());
  }
  Task<Result<HelloReply>> SayHelloRequestStream(ServerContext&,
                                                 ServerReader<HelloRequest>& reader) override {
    HelloRequest request;
    (void)co_await reader.read_into(request);
    throw StatusError(refusal(request.name()));
  }
  Task<Status> SayHelloBiStream(ServerContext&,
                                ServerReaderWriter<HelloReply, HelloRequest>& stream) override {
    HelloRequest request;
    (void)co_await stream.read_into(request);
    co_return refusal(request.name());
  }
};

void expect_refused(const Status& status) {
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "no name");
  const auto bad = find_detail<errors::BadRequest>(status);
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->field_violations(0).field(), "name");
  EXPECT_EQ(bad->field_violations(0).description(), "\"?\" is no name");
  EXPECT_EQ(find_detail<errors::LocalizedMessage>(status)->message(), "kein Name");
  EXPECT_EQ(find_detail<HelloRequest>(status)->name(), "?");
  EXPECT_FALSE(find_detail<errors::RetryInfo>(status));
  const auto all = error_details(status);
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ((*all)[2].type, "helloworld.HelloRequest");
}

TEST_P(RichErrors, OfAllKindsOfMethods) {
  Refusing service;
  support::Served served(runtime(), {}, service);
  const helloworld::Greeter::Stub stub(served.channel());
  HelloRequest request;
  request.set_name("?");
  expect_refused(stub.SayHello(request).get().status());
  auto reader = stub.SayHelloReplyStream(request);
  EXPECT_TRUE(reader.read().get());
  EXPECT_FALSE(reader.read().get());
  expect_refused(reader.finish().get());
  auto writer = stub.SayHelloRequestStream();
  EXPECT_EQ(writer.write(request).get(), Status());
  expect_refused(writer.finish().get().status());
  auto both = stub.SayHelloBiStream();
  EXPECT_EQ(both.write(request).get(), Status());
  EXPECT_FALSE(both.read().get());
  expect_refused(both.finish().get());
}

// What does not fit into the trailers is left out; the status arrives.
TEST_P(RichErrors, TooLongForTheClientLeaveTheStatus) {
  struct Long final : helloworld::Greeter::Service {
    Task<Result<HelloReply>> SayHello(ServerContext&, const HelloRequest&) override {
      errors::DebugInfo debug;
      debug.set_detail(std::string(30'000, 'x'));
      co_return with_details({StatusCode::kInternal, "broken"}, debug);
    }
  } service;
  support::Served served(runtime(), {}, service);
  const Status status = helloworld::Greeter::Stub(served.channel()).SayHello(HelloRequest()).get().status();
  EXPECT_EQ(status, Status(StatusCode::kInternal, "broken"));
  EXPECT_TRUE(error_details(status)->empty());
}

// A server may say anything.
TEST_P(RichErrors, MalformedOnesAreTheStatusAlone) {
  struct Odd final : helloworld::Greeter::Service {
    Task<Result<HelloReply>> SayHello(ServerContext&, const HelloRequest&) override {
      co_return Status(StatusCode::kAborted, "odd", "\x08\x05\x1a\x7fnot a status");
    }
  } service;
  support::Served served(runtime(), {}, service);
  const Status status = helloworld::Greeter::Stub(served.channel()).SayHello(HelloRequest()).get().status();
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_EQ(status.message(), "odd");
  EXPECT_FALSE(find_detail<errors::BadRequest>(status));
  EXPECT_EQ(error_details(status).status().message(),
            "the details of the status are no google.rpc.Status: 16 bytes");
}

}  // namespace
}  // namespace sluice
