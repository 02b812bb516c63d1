// What all connections of a Runtime hold together: new calls are refused beyond it, and large messages wait
// for those of other connections.
#include <string>
#include <vector>

#include "support/tap_network.h"
#include "support/uploads.h"
#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

using support::TapNetwork;
using support::Uploads;

constexpr std::size_t kMebi = 1 << 20;
constexpr std::size_t kBudget = 4 * kMebi;  // half of it room

// Handlers of short requests and of streams wait until they are let go.
struct Slow final : RawService {
  Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
    if (request.size() == 1) co_await go.wait();
    co_return bytes(std::to_string(request.size()));
  }
  Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
    co_await go.wait();
    Chain request;
    while (co_await stream.read_into(request)) read += request.size();
    co_return Status();
  }
  Latch go;
  std::size_t read = 0;  // bytes
};

class MemoryBudgetOfARuntime : public WireTest {
 protected:
  explicit MemoryBudgetOfARuntime(const char* address = "pipe:memory")
      : WireTest(kBudget),
        served_((runtime().add_network("tap", std::make_shared<TapNetwork>(TapNetwork::Windows::kOfSockets,
                                                                           TapNetwork::Record::kNo)),
                 runtime()),
                service_, {.address = address, .server = {.limits = {.running_handlers = 4}}}) {}
  ~MemoryBudgetOfARuntime() override {
    settle();
    EXPECT_LE(used(), 65'536u) << "all has been given back";
  }
  std::size_t used() { return runtime().loop().group().memory().used(); }

  Slow service_;
  ServedRaw served_;
};
INSTANTIATE_TEST_SUITE_P(Simulated, MemoryBudgetOfARuntime, ::testing::ValuesIn(support::kSimulatedRuntimes),
                         support::name_of);

TEST_P(MemoryBudgetOfARuntime, RefusesNewCallsWhileMessagesWaitForReaders) {
  const Chain message = support::pattern(64 << 10);
  std::vector<ClientReaderWriter<Chain, Chain>> streams;
  for (int i = 0; i < 2; ++i) streams.push_back(served_.bidi());
  for (int i = 0; i < 40; ++i) {
    for (auto& stream : streams) ASSERT_EQ(stream.write(message).get(), Status());
  }
  settle();
  EXPECT_GE(used(), 5 * kMebi - 65'536);
  const Status refused = served_.unary(bytes("new")).get().status();
  expect_names(refused, StatusCode::kResourceExhausted, "messages that nobody has taken");
  expect_names(refused, StatusCode::kResourceExhausted, "bytes of its memory_budget of 4194304");

  service_.go.count_down();
  for (auto& stream : streams) {
    ASSERT_EQ(stream.close_write().get(), Status());
    EXPECT_EQ(stream.finish().get(), Status());
  }
  EXPECT_EQ(service_.read, 5 * kMebi);
  EXPECT_EQ(support::text_of(served_.unary(bytes("new")).get()), "3");
}

// Complete requests whose handlers have no place yet are held too.
TEST_P(MemoryBudgetOfARuntime, RefusesNewCallsWhileRequestsWaitForPlaces) {
  std::vector<Call<Chain>> calls;
  for (int i = 0; i < 4; ++i) calls.push_back(served_.unary(bytes("x")).start());
  settle();
  for (int i = 0; i < 5; ++i) calls.push_back(served_.unary(support::pattern(kMebi)).start());
  settle();
  EXPECT_GE(used(), 5 * kMebi - 65'536);
  expect_names(served_.unary(bytes("new")).get().status(), StatusCode::kResourceExhausted, "memory_budget");
  service_.go.count_down();
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(support::text_of(calls[static_cast<std::size_t>(i)].get()), i < 4 ? "1" : "1048576");
  }
  EXPECT_EQ(support::text_of(served_.unary(bytes("new")).get()), "3");
}

class LargeRequestsOfTwoConnections : public MemoryBudgetOfARuntime {
 protected:
  LargeRequestsOfTwoConnections()
      : MemoryBudgetOfARuntime("tap:memory"), one_(runtime(), "tap:memory"), other_(runtime(), "tap:memory") {
    one_.greet();
    other_.greet();
  }
  static void send_all(Uploads& uploads, http2::StreamId id, std::size_t n) {
    while (n > 0) {
      const std::size_t sent = uploads.send(id, n);
      if (sent == 0) return;
      n -= sent;
    }
  }
  ScriptedClient one_, other_;
  Uploads of_one_{one_}, of_other_{other_};
};
INSTANTIATE_TEST_SUITE_P(Simulated, LargeRequestsOfTwoConnections,
                         ::testing::ValuesIn(support::kSimulatedRuntimes), support::name_of);

TEST_P(LargeRequestsOfTwoConnections, WaitForEachOther) {
  of_one_.open(1, 2 * kMebi);
  send_all(of_one_, 1, 2 * kMebi - 1);
  of_one_.open(3, kMebi);
  send_all(of_one_, 3, kMebi - 1);  // beyond, as one may
  of_other_.open(1, 3 * kMebi);
  send_all(of_other_, 1, 3 * kMebi);
  EXPECT_GT(of_other_.missing(1), 3 * kMebi - 65'536);
  EXPECT_LE(used(), 3 * kMebi + 65'536);
  EXPECT_EQ(support::text_of(served_.unary(bytes("small")).get()), "5")
      << "there is no room, but there is memory";

  send_all(of_one_, 1, 1);
  send_all(of_one_, 3, kMebi);
  EXPECT_EQ(one_.outcome(1), "0");
  EXPECT_EQ(one_.outcome(3), "0");
  pass(20ms);
  send_all(of_other_, 1, 3 * kMebi);
  EXPECT_EQ(other_.outcome(1), "0");
}

// Room that is held without need is taken by those of other connections that need it.
TEST_P(LargeRequestsOfTwoConnections, LoseWhatHasNotMovedForTenSeconds) {
  of_one_.open(1, 3 * kMebi);
  send_all(of_one_, 1, 2 * kMebi);
  of_other_.open(1, kMebi);
  send_all(of_other_, 1, kMebi);
  EXPECT_GT(of_other_.missing(1), kMebi - 65'536);
  pass(9s);
  EXPECT_EQ(one_.outcome(1), "open");
  pass(2s);
  EXPECT_TRUE(one_.outcome(1).starts_with("8 a message of 3145728 bytes was refused, of which 2097"))
      << one_.outcome(1);
  EXPECT_NE(one_.outcome(1).find("of the Runtime's memory_budget of 4194304"), std::string::npos);
  pass(1s);
  send_all(of_other_, 1, kMebi);
  EXPECT_EQ(other_.outcome(1), "0");
  EXPECT_FALSE(one_.closed());
}

}  // namespace
}  // namespace sluice::inline v0::wire
