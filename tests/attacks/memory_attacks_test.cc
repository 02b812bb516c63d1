// What a peer can make the other side hold by small pieces among much other traffic: each could keep the
// whole block alive that it came in. What is held is measured, over pipes and over sockets; no limit switches
// the guard off.
#include <optional>

#include "attacks/attack.h"

namespace sluice::attacks {
namespace {

using support::live_heap;

constexpr std::size_t kFrame = 16'384;  // a read of it and a little more is one large block

// Bidi calls read nothing until they are let go, then everything. Requests of streams are dropped as they
// come. Replies of streams are empty and have no end.
class Hoarder final : public RawService {
 public:
  Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
    Chain request;
    while (co_await reader.read_into(request)) dropped += request.size();
    co_return Chain();
  }
  Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
    co_await let_go.wait();
    Chain request;
    while (co_await stream.read_into(request)) ++messages, read += request.to_string();
    co_return Status();
  }
  Task<Status> reply_stream(ServerContext&, const Chain&, ServerWriter<Chain>& writer) override {
    const Chain nothing{};
    Status status;
    for (; status.ok(); ++written) status = co_await writer.write(nothing);
    co_return status;
  }

  Latch let_go;
  std::size_t dropped = 0;
  std::size_t messages = 0;
  std::string read;
  std::size_t written = 0;
};

class MemoryAttacks : public Attack {
 protected:
  static constexpr StreamId kTraffic = 1;

  MemoryAttacks()
      : served_(runtime(), hoarder_, {.address = some_address()}),
        attacker_(runtime(), served_.server().addrs().front().to_string()) {
    attacker_.greet();
    attacker_.send(open(kTraffic, "RequestStream"));
    send_among_traffic(std::string());  // what both ends keep for all that follows is there
  }
  ~MemoryAttacks() override { hoarder_.let_go.count_down(); }

  // `bytes` right behind a frame that is dropped as it comes.
  void send_among_traffic(const std::string& bytes) {
    attacker_.send(Wire().data(kTraffic, message(std::string(kFrame - 5, 'x'))).str() + bytes);
    sent_ += kFrame - 5;
    while (hoarder_.dropped < sent_ && !attacker_.closed()) runtime().poll();
    ASSERT_FALSE(attacker_.closed()) << attacker_.end();
  }
  template <class F>
  std::int64_t grown_by(F attack) {
    const std::int64_t before = live_heap().bytes;
    attack();
    settle();
    const std::int64_t grown = live_heap().bytes - before;
    RecordProperty("bytes_held", std::to_string(grown));
    return grown;
  }

  Hoarder hoarder_;
  ServedRaw served_;
  ScriptedClient attacker_;
  std::size_t sent_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Nets, MemoryAttacks, ::testing::ValuesIn(support::kThreadlessNetworks),
                         support::name_of);

TEST_P(MemoryAttacks, UnreadMessagesHoldNoMoreThanTheirBytes) {
  constexpr int kMessages = 500;
  attacker_.send(open(3));
  const std::int64_t grown = grown_by([&] {
    for (int i = 0; i < kMessages; ++i) send_among_traffic(Wire().data(3, message("y")).str());
  });
  EXPECT_LE(grown, 100 << 10) << "3 kB are unread";
  attacker_.send(Wire().data(3, "", kEnd));
  hoarder_.let_go.count_down();
  attacker_.until([&] { return attacker_.ended(3); });
  EXPECT_EQ(hoarder_.read, std::string(kMessages, 'y'));
}

TEST_P(MemoryAttacks, EmptyMessagesHoldNoMoreThanTheirPrefixes) {
  constexpr std::size_t kMessages = 13'000;
  std::string messages;
  for (std::size_t i = 0; i < kMessages; ++i) messages += message("");
  attacker_.send(open(3));
  const std::int64_t grown = grown_by([&] {
    for (std::size_t at = 0; at < messages.size(); at += kFrame)
      send_among_traffic(Wire().data(3, messages.substr(at, kFrame)).str());
  });
  EXPECT_LE(grown, 140 << 10) << "65 kB are unread";
  attacker_.send(Wire().data(3, "", kEnd));
  hoarder_.let_go.count_down();
  attacker_.until([&] { return attacker_.ended(3); });
  EXPECT_EQ(hoarder_.messages, kMessages);
}

TEST_P(MemoryAttacks, PiecesOfAMessageHoldNoMoreThanTheirBytes) {
  constexpr std::size_t kPiece = 1'100;
  const std::string whole = message(std::string(60'000, 'z'));
  attacker_.send(open(3));
  const std::int64_t grown = grown_by([&] {
    for (std::size_t at = 0; at + kPiece < whole.size(); at += kPiece)
      send_among_traffic(Wire().data(3, whole.substr(at, kPiece)).str());
  });
  EXPECT_LE(grown, 250 << 10) << "60 kB have come, the last piece in a block of 64 KiB";
  const std::size_t rest = whole.size() % kPiece;
  attacker_.send(Wire().data(3, whole.substr(whole.size() - rest), kEnd));
  hoarder_.let_go.count_down();
  attacker_.until([&] { return attacker_.ended(3); });
  EXPECT_EQ(hoarder_.read, std::string(60'000, 'z'));
}

TEST_P(MemoryAttacks, RequestsThatDoNotEndHoldNoMoreThanTheirBytes) {
  constexpr int kCalls = 90;
  const std::int64_t grown = grown_by([&] {
    for (int i = 1; i <= kCalls; ++i)
      send_among_traffic(open(id_of(i), "Unary") + Wire().data(id_of(i), message("y")).str());
  });
  EXPECT_LE(grown, kCalls * 8'000) << "a stream each";
  for (int i = 1; i <= kCalls; ++i) attacker_.send(Wire().data(id_of(i), "", kEnd));
  attacker_.until([&] { return attacker_.ended(id_of(kCalls)); });
  EXPECT_EQ(attacker_.stream(id_of(kCalls)).data, message("y"));
}

TEST_P(MemoryAttacks, RepliesThatNobodyTakesHoldNoMoreThanTheirBytes) {
  attacker_.send(Wire().settings({{SettingId::kInitialWindowSize, 0}}));
  const std::int64_t grown = grown_by([&] {
    attacker_.send(open(3, "ReplyStream") + Wire().data(3, message(""), kEnd).str());
    for (std::size_t before = ~std::size_t{0}; hoarder_.written == 0 || before != hoarder_.written;) {
      before = hoarder_.written;
      for (int i = 0; i < 100; ++i) runtime().poll();
    }
  });
  EXPECT_GT(hoarder_.written, 13'000u);
  EXPECT_LE(grown, 300 << 10) << "65 kB wait behind the window";
}

// The same the other way: a server, and a client that does not read.
class HoardingClient : public Attack {
 protected:
  HoardingClient()
      : listener_(runtime(), some_address()),
        channel_(dial(runtime(), listener_.addr().to_string()).value()) {
    traffic_.emplace(support::bidi(channel_));
    unread_.emplace(support::bidi(channel_));
    server_ = listener_.accept();
    server_->send(Wire().settings().settings_ack());
    server_->until([&] { return server_->frames("HEADERS").size() == 2; });
    server_->send(Wire().headers(1, support::kResponseHead, 0).headers(3, support::kResponseHead, 0));
    send_among_traffic(std::string());
  }
  void send_among_traffic(const std::string& bytes) {
    server_->send(Wire().data(1, message(std::string(kFrame - 5, 'x'))).str() + bytes);
    Chain dropped;
    ASSERT_TRUE(traffic_->read_into(dropped).get());
  }

  support::ScriptedListener listener_;
  Channel channel_;
  std::optional<ClientReaderWriter<Chain, Chain>> traffic_, unread_;
  std::unique_ptr<support::ScriptedPeer> server_;
};
INSTANTIATE_TEST_SUITE_P(Nets, HoardingClient, ::testing::ValuesIn(support::kThreadlessNetworks),
                         support::name_of);

TEST_P(HoardingClient, UnreadMessagesHoldNoMoreThanTheirBytes) {
  constexpr int kMessages = 500;
  const std::int64_t before = live_heap().bytes;
  for (int i = 0; i < kMessages; ++i) send_among_traffic(Wire().data(3, message("y")).str());
  settle();
  const std::int64_t grown = live_heap().bytes - before;
  RecordProperty("bytes_held", std::to_string(grown));
  EXPECT_LE(grown, 100 << 10) << "3 kB are unread";
  Chain reply;
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_TRUE(unread_->read_into(reply).get());
    EXPECT_EQ(reply.to_string(), "y");
  }
}

}  // namespace
}  // namespace sluice::attacks
