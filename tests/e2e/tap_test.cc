// A tap on the pipe: what the calls of the examples look like to somebody else's HTTP/2.
#include <algorithm>
#include <string>
#include <vector>

#include "support/greeter.h"
#include "support/raw_service.h"
#include "support/runtime_fixture.h"
#include "support/tap_decoder.h"
#include "support/tap_network.h"

namespace sluice::e2e {
namespace {

using namespace support;

class Tap : public support::RuntimeTest {
 protected:
  Tap() { runtime().add_network("tap", network_); }
  TappedConnection decode() const {
    return support::decode_tap(network_->dialled_wrote(), network_->accepted_wrote());
  }

 private:
  const std::shared_ptr<TapNetwork> network_ = std::make_shared<TapNetwork>();
};
INSTANTIATE_TEST_SUITE_P(All, Tap, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

std::string value_of(const HeaderList& block, std::string_view name) {
  const auto it = std::find_if(block.begin(), block.end(), [&](const auto& f) { return f.first == name; });
  return it == block.end() ? "(none)" : it->second;
}

// Cuts length-prefixed messages apart.
std::vector<std::string> messages_of(std::string_view data) {
  std::vector<std::string> messages;
  while (data.size() >= 5) {
    EXPECT_EQ(data[0], 0) << "not compressed";
    std::size_t size = 0;
    for (std::size_t i = 1; i < 5; ++i) size = size << 8 | static_cast<unsigned char>(data[i]);
    if (data.size() < 5 + size) break;
    messages.emplace_back(data.substr(5, size));
    data.remove_prefix(5 + size);
  }
  EXPECT_EQ(data, "") << "half a message";
  return messages;
}
std::vector<std::string> names_in(std::string_view data) {
  std::vector<std::string> names;
  for (const std::string& message : messages_of(data)) {
    HelloRequest request;
    EXPECT_TRUE(request.ParseFromString(message));
    names.push_back(request.name());
  }
  return names;
}
std::vector<std::string> greetings_in(std::string_view data) {
  std::vector<std::string> greetings;
  for (const std::string& message : messages_of(data)) {
    HelloReply reply;
    EXPECT_TRUE(reply.ParseFromString(message));
    greetings.push_back(reply.message());
  }
  return greetings;
}

// HEADERS, DATA and at the end END_STREAM on DATA for requests, on the trailers for responses.
void expect_whole(const TappedStream& stream, const std::string& path) {
  const TappedHalf& request = stream.request;
  ASSERT_GE(request.frames.size(), 2u) << path;
  EXPECT_EQ(request.frames.front(), "HEADERS");
  EXPECT_EQ(request.frames.back(), "DATA+END_STREAM");
  ASSERT_EQ(request.blocks.size(), 1u);
  const HeaderList& head = request.blocks[0];
  EXPECT_EQ(value_of(head, ":method"), "POST");
  EXPECT_EQ(value_of(head, ":scheme"), "http");
  EXPECT_EQ(value_of(head, ":path"), path);
  EXPECT_EQ(value_of(head, ":authority"), "greeter");
  EXPECT_EQ(value_of(head, "te"), "trailers");
  EXPECT_EQ(value_of(head, "content-type"), "application/grpc");
  EXPECT_NE(value_of(head, "user-agent"), "(none)");

  const TappedHalf& response = stream.response;
  ASSERT_GE(response.frames.size(), 3u) << path;
  EXPECT_EQ(response.frames.front(), "HEADERS");
  EXPECT_EQ(response.frames[1], "DATA");
  EXPECT_EQ(response.frames.back(), "HEADERS+END_STREAM");
  ASSERT_EQ(response.blocks.size(), 2u);
  EXPECT_EQ(value_of(response.blocks[0], ":status"), "200");
  EXPECT_EQ(value_of(response.blocks[0], "content-type"), "application/grpc");
  EXPECT_EQ(value_of(response.blocks[0], "grpc-status"), "(none)");
  EXPECT_EQ(value_of(response.blocks[1], "grpc-status"), "0");
  EXPECT_EQ(value_of(response.blocks[1], ":status"), "(none)");
}

void call_five_of_each_kind(const helloworld::Greeter::Stub& stub) {
  for (int i = 0; i < 5; ++i) {
    const HelloRequest request = request_of("world_unary_" + std::to_string(i));
    ASSERT_TRUE(stub.SayHello(request).get().ok());
  }
  for (int i = 0; i < 5; ++i) {
    const std::string name = "SayHelloRequestStream_" + std::to_string(i);
    const HelloRequest first = request_of(name), second = request_of(name + "_dup");
    auto stream = stub.SayHelloRequestStream();
    ASSERT_EQ(stream.write(first).get(), Status());
    ASSERT_EQ(stream.write(second).get(), Status());
    ASSERT_TRUE(stream.finish().get().ok());
  }
  for (int i = 0; i < 5; ++i) {
    const HelloRequest request = request_of("SayHelloReplyStream_" + std::to_string(i));
    auto stream = stub.SayHelloReplyStream(request);
    while (stream.read().get()) {
    }
    ASSERT_EQ(stream.finish().get(), Status());
  }
  for (int i = 0; i < 5; ++i) {
    const HelloRequest request = request_of("world_stream_" + std::to_string(i));
    auto stream = stub.SayHelloBiStream();
    ASSERT_EQ(stream.write(request).get(), Status());
    ASSERT_TRUE(stream.read().get());
    ASSERT_EQ(stream.finish().get(), Status());
  }
}

TEST_P(Tap, ShowsTheTwentyCallsOfTheDemo) {
  {
    Greeter greeter;
    Served served(runtime(), {.address = "tap:greeter"}, greeter);
    call_five_of_each_kind(helloworld::Greeter::Stub(served.channel()));
  }
  support::expect_idle(runtime());
  const TappedConnection tapped = decode();
  EXPECT_EQ(tapped.error, "");
  EXPECT_TRUE(tapped.preface);
  EXPECT_EQ(tapped.client_settings.frames, 1);
  EXPECT_EQ(tapped.server_settings.frames, 1);
  EXPECT_EQ(tapped.client_settings.acks, 1);
  EXPECT_EQ(tapped.server_settings.acks, 1);
  ASSERT_FALSE(tapped.client_frames.empty());
  EXPECT_EQ(tapped.client_frames.front(), "SETTINGS");
  ASSERT_FALSE(tapped.server_frames.empty());
  EXPECT_EQ(tapped.server_frames.front(), "SETTINGS");

  using Texts = std::vector<std::string>;
  ASSERT_EQ(tapped.streams.size(), 20u);
  int call = 0;
  for (const auto& [id, stream] : tapped.streams) {
    EXPECT_EQ(id, 2 * call + 1);
    const std::string i = std::to_string(call % 5);
    const Texts requests = names_in(stream.request.data), replies = greetings_in(stream.response.data);
    switch (call++ / 5) {
      case 0:
        expect_whole(stream, "/helloworld.Greeter/SayHello");
        EXPECT_EQ(requests, (Texts{"world_unary_" + i}));
        EXPECT_EQ(replies, (Texts{"Hello world_unary_" + i}));
        break;
      case 1:
        expect_whole(stream, "/helloworld.Greeter/SayHelloRequestStream");
        EXPECT_EQ(requests, (Texts{"SayHelloRequestStream_" + i, "SayHelloRequestStream_" + i + "_dup"}));
        EXPECT_EQ(replies, (Texts{"Hello SayHelloRequestStream_" + i + "_dup"}));
        break;
      case 2:
        expect_whole(stream, "/helloworld.Greeter/SayHelloReplyStream");
        EXPECT_EQ(requests, (Texts{"SayHelloReplyStream_" + i}));
        EXPECT_EQ(replies,
                  (Texts{"Hello SayHelloReplyStream_" + i, "Hello SayHelloReplyStream_" + i + "_dup"}));
        break;
      default:
        expect_whole(stream, "/helloworld.Greeter/SayHelloBiStream");
        EXPECT_EQ(requests, (Texts{"world_stream_" + i}));
        EXPECT_EQ(replies, (Texts{"Hello world_stream_" + i}));
    }
  }
}

TEST_P(Tap, ShowsTimeoutMetadataAndStatusOfACall) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext& context, const Chain&) override {
      (void)context.add_trailer("t-bin", "\xff");
      co_return Status(StatusCode::kNotFound, "100 % g\xc3\xbcne");
    }
  } service;
  {
    ServedRaw served(runtime(), service, {.address = "tap:x"});
    const Chain request = bytes("m");
    (void)served
        .unary(request, {.timeout = std::chrono::hours(1),
                         .metadata = MetadataList({"k", "v"}, {"b-bin", "\xff\xee"})})
        .get();
  }
  support::expect_idle(runtime());
  const TappedConnection tapped = decode();
  EXPECT_EQ(tapped.error, "");
  ASSERT_EQ(tapped.streams.size(), 1u);
  const TappedStream& stream = tapped.streams.at(1);
  ASSERT_EQ(stream.request.blocks.size(), 1u);
  const HeaderList& head = stream.request.blocks[0];
  EXPECT_EQ(head[4].first, "grpc-timeout") << "right after the pseudo-headers";
  EXPECT_EQ(value_of(head, "k"), "v");
  EXPECT_EQ(value_of(head, "b-bin"), "/+4") << "without padding";
  EXPECT_EQ(stream.response.frames, (std::vector<std::string>{"HEADERS+END_STREAM"})) << "Trailers-Only";
  const HeaderList& trailers = stream.response.blocks.at(0);
  EXPECT_EQ(value_of(trailers, ":status"), "200");
  EXPECT_EQ(value_of(trailers, "grpc-status"), "5");
  EXPECT_EQ(value_of(trailers, "grpc-message"), "100 %25 g%C3%BCne");
  EXPECT_EQ(value_of(trailers, "t-bin"), "/w");
}

TEST_P(Tap, ShowsRstStreamOfACancelledCall) {
  RawService service;
  {
    ServedRaw served(runtime(), service, {.address = "tap:x"});
    auto stream = served.bidi();
    const Chain request = bytes("m");
    ASSERT_EQ(stream.write(request).get(), Status());
    ASSERT_TRUE(stream.read().get());
    stream.cancel();
    EXPECT_EQ(stream.finish().get().code(), StatusCode::kCancelled);
    EXPECT_EQ(text_of(served.unary(request).get()), "m");
  }
  support::expect_idle(runtime());
  const TappedConnection tapped = decode();
  EXPECT_EQ(tapped.error, "");
  EXPECT_EQ(tapped.streams.at(1).request.frames, (std::vector<std::string>{"HEADERS", "DATA", "RST_STREAM"}));
}

// Calls over connections that announce the windows of a socket, 64 KiB a stream.
class SmallWindows : public support::RuntimeTest {
 protected:
  SmallWindows() {
    runtime().add_network(
        "socket", std::make_shared<TapNetwork>(TapNetwork::Windows::kOfSockets, TapNetwork::Record::kNo));
  }
};
INSTANTIATE_TEST_SUITE_P(All, SmallWindows, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

TEST_P(SmallWindows, MessagesOfEverySizeArrive) {
  RawService service;
  ServedRaw served(runtime(), service, {.address = "socket:x"});
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{16'379}, std::size_t{16'380}, std::size_t{32'762}, std::size_t{32'763},
        std::size_t{32'764}, std::size_t{65'529}, std::size_t{65'530}, std::size_t{65'531},
        std::size_t{65'536}, std::size_t{1'000'000}, std::size_t{4 << 20}}) {
    const Chain request = pattern(size);
    const Result<Chain> reply = served.unary(request).get();
    ASSERT_TRUE(reply.ok()) << size << ": " << reply.status();
    EXPECT_TRUE(reply->to_string() == request.to_string()) << size;
    auto stream = served.bidi();
    Call<Status> write = stream.write(request).start();
    const Read<Chain> echo = stream.read().get();
    ASSERT_TRUE(echo) << size;
    EXPECT_EQ(echo->size(), size);
    EXPECT_EQ(write.get(), Status());
    EXPECT_EQ(stream.finish().get(), Status());
  }
}

TEST_P(SmallWindows, HundredStreamsMoveLargeMessagesAtOnce) {
  RawService service;
  ServedRaw served(runtime(), service, {.address = "socket:x"});
  const Chain request = pattern(300'000);
  std::vector<Call<Chain>> calls;
  for (int i = 0; i < 100; ++i) calls.push_back(served.unary(request).start());
  for (Call<Chain>& call : calls) {
    const Result<Chain> reply = call.get();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->size(), request.size());
  }
}

TEST_P(SmallWindows, MessagesOfTheLargestSizePassSideBySide) {
  RawService service;
  ServedRaw served(runtime(), service, {.address = "socket:x"});
  const Chain request = pattern(4 << 20);
  std::vector<Call<Chain>> calls;
  for (int i = 0; i < 12; ++i) calls.push_back(served.unary(request).start());
  for (Call<Chain>& call : calls) {
    const Result<Chain> reply = call.get();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->size(), request.size());
  }
}

TEST_P(SmallWindows, StreamsThatAreReadLateLoseNothing) {
  RawService service;
  ServedRaw served(runtime(), service, {.address = "socket:x"});
  const Chain request = pattern(200'000);
  std::vector<ClientReader<Chain>> streams;
  for (int i = 0; i < 50; ++i) streams.push_back(served.reply_stream(request));
  EXPECT_EQ(text_of(served.unary(bytes("m")).get()), "m") << "unread streams block nobody else";
  for (std::size_t i = streams.size(); i-- > 0;) {
    for (int k = 0; k < 3; ++k) ASSERT_TRUE(streams[i].read().get()) << i;
    EXPECT_FALSE(streams[i].read().get());
    EXPECT_EQ(streams[i].finish().get(), Status());
  }
}

TEST_P(SmallWindows, SmallMessagesByTheThousandFitThroughTheWindow) {
  RawService service;
  ServedRaw served(runtime(), service, {.address = "socket:x"});
  auto stream = served.request_stream();
  const Chain message = pattern(1'000);
  for (int i = 0; i < 2'000; ++i) ASSERT_EQ(stream.write(message).get(), Status()) << i;
  const Result<Chain> all = stream.finish().get();
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->size(), 2'000'000u);
}

}  // namespace
}  // namespace sluice::e2e
