// Calls over the kernel's sockets: the same server and channel, on tcp and unix.
#include <unistd.h>

#include <chrono>
#include <string>

#include "e2e/greeter.h"
#include "e2e/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;

class OverSockets : public support::RuntimeTest {
 protected:
  // One address of each kind that nobody else uses.
  static std::vector<std::string> addresses() {
    const std::string name = "sluice-e2e-" + std::to_string(::getpid());
    return {"tcp:127.0.0.1:0", "tcp:[::1]:0", "unix:" + ::testing::TempDir() + name, "unix-abstract:" + name};
  }
};
INSTANTIATE_TEST_SUITE_P(Real, OverSockets, ::testing::ValuesIn(support::kRealRuntimes), support::name_of);

TEST_P(OverSockets, CarryAllFourKindsOfCalls) {
  RawService service;
  for (const std::string& address : addresses()) {
    SCOPED_TRACE(address);
    Server server(runtime());
    ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
    auto listener = runtime().listen(address);
    ASSERT_TRUE(listener.ok()) << listener.status();
    const std::string target = (*listener)->addr().to_string();
    ASSERT_EQ(server.serve(std::move(*listener)), Status());
    const Channel channel = dial(runtime(), target).value();
    const Chain request = bytes("hello");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "hello");
    auto stream = bidi(channel);
    for (const std::string text : {"a", "", "ccc"}) {
      const Chain message = bytes(text);
      EXPECT_EQ(stream.write(message).get(), Status());
      const std::optional<Chain> echo = stream.read().get();
      ASSERT_TRUE(echo);
      EXPECT_EQ(echo->to_string(), text);
    }
    EXPECT_EQ(stream.finish().get(), Status());
  }
}

TEST_P(OverSockets, CarryLargeMessages) {
  RawService service;
  for (const std::string& address : addresses()) {
    SCOPED_TRACE(address);
    Server server(runtime());
    ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
    auto listener = runtime().listen(address).value();
    const std::string target = listener->addr().to_string();
    ASSERT_EQ(server.serve(std::move(listener)), Status());
    const Channel channel = dial(runtime(), target).value();
    for (const std::size_t size : {std::size_t{100'000}, std::size_t{4'000'000}}) {
      const Chain request = pattern(size);
      const Result<Chain> reply = channel.invoke(kUnary, request).get();
      ASSERT_TRUE(reply.ok()) << reply.status();
      EXPECT_TRUE(reply->to_string() == request.to_string());
    }
  }
}

TEST_P(OverSockets, NameTheAddressThatRefuses) {
  Channel channel = dial(runtime(), "unix:" + ::testing::TempDir() + "sluice-nobody").value();
  const Chain request = bytes("hello");
  const Status status = channel.invoke(kUnary, request).get().status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("sluice-nobody"), std::string::npos) << status;
  EXPECT_NE(status.message().find("no such file"), std::string::npos) << status;
}

TEST(SimulatedSockets, AreRefused) {
  Runtime runtime({.simulation_seed = 1});
  EXPECT_EQ(
      runtime.listen("tcp:127.0.0.1:0").status(),
      Status(StatusCode::kFailedPrecondition, "a simulation has no sockets, and so no \"tcp\": use a pipe"));
  EXPECT_EQ(dial(runtime, "unix:/run/x").status().code(), StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace sluice::e2e
