// Windows that grow while much comes, and the memory of a Runtime that is used up and free again.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "realtime/two_sides.h"

namespace sluice::realtime {
namespace {

class Windows : public TwoSides {
 protected:
  static constexpr int kMessages = 3000;  // of 4 KiB: 12 MB

  Windows() : TwoSides(GetParam().threads, 1) {}

  void read_many() {
    const std::string expected = support::pattern(4 << 10).to_string();
    ClientReader<Chain> stream = reply_stream(channel, bytes("go on"));
    int right = 0;
    Chain reply;
    for (int i = 0; i < kMessages; ++i) {
      ASSERT_TRUE(stream.read_into(reply).get()) << i;
      right += reply.to_string() == expected;
    }
    EXPECT_EQ(right, kMessages);
    stream.cancel();
    EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
  }
  void write_many() {
    const int before = service.messages;
    ClientWriter<Chain, Chain> stream = request_stream(channel);
    const Chain message = support::pattern(4 << 10);
    for (int i = 0; i < kMessages; ++i) ASSERT_EQ(stream.write(message).get(), Status()) << i;
    EXPECT_EQ(stream.finish().get().status(), Status());
    EXPECT_EQ(service.messages - before, kMessages);
  }
};
INSTANTIATE_TEST_SUITE_P(Over, Windows, ::testing::ValuesIn(kBetween), name_of);

// Between streams the client sleeps, and acknowledges no PING unless it has a thread.
TEST_P(Windows, GrowAndAllArrivesAlsoAfterAPauseAndWithAnotherServer) {
  const std::string addr = free_addr();
  serve(addr);
  dial_to(addr);
  read_many();
  std::this_thread::sleep_for(100ms);
  write_many();
  server->close();
  server.reset();
  serve(addr);
  until_not_ready();
  write_many();
  std::this_thread::sleep_for(100ms);
  read_many();
}

// Reads nothing until it is let go.
class Late final : public RawService {
 public:
  Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
    (void)co_await sleep(10s, let_go);
    Chain request;
    while (co_await reader.read_into(request)) ++messages;
    co_return request;
  }
  const Context let_go = Context().with_cancel();
  std::atomic<int> messages = 0;
};

class MemoryOfARuntime : public TwoSides {
 protected:
  MemoryOfARuntime() : TwoSides(GetParam().threads, 1, 1 << 20) {}
};
INSTANTIATE_TEST_SUITE_P(Over, MemoryOfARuntime, ::testing::ValuesIn(kBetween), name_of);

TEST_P(MemoryOfARuntime, ThatIsUsedUpRefusesNewCallsUntilItIsFree) {
  constexpr int kStreams = 30, kMessages = 15;  // of 4 KiB, within each stream's window
  const std::string addr = free_addr();
  Late late;
  server = std::make_unique<Server>(server_side);
  ASSERT_EQ(server->register_service(RawService::desc(), &late), Status());
  ASSERT_EQ(server->serve(server_side.listen(addr).value()), Status());
  dial_to(addr);
  std::vector<ClientWriter<Chain, Chain>> streams;
  for (int i = 0; i < kStreams; ++i) streams.push_back(request_stream(channel));
  const Chain message = support::pattern(4 << 10);
  for (int i = 0; i < kMessages; ++i) {
    for (ClientWriter<Chain, Chain>& stream : streams) ASSERT_EQ(stream.write(message).get(), Status());
  }
  const auto code = [&] { return channel.invoke(kUnary, bytes("small")).get().status().code(); };
  EXPECT_TRUE(eventually([&] { return code() == StatusCode::kResourceExhausted; }));
  late.let_go.cancel("read now");
  for (ClientWriter<Chain, Chain>& stream : streams) EXPECT_EQ(stream.finish().get().status(), Status());
  EXPECT_EQ(late.messages, kStreams * kMessages);
  EXPECT_EQ(code(), StatusCode::kOk);
  server.reset();
}

}  // namespace
}  // namespace sluice::realtime
