// Streams that live long, over every kind of connection. What a stream does not give back of its credit, or
// counts twice, stops it after some thousand messages; assertions in the transport find it at the first one.
#include <charconv>
#include <memory>
#include <string>

#include "sluice/async/scope.h"
#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace support;

#ifndef SLUICE_LONG_STREAM
#define SLUICE_LONG_STREAM 100'000  // fewer where a sanitizer watches
#endif
constexpr int kManyMessages = SLUICE_LONG_STREAM;
constexpr int kEveryLarge = 1'000;

// Small ones, together many windows; now and then one that is larger than a socket's window, for which credit
// is given ahead.
Chain numbered(int i) {
  std::string text = std::to_string(i);
  text.resize(i % kEveryLarge == kEveryLarge - 1 ? 100'000 : 90 + static_cast<std::size_t>(i % 7), '.');
  return Chain::copy(text);
}
bool is_numbered(const Chain& message, int i) {
  const std::string want = numbered(i).to_string();
  return message.size() == want.size() && message.to_string() == want;
}

// Of what a stream brought: how many messages were the next in order. `Stream` is a reader of either side.
template <class Stream>
Task<int> read_all(Stream& stream) {
  int right = 0;
  Chain message;
  while (co_await stream.read_into(message)) right += is_numbered(message, right);
  co_return right;
}
template <class Stream>
Task<void> write_all(Stream& stream) {
  for (int i = 0; i < kManyMessages; ++i) {
    const Chain message = numbered(i);
    const Status status = co_await stream.write(message);
    EXPECT_EQ(status, Status());
    if (!status.ok()) co_return;
  }
}

class Numbering final : public RawService {
 public:
  Task<Status> reply_stream(ServerContext&, const Chain&, ServerWriter<Chain>& writer) override {
    co_await write_all(writer);
    co_return Status();
  }
  Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
    const int right = co_await read_all(reader);
    co_return bytes(std::to_string(right));
  }
};

// A server on `address`, on a Runtime of its own if it is not alone, and a channel to it.
struct Way {
  const char* name;
  const char* address;
  bool two_runtimes;
  friend void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }
};

class LongStreams : public ::testing::TestWithParam<Way> {
 protected:
  LongStreams() {
    if (GetParam().two_runtimes) {
      far_ = std::make_unique<Runtime>(
          RuntimeOptions{.threads = 1, .log = log_.sink(), .memory_network = pipes_});
    }
    server_ = std::make_unique<Server>(far());
    EXPECT_EQ(server_->register_service(Numbering::desc(), &service_), Status());
    std::string address = GetParam().address;
    if (address == "unix:") address += ::testing::TempDir() + "sluice-long-" + std::to_string(::getpid());
    auto listener = far().listen(address).value();
    const std::string target = listener->addr().to_string();
    EXPECT_EQ(server_->serve(std::move(listener)), Status());
    channel_ = dial(near_, target).value();
  }
  ~LongStreams() override {
    channel_ = Channel();
    server_.reset();
    support::expect_idle(near_);
    if (far_) support::expect_idle(*far_);
    EXPECT_EQ(log_.at(LogLevel::kError), std::vector<std::string>());
  }
  Runtime& far() { return far_ ? *far_ : near_; }

  support::ExpectNoNewDescriptors no_new_descriptors_;
  support::LogCollector log_;
  std::shared_ptr<net::MemoryNetwork> pipes_ = std::make_shared<net::MemoryNetwork>();
  Runtime near_{{.log = log_.sink(), .memory_network = pipes_}};
  std::unique_ptr<Runtime> far_;
  Numbering service_;
  std::unique_ptr<Server> server_;
  Channel channel_;
};
constexpr Way kWays[] = {{"PipeOnOneLoop", "pipe:long", false},
                         {"PipeBetweenLoops", "pipe:long", true},
                         {"Tcp", "tcp:127.0.0.1:0", false},
                         {"Unix", "unix:", false}};
INSTANTIATE_TEST_SUITE_P(Over, LongStreams, ::testing::ValuesIn(kWays),
                         [](const auto& info) { return std::string(info.param.name); });

Task<void> read_replies(Channel& channel) {
  auto stream = reply_stream(channel, bytes("all"));
  const int right = co_await read_all(stream);
  EXPECT_EQ(right, kManyMessages);
  const Status status = co_await stream.finish();
  EXPECT_EQ(status, Status());
}

TEST_P(LongStreams, BringAllReplies) { near_.run(read_replies(channel_)); }

Task<void> write_requests(Channel& channel) {
  auto stream = request_stream(channel);
  co_await write_all(stream);
  const Result<Chain> right = co_await stream.finish();
  EXPECT_EQ(text_of(right), std::to_string(kManyMessages));
}

TEST_P(LongStreams, BringAllRequests) { near_.run(write_requests(channel_)); }

Task<void> write_and_close(ClientReaderWriter<Chain, Chain>& stream) {
  co_await write_all(stream);
  const Status status = co_await stream.close_write();
  EXPECT_EQ(status, Status());
}
Task<void> echo(Channel& channel) {
  Loop& loop = co_await this_loop();
  auto stream = bidi(channel);
  Scope scope(loop);
  (void)scope.spawn(write_and_close(stream));
  const int right = co_await read_all(stream);
  EXPECT_EQ(right, kManyMessages);
  co_await scope.join();
  const Status status = co_await stream.finish();
  EXPECT_EQ(status, Status());
}

TEST_P(LongStreams, BringAllOfBothDirectionsAtOnce) { near_.run(echo(channel_)); }

// Up to half a window of what was read waits to be credited. What is then longer than the rest must not wait
// for that: nobody reads any more before it is there.
TEST_P(LongStreams, BringMessagesOfAnySizeBehindWhatIsNotCreditedYet) {
  constexpr std::size_t kWindow = 65'535;  // of a socket's streams
  for (const std::size_t second : {kWindow / 2 + 1, kWindow / 4 * 3, kWindow - 5, kWindow}) {
    auto stream = bidi(channel_, {.timeout = std::chrono::seconds(20)});
    for (const std::size_t size : {kWindow / 2 - 6, second}) {
      const Chain message = pattern(size);
      ASSERT_EQ(stream.write(message).get(), Status()) << second;
      const Read<Chain> reply = stream.read().get();
      ASSERT_TRUE(reply) << second << ": " << stream.finish().get();
      ASSERT_EQ(reply->size(), size);
    }
  }
}

}  // namespace
}  // namespace sluice::e2e
