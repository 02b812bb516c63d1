// Calls over the kernel's sockets: the same server and channel, on tcp and unix.
#include <unistd.h>

#include <chrono>
#include <set>
#include <string>

#include "support/greeter.h"
#include "support/raw_service.h"
#include "support/raw_socket.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

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
      const Read<Chain> echo = stream.read().get();
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

TEST_P(OverSockets, TellWhoseProcessCalls) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
      const auto peer = context.peer_credentials();
      known = peer.has_value();
      right = peer && peer->uid == ::getuid() && peer->gid == ::getgid() && peer->pid == ::getpid();
      co_return Chain(request);
    }
    bool known = false;
    bool right = false;
  } service;
  for (const std::string& address : addresses()) {
    SCOPED_TRACE(address);
    Server server(runtime());
    ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
    ASSERT_EQ(server.serve(runtime().listen(address).value()), Status());
    const Channel channel = dial(runtime(), server.addrs()[0].to_string()).value();
    const Chain request = bytes("hello");
    EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "hello");
    EXPECT_EQ(service.known, address.starts_with("unix"));
    EXPECT_EQ(service.right, address.starts_with("unix"));
  }
}

TEST_P(OverSockets, ListenersComeAndGoWhileTheServerRuns) {
  RawService service;
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  std::vector<Channel> channels;
  const Chain request = bytes("hello");
  for (const std::string& address : addresses()) {
    ASSERT_EQ(server.serve(runtime().listen(address).value()), Status());
    channels.push_back(dial(runtime(), server.addrs().back().to_string()).value());
    for (const Channel& channel : channels)
      EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "hello");
  }
  const std::vector<Addr> addrs = server.addrs();
  ASSERT_EQ(addrs.size(), 4u);
  EXPECT_EQ(server.stop_listening(addrs[2]), Status());
  EXPECT_EQ(server.stop_listening(addrs[0]), Status());
  EXPECT_EQ(server.addrs(), (std::vector<Addr>{addrs[1], addrs[3]}));
  const Status again = server.stop_listening(addrs[0]);
  EXPECT_EQ(again.code(), StatusCode::kNotFound);
  EXPECT_NE(again.message().find(addrs[0].to_string()), std::string::npos) << again;
  // Who is connected stays; who comes anew is refused where nobody listens.
  for (std::size_t i = 0; i < addrs.size(); ++i) {
    EXPECT_EQ(text_of(channels[i].invoke(kUnary, request).get()), "hello");
    const Channel late = dial(runtime(), addrs[i].to_string()).value();
    EXPECT_EQ(late.invoke(kUnary, request).get().ok(), i % 2 == 1) << addrs[i].to_string();
  }
  // The address is free for another listener at once.
  EXPECT_EQ(server.serve(runtime().listen(addrs[0].to_string()).value()), Status());
  EXPECT_EQ(text_of(dial(runtime(), addrs[0].to_string()).value().invoke(kUnary, request).get()), "hello");
}

// Tells the :authority of its call.
class Authority final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain&) override {
    co_return bytes(context.metadata().get(":authority").value_or("none"));
  }
};

// Other servers refuse a request whose :authority is a path.
TEST_P(OverSockets, HaveAnAuthorityThatIsNoPath) {
  Authority service;
  for (const std::string& address : addresses()) {
    SCOPED_TRACE(address);
    Server server(runtime());
    ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
    ASSERT_EQ(server.serve(runtime().listen(address).value()), Status());
    const Addr target = server.addrs()[0];
    const Channel channel = dial(runtime(), target.to_string()).value();
    const Chain request = bytes("hello");
    EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()),
              target.scheme == "tcp" ? target.text : "localhost");
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

TEST_P(OverSockets, AServerWithoutDescriptorsSaysSoOnceAndServesWhenItHasSome) {
  RawService service;
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  auto listener = runtime().listen("tcp:127.0.0.1:0").value();
  const Addr addr = listener->addr();
  ASSERT_EQ(server.serve(std::move(listener)), Status());
  const auto client = support::RawSocket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  for (Loop* loop : runtime().loops()) loop->native_fd();  // each has its own by then
  {
    const support::NoMoreDescriptors none;
    support::RawAddr to = support::RawAddr::loopback(support::port_of(addr));
    (void)::connect(client.fd(), to.get(), to.size);
    while (log().at(LogLevel::kWarning).empty()) runtime().poll();
    for (int i = 0; i < 1'000; ++i) runtime().poll();
  }
  EXPECT_EQ(log().at(LogLevel::kWarning),
            std::vector<std::string>{"accept on " + addr.to_string() +
                                     ": RESOURCE_EXHAUSTED: accept: too many open files"});
  const Channel channel = dial(runtime(), addr.to_string()).value();
  const Chain request = bytes("hello");
  EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "hello");
}

// Which loop each call of a service is served on.
class LoopTeller final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext&, const Chain&) override {
    Loop& loop = co_await this_loop();
    co_return bytes(std::to_string(reinterpret_cast<std::uintptr_t>(&loop)));
  }
};

TEST(ServerOnTwoLoops, AcceptsOnBoth) {
  Runtime server_runtime({.threads = 2});
  Runtime client_runtime;
  LoopTeller service;
  Server server(server_runtime);
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  auto listener = server_runtime.listen("tcp:127.0.0.1:0").value();
  const std::string target = listener->addr().to_string();
  ASSERT_EQ(server.serve(std::move(listener)), Status());
  const Chain request = bytes("which");
  // In turn where both wait; but when a thread gets to run is the machine's to say.
  std::set<std::string> loops;
  for (int i = 0; i < 5'000 && loops.size() < 2; ++i) {
    const Channel channel = dial(client_runtime, target).value();
    loops.insert(text_of(channel.invoke(kUnary, request).get()));
  }
  EXPECT_EQ(loops.size(), 2u);
}

TEST(SimulatedSockets, AreRefused) {
  Runtime runtime({.simulation_seed = 1});
  EXPECT_EQ(
      runtime.listen("tcp:127.0.0.1:0").status(),
      Status(StatusCode::kFailedPrecondition, "a simulation has no sockets, and so no \"tcp\": use a pipe"));
  EXPECT_EQ(dial(runtime, "unix:/run/x").status().code(), StatusCode::kFailedPrecondition);
}

// Handlers that call on, blocking, through channels that have to look up a name first: as many as there are
// workers to block.
TEST(NamesOverSockets, AreLookedUpWhileAllBlockingWorkersWaitForThem) {
  struct Outer final : RawService {
    Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
      const Channel channel = dial(*runtime, target).value();
      co_return co_await runtime->run_blocking(
          [&channel, &request] { return channel.invoke(kUnary, request, {.timeout = 10s}).get(); });
    }
    Runtime* runtime = nullptr;
    std::string target;
  } outer;
  RawService inner;
  Runtime runtime({.threads = 1});
  Server behind(runtime);
  ASSERT_EQ(behind.register_service(RawService::desc(), &inner), Status());
  ASSERT_EQ(behind.serve(runtime.listen("tcp:127.0.0.1:0").value()), Status());
  outer.runtime = &runtime;
  outer.target = "tcp:localhost:" + std::to_string(support::port_of(behind.addrs()[0]));
  ServedRaw served(runtime, outer);
  const Chain request = bytes("m");
  std::vector<Call<Chain>> calls;
  for (unsigned i = 0; i < RuntimeOptions().blocking_threads; ++i)
    calls.push_back(served.unary(request).start());
  for (Call<Chain>& call : calls) EXPECT_EQ(text_of(call.get()), "m");
}

}  // namespace
}  // namespace sluice::e2e
