// A channel whose connections run out of stream ids (RFC 9113 section 5.1.1): each drains, and the next takes
// over without the application noticing.
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "client/client_channel.h"
#include "lifecycle/lifecycle.h"
#include "transport/http2_transports.h"

namespace sluice::lifecycle {
namespace {

class StreamIds : public support::RuntimeTest {
 protected:
  // To "pipe:served", by connections that serve `calls` calls each.
  Channel short_lived(int calls) {
    net::Host& host = runtime();
    const auto& transports = transports_.emplace_back(static_cast<http2::StreamId>(2 * calls - 1));
    auto channel = std::make_shared<ClientChannel>(*host.loops().front(), *host.network("pipe"),
                                                   Addr("pipe", "served"), ChannelOptions(), transports);
    std::shared_ptr<void> closer(nullptr, [channel](void*) { channel->close(); });
    return Channel(channel, std::move(closer));
  }

 private:
  std::deque<transport::Http2Transports> transports_;
};
INSTANTIATE_TEST_SUITE_P(All, StreamIds, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

// Counts the connections that requests come from.
class Counted final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    {
      const std::lock_guard lock(mutex_);
      ++calls_[context.peer().to_string()];
    }
    co_await yield();
    co_return Chain(request);
  }
  // Of each connection, by the address that it comes from.
  std::vector<int> calls() const {
    const std::lock_guard lock(mutex_);
    std::vector<int> counts;
    for (const auto& [peer, n] : calls_) counts.push_back(n);
    return counts;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> calls_;  // under mutex_
};

TEST_P(StreamIds, NewConnectionsTakeOverOneCallAfterAnother) {
  Counted service;
  ServedRaw served(runtime(), service);
  const Channel channel = short_lived(3);
  const Chain request = bytes("m");
  for (int i = 0; i < 20; ++i) ASSERT_EQ(text_of(channel.invoke(kUnary, request).get()), "m") << i;
  const std::vector<int> calls = service.calls();
  EXPECT_EQ(calls.size(), 7u);
  for (const int n : calls) EXPECT_LE(n, 3);
}

TEST_P(StreamIds, NewConnectionsTakeOverWhileCallsAreInFlight) {
  Counted service;
  ServedRaw served(runtime(), service);
  const Channel channel = short_lived(4);
  const Chain request = bytes("m");
  auto stream = bidi(channel);  // holds the first connection, which takes no more calls meanwhile
  ASSERT_EQ(stream.write(request).get(), Status());
  for (int round = 0; round < 3; ++round) {
    std::vector<Call<Chain>> calls;
    for (int i = 0; i < 10; ++i) calls.push_back(channel.invoke(kUnary, request).start());
    for (Call<Chain>& call : calls) EXPECT_EQ(text_of(call.get()), "m");
  }
  EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "m");
  ASSERT_EQ(stream.write(request).get(), Status());
  stream.cancel();
  const std::vector<int> calls = service.calls();
  EXPECT_EQ(std::accumulate(calls.begin(), calls.end(), 0), 31);
  EXPECT_EQ(calls.size(), 8u);  // 32 calls with the stream
  for (const int n : calls) EXPECT_LE(n, 4);
}

}  // namespace
}  // namespace sluice::lifecycle
