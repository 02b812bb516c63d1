// The encoded bytes of a message go when it is decoded, however long its call or its handler goes on.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "memory/idle_world.h"

namespace sluice::memory {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kCalls = 100;
constexpr auto kMaxDecoded = static_cast<std::int64_t>(kCalls * (kLarge + kLarge / 4));

// Handlers that sleep until they are woken, and then answer with as much as they were asked.
class Sleepers final : public helloworld::Greeter::Service {
 public:
  Task<Result<HelloReply>> SayHello(ServerContext&, const HelloRequest& request) override {
    ++asleep;
    (void)co_await sleep(24h, woken);
    HelloReply reply;
    reply.set_message(request.name());
    co_return reply;
  }
  Task<Status> SayHelloReplyStream(ServerContext&, const HelloRequest& request,
                                   ServerWriter<HelloReply>& writer) override {
    ++asleep;
    (void)co_await sleep(24h, woken);
    HelloReply reply;
    reply.set_message(request.name());
    co_return co_await writer.write(reply);
  }
  std::size_t asleep = 0;
  const Context woken = Context().with_cancel();
};

class GivenBack : public ::testing::TestWithParam<const char*> {
 protected:
  GivenBack() {
    EXPECT_EQ(server_.register_service(sleepers_), Status());
    EXPECT_EQ(server_.serve(runtime_.listen(GetParam()).value()), Status());
    channel_.emplace(dial(runtime_, server_.addrs().front().to_string()).value());
    request_.set_name(std::string(kLarge, 'x'));
  }
  ~GivenBack() override { sleepers_.woken.cancel("wake up"); }

  void until_all_sleep(std::size_t n) {
    while (sleepers_.asleep < n) runtime_.poll();
    while (runtime_.poll() > 0) {
    }
  }

  Runtime runtime_;
  Sleepers sleepers_;
  Server server_{runtime_};
  std::optional<Channel> channel_;
  HelloRequest request_;
};
INSTANTIATE_TEST_SUITE_P(Nets, GivenBack, ::testing::Values("pipe:given", "unix:@given"),
                         [](const auto& info) { return info.index == 0 ? "Pipe" : "Unix"; });

TEST_P(GivenBack, RequestsOfHandlersThatSleep) {
  helloworld::Greeter::Stub stub(*channel_);
  std::vector<Call<HelloReply>> calls;
  const std::int64_t before = live_heap().bytes;
  for (std::size_t i = 0; i < kCalls; ++i) calls.push_back(stub.SayHello(request_).start());
  until_all_sleep(kCalls);
  EXPECT_LE(live_heap().bytes - before, kMaxDecoded);
}

TEST_P(GivenBack, RequestsOfStreamsThatSleep) {
  helloworld::Greeter::Stub stub(*channel_);
  std::vector<ClientReader<HelloReply>> streams;
  const std::int64_t before = live_heap().bytes;
  for (std::size_t i = 0; i < kCalls; ++i) streams.push_back(stub.SayHelloReplyStream(request_));
  until_all_sleep(kCalls);
  EXPECT_LE(live_heap().bytes - before, kMaxDecoded);
}

TEST_P(GivenBack, RepliesOfCallsThatAreKept) {
  helloworld::Greeter::Stub stub(*channel_);
  sleepers_.woken.cancel("wake up");
  std::vector<Call<HelloReply>> calls;
  const std::int64_t before = live_heap().bytes;
  for (int i = 0; i < 10; ++i) {
    calls.push_back(stub.SayHello(request_).start());
    ASSERT_EQ(calls.back().get().value().message().size(), kLarge);
  }
  EXPECT_LE(live_heap().bytes - before, std::int64_t{kLarge});
}

TEST_P(GivenBack, MessagesOfReadsThatAreKept) {
  helloworld::Greeter::Stub stub(*channel_);
  sleepers_.woken.cancel("wake up");
  std::vector<ClientReader<HelloReply>> streams;
  std::vector<Call<Read<HelloReply>>> reads;
  const std::int64_t before = live_heap().bytes;
  for (int i = 0; i < 10; ++i) {
    streams.push_back(stub.SayHelloReplyStream(request_));
    reads.push_back(streams.back().read().start());
    ASSERT_EQ(reads.back().get()->message().size(), kLarge);
  }
  EXPECT_LE(live_heap().bytes - before, std::int64_t{kLarge});
  reads.clear();  // before their streams
}

}  // namespace
}  // namespace sluice::memory
