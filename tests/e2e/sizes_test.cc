// Messages of every size, the limits, and what waits when nobody reads.
#include <chrono>
#include <string>
#include <vector>

#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

constexpr std::size_t kLimit = 4 << 20;

class Sizes : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, Sizes, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

TEST_P(Sizes, EveryMessageArrivesAsItWas) {
  RawService service;
  ServedRaw served(runtime(), service);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{506}, std::size_t{507}, std::size_t{508},
        std::size_t{(16 << 10) - 6}, std::size_t{(16 << 10) - 5}, std::size_t{(16 << 10) - 1},
        std::size_t{16 << 10}, std::size_t{(16 << 10) + 1}, std::size_t{64 << 10}, std::size_t{1 << 20},
        kLimit}) {
    const Chain request = pattern(size);
    const Result<Chain> reply = served.unary(request).get();
    ASSERT_TRUE(reply.ok()) << size << ": " << reply.status();
    EXPECT_TRUE(reply->to_string() == request.to_string()) << size;
    auto stream = served.bidi();
    ASSERT_EQ(stream.write(request).get(), Status()) << size;
    const Read<Chain> echo = stream.read().get();
    ASSERT_TRUE(echo) << size;
    EXPECT_TRUE(echo->to_string() == request.to_string()) << size;
    EXPECT_EQ(stream.finish().get(), Status());
  }
}

TEST_P(Sizes, MessageOfManySlicesArrivesWhole) {
  RawService service;
  ServedRaw served(runtime(), service);
  Chain request;
  std::string expected;
  for (std::size_t i = 0; i < 1'000; ++i) {
    const std::string piece(i % 37 + 1, static_cast<char>('a' + i % 26));
    request.append(Bytes::copy(piece));
    expected += piece;
  }
  EXPECT_TRUE(text_of(served.unary(request).get()) == expected);
}

TEST_P(Sizes, OneByteOverTheServersLimitIsRefused) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain request = pattern(kLimit + 1);
  const Status expected(StatusCode::kResourceExhausted,
                        "message of 4194305 bytes exceeds the limit of 4194304");
  EXPECT_EQ(served.unary(request).get().status(), expected);
  auto stream = served.bidi();
  (void)stream.write(request).get();
  EXPECT_EQ(stream.finish().get(), expected);
  auto requests = served.request_stream();
  (void)requests.write(request).get();
  EXPECT_EQ(requests.finish().get().status(), expected);
  EXPECT_EQ(text_of(served.unary(bytes("m")).get()), "m") << "the connection goes on";
}

TEST_P(Sizes, OneByteOverTheClientsLimitIsRefused) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext&, const Chain&) override { co_return pattern(kLimit + 1); }
    Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) override {
      const Chain reply = pattern(kLimit + 1);
      co_return co_await stream.write(reply);
    }
  } service;
  ServedRaw served(runtime(), service);
  const Status expected(StatusCode::kResourceExhausted,
                        "message of 4194305 bytes exceeds the limit of 4194304");
  EXPECT_EQ(served.unary(bytes("m")).get().status(), expected);
  auto stream = served.bidi();
  EXPECT_FALSE(stream.read().get());
  EXPECT_EQ(stream.finish().get(), expected);
}

TEST_P(Sizes, LimitsAreOptions) {
  RawService service;
  ServedRaw served(runtime(), service,
                   {.server = {.max_receive_message_size = 100, .max_send_message_size = 50},
                    .channel = {.max_receive_message_size = 20, .max_send_message_size = 200}});
  const auto status_of = [&](std::size_t size) { return served.unary(pattern(size)).get().status(); };
  const auto exceeds = [](int size, int limit) {
    return Status(StatusCode::kResourceExhausted, "message of " + std::to_string(size) +
                                                      " bytes exceeds the limit of " + std::to_string(limit));
  };
  EXPECT_EQ(status_of(20), Status());
  EXPECT_EQ(status_of(21), exceeds(21, 20)) << "the client's limit for replies";
  EXPECT_EQ(status_of(50), exceeds(50, 20));
  EXPECT_EQ(status_of(51), exceeds(51, 50)) << "the server's for replies";
  EXPECT_EQ(status_of(100), exceeds(100, 50));
  EXPECT_EQ(status_of(101), exceeds(101, 100)) << "the server's for requests";
  EXPECT_EQ(status_of(200), exceeds(200, 100));
  EXPECT_EQ(status_of(201), exceeds(201, 200)) << "the client's for requests";
  // A stream's write that is too long says so, and nothing of it is sent.
  auto stream = served.bidi();
  const Chain large = pattern(201), small = pattern(7);
  EXPECT_EQ(stream.write(large).get(), exceeds(201, 200));
}

// Large messages on many streams at once, on pipes that hold little.
TEST_P(Sizes, HundredStreamsMoveLargeMessagesAtOnce) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain request = pattern(300'000);
  std::vector<Call<Chain>> calls;
  for (int i = 0; i < 100; ++i) calls.push_back(served.unary(request).start());
  for (Call<Chain>& call : calls) {
    const Result<Chain> reply = call.get();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->size(), request.size());
  }
}

// Each stream has messages that nobody has read yet; together they are more than any window.
TEST_P(Sizes, StreamsThatAreReadLateLoseNothing) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain request = pattern(1'000'000);
  std::vector<ClientReader<Chain>> streams;
  for (int i = 0; i < 20; ++i) streams.push_back(served.reply_stream(request));
  // Another call gets through while they wait.
  EXPECT_EQ(text_of(served.unary(bytes("m")).get()), "m");
  for (std::size_t i = streams.size(); i-- > 0;) {
    for (int k = 0; k < 3; ++k) {
      const Read<Chain> reply = streams[i].read().get();
      ASSERT_TRUE(reply) << i;
      EXPECT_EQ(reply->size(), request.size());
    }
    EXPECT_FALSE(streams[i].read().get());
    EXPECT_EQ(streams[i].finish().get(), Status());
  }
}

// Neither reads nor ends before the test opens the gate; then answers how much was there.
class Gated final : public RawService {
 public:
  Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
    const Status status = co_await sleep(1h, opened);
    (void)status;
    std::size_t size = 0;
    Chain request;
    while (co_await reader.read_into(request)) size += request.size();
    co_return bytes(std::to_string(size));
  }
  // Writes until it may not.
  Task<Status> reply_stream(ServerContext&, const Chain& request, ServerWriter<Chain>& writer) override {
    Status status;
    for (int i = 0; i < 400 && status.ok(); ++i) {
      status = co_await writer.write(request);
      if (status.ok()) ++written;
    }
    co_return status;
  }
  Context opened = Context().with_cancel();  // the gate: open once cancelled
  std::atomic<int> written = 0;
};

// The stream's window on a pipe is 8 MiB, the pipe's capacity 1 MiB, and a write may run 64 KiB ahead: a
// reader that stops holds no more than that.
TEST_P(Sizes, WritesWaitWhenTheHandlerDoesNotRead) {
  Gated service;
  ServedRaw served(runtime(), service);
  auto stream = served.request_stream();
  const Chain request = pattern(128 << 10);
  std::size_t sent = 0;
  std::optional<Call<Status>> waiting;
  for (int i = 0; i < 400 && !waiting; ++i) {
    Call<Status> write = stream.write(request).start();
    sent += request.size();
    // A call there and back: what could be done is done.
    ASSERT_EQ(text_of(served.unary(bytes("ping")).get()), "ping");
    ASSERT_EQ(text_of(served.unary(bytes("ping")).get()), "ping");
    if (sent > (8 << 20)) {
      waiting.emplace(std::move(write));
    } else {
      ASSERT_EQ(write.get(), Status()) << "at " << sent << " bytes, within the window";
    }
  }
  ASSERT_TRUE(waiting);
  EXPECT_LE(sent, (8 << 20) + (128 << 10));
  service.opened.cancel();
  EXPECT_EQ(waiting->get(), Status());
  EXPECT_EQ(text_of(stream.finish().get()), std::to_string(sent));
}

TEST_P(Sizes, HandlerWaitsWhenTheClientDoesNotRead) {
  Gated service;
  ServedRaw served(runtime(), service);
  const Chain request = pattern(128 << 10);
  auto stream = served.reply_stream(request);
  EXPECT_EQ(stream.wait_header().get(), Status());
  for (int i = 0; i < 50; ++i) ASSERT_EQ(text_of(served.unary(bytes("ping")).get()), "ping");
  const std::size_t ahead = static_cast<std::size_t>(service.written) * request.size();
  EXPECT_LE(ahead, std::size_t{8 << 20} + (128 << 10)) << "the window, and what a write may run ahead";
  EXPECT_GE(ahead, std::size_t{4 << 20});
  int read = 0;
  while (stream.read().get()) ++read;
  EXPECT_EQ(read, 400);
  EXPECT_EQ(stream.finish().get(), Status());
}

TEST_P(Sizes, DroppedStreamGivesBackTheWindowOfWhatItDidNotRead) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain request = pattern(1'000'000);
  // 90 MB through a connection whose window is 64 MiB.
  for (int i = 0; i < 30; ++i) {
    auto stream = served.reply_stream(request);
    ASSERT_TRUE(stream.read().get()) << i;
  }
  EXPECT_EQ(text_of(served.unary(bytes("m")).get()), "m");
}

TEST_P(Sizes, FinishDiscardsWhatIsUnread) {
  RawService service;
  ServedRaw served(runtime(), service);
  const Chain request = pattern(3'000'000);
  for (int i = 0; i < 8; ++i) {  // 72 MB, of a window of 64 MiB
    auto stream = served.reply_stream(request);
    ASSERT_EQ(stream.finish().get(), Status());
  }
}

}  // namespace
}  // namespace sluice::e2e
