// Options that cannot be: told where they are given, with the value that is wrong, and before a byte is sent.
// And beside them the strangest that can.
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sluice/compression/compressors.h"
#include "support/row.h"
#include "support/tap_network.h"

namespace sluice::e2e {
namespace {

using namespace support;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A Compressor that has nothing but a name.
class Named final : public Compressor {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  Result<Chain> compress(const Chain& message) const override { return Chain(message); }
  Result<Chain> decompress(const Chain& packed, std::size_t) const override { return Chain(packed); }

 private:
  const std::string name_;
};

// What a Server and a Channel have in common, and the text that tells of it.
struct WrongLimits {
  Limits limits;
  std::string text;
};
std::vector<WrongLimits> wrong_limits() {
  return {{{.resets_window = 0s}, "limits.resets_window of 0 ns leaves no time"},
          {{.output_stall_timeout = -1s}, "limits.output_stall_timeout of -1000000000 ns leaves no time"},
          {{.handshake_timeout = 0s}, "limits.handshake_timeout of 0 ns leaves no time"},
          {{.header_block_timeout = -1ns}, "limits.header_block_timeout of -1 ns leaves no time"},
          {{.settings_ack_timeout = 0s}, "limits.settings_ack_timeout of 0 ns leaves no time"},
          {{.write_stall_timeout = Duration::min()},
           "limits.write_stall_timeout of -9223372036854775808 ns leaves no time"},
          {{.goodbye_timeout = -1ms}, "limits.goodbye_timeout of -1000000 ns is negative"},
          {{.header_list_size = 0}, "limits.header_list_size of 0 lets no call through"},
          {{.headers = 0}, "limits.headers of 0 lets no call through"},
          {{.header_list_size = 20'000},
           "limits.header_list_hard_limit of 16384 is less than header_list_size, 20000"}};
}
struct WrongCompressors {
  CompressorSet set;
  std::string algorithm;
  std::string text;
};
std::vector<WrongCompressors> wrong_compressors() {
  return {{{}, "gzip", "compression algorithm \"gzip\" is not among identity"},
          {all_compressors(), "br", "compression algorithm \"br\" is not among identity,gzip,deflate,zstd"},
          {all_compressors(), "GZIP", "compression algorithm \"GZIP\" is not among"},
          {{nullptr}, "", "a compressor is null"},
          {{std::make_shared<Named>("")}, "", "compressor name \"\" is no encoding's name"},
          {{std::make_shared<Named>("a b")}, "", "compressor name \"a b\" is no encoding's name"},
          {{std::make_shared<Named>("identity")}, "", "compressor name \"identity\" stands for"}};
}

class WrongOptions : public support::RuntimeTest {
 protected:
  WrongOptions() { runtime().add_network("tap", tap_); }

  void expect_refused(ChannelOptions options, const std::string& text) {
    expect_names(dial(runtime(), "tap:served", std::move(options)).status(), StatusCode::kInvalidArgument,
                 text);
  }
  // The listener is closed, so that its address is free.
  void expect_refused(ServerOptions options, const std::string& text) {
    RawService service;
    Server server(runtime(), std::move(options));
    EXPECT_EQ(server.register_service(RawService::desc(), &service), Status());
    expect_names(server.serve(runtime().listen("pipe:refused").value()), StatusCode::kInvalidArgument, text);
    EXPECT_EQ(server.addrs().size(), 0u);
    EXPECT_TRUE(runtime().listen("pipe:refused").ok()) << text;
  }

  const std::shared_ptr<support::TapNetwork> tap_ = std::make_shared<support::TapNetwork>();
};
INSTANTIATE_TEST_SUITE_P(All, WrongOptions, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

TEST_P(WrongOptions, OfAServerAreToldByServe) {
  expect_refused(ServerOptions{.max_concurrent_streams = 0},
                 "max_concurrent_streams of 0 lets no call through");
  for (const WrongLimits& wrong : wrong_limits())
    expect_refused(ServerOptions{.limits = wrong.limits}, wrong.text);
  for (const WrongCompressors& wrong : wrong_compressors()) {
    expect_refused(ServerOptions{.compressors = wrong.set, .compression_algorithm = wrong.algorithm},
                   wrong.text);
  }
}

TEST_P(WrongOptions, WindowsAreToldByBothSides) {
  const struct {
    FlowControl windows;
    const char* text;
  } wrong[] = {{{.stream_window = 0x80000000},
                "flow_control.stream_window of 2147483648 is more than HTTP/2 allows, 2147483647"},
               {{.connection_window = 65'534},
                "flow_control.connection_window of 65534 is less than HTTP/2 begins with, 65535"},
               {{.connection_window = 0xffffffff},
                "flow_control.connection_window of 4294967295 is more than HTTP/2 allows, 2147483647"},
               {{.largest_stream_window = 0x80000000},
                "flow_control.largest_stream_window of 2147483648 is more than HTTP/2 allows, 2147483647"}};
  for (const auto& [windows, text] : wrong) {
    expect_refused(ServerOptions{.flow_control = windows}, text);
    expect_refused(ChannelOptions{.flow_control = windows}, text);
  }
}

TEST_P(WrongOptions, WindowsThatAreSmallOrLargeAreTaken) {
  for (const FlowControl& windows : {FlowControl{.stream_window = 65'535, .connection_window = 65'535},
                                     FlowControl{.stream_window = 0x7fffffff,
                                     .connection_window = 0x7fffffff,
                                     .largest_stream_window = 0x7fffffff}}) {
    RawService service;
    ServedRaw served(runtime(), service,
                     {.server = {.flow_control = windows}, .channel = {.flow_control = windows}});
    for (const std::size_t size : {0u, 1u, 100'000u}) {
      const Chain request = pattern(size);
      EXPECT_EQ(text_of(served.unary(request).get()), request.to_string());
    }
  }
}

TEST_P(WrongOptions, OfAChannelAreToldByDial) {
  for (const char* authority : {"a b", "a\nb", "user@host", "a/b", "\"", "caf\xc3\xa9", " "}) {
    const bool control = std::string_view(authority) == "a\nb";
    expect_refused(ChannelOptions{.authority = authority}, control ? "a\\x0ab" : "authority \"");
  }
  for (const char* agent : {" a", "a\r\nx: y", "a\x01", "caf\xc3\xa9", "a\x7f"})
    expect_refused(ChannelOptions{.user_agent = agent}, "user agent \"");
  for (const char* agent : {"~", "}", "a ", "!"})
    EXPECT_TRUE(dial(runtime(), "pipe:x", {.user_agent = agent}).ok()) << agent;
  for (const WrongLimits& wrong : wrong_limits())
    expect_refused(ChannelOptions{.limits = wrong.limits}, wrong.text);
  for (const WrongCompressors& wrong : wrong_compressors()) {
    expect_refused(ChannelOptions{.compressors = wrong.set, .compression_algorithm = wrong.algorithm},
                   wrong.text);
  }
  const std::vector<std::pair<BackoffOptions, std::string>> backoffs = {
      {{.initial = -1ms}, "backoff.initial of -1000000 ns is negative"},
      {{.max = -1s}, "backoff.max of -1000000000 ns is negative"},
      {{.min_connect_timeout = 0s}, "backoff.min_connect_timeout of 0 ns leaves no time"},
      {{.min_connect_timeout = -1s}, "backoff.min_connect_timeout of -1000000000 ns leaves no time"},
      {{.multiplier = 0.99}, "backoff.multiplier of 0.990000 is no number from 1 on"},
      {{.multiplier = -2}, "backoff.multiplier of -2.000000"},
      {{.multiplier = kNan}, "backoff.multiplier of nan"},
      {{.multiplier = kInfinity}, "backoff.multiplier of inf"},
      {{.jitter = -0.1}, "backoff.jitter of -0.100000 is not within 0 and 1"},
      {{.jitter = 1.5}, "backoff.jitter of 1.500000"},
      {{.jitter = kNan}, "backoff.jitter of nan"}};
  for (const auto& [backoff, text] : backoffs) expect_refused(ChannelOptions{.backoff = backoff}, text);
  EXPECT_EQ(tap_->dialled_wrote(), "");
}

// Before anybody asks whether somebody listens there.
TEST_P(WrongOptions, TargetThatNobodyCouldListenOnIsToldByDial) {
  const std::vector<std::pair<std::string, std::string>> targets = {
      {"tcp:127.0.0.1", "address \"tcp:127.0.0.1\" has no port: it is tcp:HOST:PORT"},
      {"tcp:some.host", "address \"tcp:some.host\" has no port"},
      {"tcp:127.0.0.1:0", "has port 0, which nobody can dial"},
      {"tcp::80", "has no host to dial"},
      {"tcp://127.0.0.1:80", "has a // after its scheme: it is tcp:HOST:PORT"},
      {"tcp:127.0.0.1:65536", "has a port that is not 0 to 65535"},
      {"tcp:[::1:80", "has no ]"},
      {"unix:/" + std::string(107, 'x'), "is 108 bytes long"},
      {"pipe:", "pipe:"},
      {"vsock:1:2", "vsock"},
      {"served", "served"}};
  const bool simulated = runtime().simulation() != nullptr;
  for (const auto& [target, text] : targets) {
    const Status status = dial(runtime(), target).status();
    EXPECT_FALSE(status.ok()) << target;
    const bool socket = target.starts_with("tcp") || target.starts_with("unix");
    if (socket && simulated) {
      EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << status << ", which has no sockets";
      continue;
    }
    EXPECT_NE(status.message().find(text), std::string::npos) << status;
    if (socket) {
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    }
  }
  if (simulated) return;
  EXPECT_TRUE(dial(runtime(), std::string("tcp:some.host:") + "80").ok())
      << "whether there is such a host is asked later";
  EXPECT_TRUE(dial(runtime(), "unix:/nobody/listens").ok());
}

// What is odd, and makes sense.
TEST_P(WrongOptions, OddOnesThatMakeSenseAreTaken) {
  RawService service;
  const Limits none{.resets = 0,
                    .provoked_resets = {0, 0},
                    .window_updates_per_data = 0,
                    .mean_window_update = 0,
                    .empty_frames = 0,
                    .continuation_frames = 0,
                    .header_list_breaches = 0,
                    .queued_replies = 1,
                    .queued_bytes = 1,
                    .goodbye_timeout = 0s,
                    .handshakes = 0,
                    .informational_headers = 0,
                    .assembly_budget = 0};
  for (const Limits& limits : {none, Limits{.resets_window = Limits::kForever,
                                     .header_list_size = Limits::kOff,
                                     .headers = Limits::kOff,
                                     .header_list_hard_limit = Limits::kOff,
                                     .handshake_timeout = Limits::kForever,
                                     .write_stall_timeout = Limits::kForever}}) {
    ServedRaw served(runtime(), service,
                     {.server = {.max_concurrent_streams = 1, .limits = limits},
                      .channel = {.authority = "[::1]:50051",
                                  .user_agent = "agent/1 (a; b)",
                                  .limits = limits,
                                  .backoff = {.initial = 0s, .multiplier = 1, .jitter = 1, .max = 0s}}});
    for (const std::size_t size : {0u, 1u, 100'000u}) {
      const Chain request = pattern(size);
      EXPECT_EQ(text_of(served.unary(request).get()), request.to_string());
    }
  }
}

TEST_P(WrongOptions, SizesOfNothingLetEmptyMessagesThrough) {
  RawService service;
  ServedRaw served(runtime(), service,
                   {.server = {.max_receive_message_size = 0, .max_send_message_size = 0},
                    .channel = {.max_receive_message_size = 0, .max_send_message_size = 0}});
  EXPECT_EQ(text_of(served.unary(Chain()).get()), "");
  EXPECT_EQ(served.unary(bytes("m")).get().status(),
            Status(StatusCode::kResourceExhausted, "message of 1 bytes exceeds the limit of 0"));
}

struct WrongCall {
  CallOptions options;
  Status status;
};

// Every kind of call, before there is a connection and over one.
TEST_P(WrongOptions, OfACallFailItAndSendNothing) {
  RawService service;
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  ASSERT_EQ(server.serve(runtime().listen("tap:served").value()), Status());
  const Context cancelled = Context().with_cancel();
  cancelled.cancel("before it began");
  const Context past = Context().with_deadline(runtime().now() - 1ns);
  const Metadata many{{"x-fine", "1"}, {"x-fine-bin", "\x00\xff"}, {"x-bad", "\n"}};
  const auto internal = [](const char* text) { return Status(StatusCode::kInternal, text); };
  const Status too_late(StatusCode::kDeadlineExceeded, "deadline exceeded before the call started");
  const std::vector<WrongCall> wrong = {
      {{.timeout = 0s}, too_late},
      {{.timeout = -1ns}, too_late},
      {{.timeout = Duration::min()}, too_late},
      {{.deadline = runtime().now() - 1ns}, too_late},
      {{.deadline = TimePoint::min()}, too_late},
      {{.context = &past}, too_late},
      {{.context = &cancelled}, Status(StatusCode::kCancelled, "before it began")},
      {{.metadata = MetadataList({"", "x"})}, internal("metadata with an empty key")},
      {{.metadata = MetadataList({":path", "/x"})},
       internal("metadata key \":path\" is reserved: it is a pseudo-header of HTTP/2")},
      {{.metadata = MetadataList({"grpc-timeout", "1S"})},
       internal("metadata key \"grpc-timeout\" is reserved: names that begin with grpc- are gRPC's own")},
      {{.metadata = MetadataList({"Grpc-Status", "0"})},
       internal("metadata key \"grpc-status\" is reserved: names that begin with grpc- are gRPC's own")},
      {{.metadata = MetadataList({"content-type", "x"})},
       internal("metadata key \"content-type\" is reserved: gRPC sends its own")},
      {{.metadata = MetadataList({"host", "x"})},
       internal("metadata key \"host\" is reserved: the channel's authority stands for it")},
      {{.metadata = MetadataList({"a b", "x"})},
       internal("metadata key \"a b\" holds 0x20, which is none of 0-9 a-z _ - .")},
      {{.metadata = MetadataList({"caf\xc3\xa9", "x"})},
       internal("metadata key \"caf\\xc3\\xa9\" holds 0xc3, which is none of 0-9 a-z _ - .")},
      {{.metadata = MetadataList({"x-fine", "1"}, {"x-text", "a\nb"})},
       internal(
           "value of metadata key \"x-text\" holds 0x0a at offset 1, which is not printable ascii (use a "
           "\"-bin\" key)")},
      {{.metadata = MetadataList(&many)},
       internal("value of metadata key \"x-bad\" holds 0x0a at offset 0, which is not printable ascii (use a "
                "\"-bin\" key)")},
      {{.compression_algorithm = "gzip"}, internal("compression algorithm \"gzip\" is not among identity")},
      {{.compression_algorithm = "no such"},
       internal("compression algorithm \"no such\" is not among identity")}};
  Channel channel = dial(runtime(), "tap:served").value();
  std::string sent;
  for (const bool connected : {false, true}) {
    if (connected) {
      const Chain request = bytes("m");
      ASSERT_EQ(text_of(channel.invoke(kUnary, request).get()), "m");
      while (runtime().threads_started() == 0 && runtime().poll() > 0) {
      }
      sent = tap_->dialled_wrote();
    }
    for (const WrongCall& w : wrong) {
      for (const Kind kind : kKinds) {
        EXPECT_EQ(runtime().run(call(kind, channel, w.options)), w.status) << kind_name(kind);
      }
    }
    EXPECT_EQ(channel.state(), connected ? ConnectivityState::kReady : ConnectivityState::kIdle);
    EXPECT_EQ(tap_->dialled_wrote(), sent);
  }
  // And the channel is as good as ever.
  const Chain request = bytes("m");
  EXPECT_EQ(text_of(channel.invoke(kUnary, request).get()), "m");
}

// Waits longer than a Duration holds, and of nothing, are waits.
class OddBackoffs : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(Simulated, OddBackoffs, ::testing::ValuesIn(support::kSimulatedRuntimes),
                         support::name_of);

TEST_P(OddBackoffs, NeitherOverflowNorSpin) {
  struct Local {
    static Task<void> pass(Duration time) { (void)co_await sleep(time); }
  };
  constexpr auto kTriesAgain = ConnectivityState::kIdle, kWaits = ConnectivityState::kTransientFailure;
  const std::vector<std::pair<BackoffOptions, ConnectivityState>> odd = {
      {{.initial = Duration::max(), .jitter = 1, .max = Duration::max()}, kWaits},
      {{.initial = 1s, .multiplier = 1e300, .jitter = 1, .max = Duration::max()}, kWaits},
      {{.initial = 0s, .multiplier = 1, .jitter = 0, .max = 0s}, kTriesAgain},
      {{.initial = 0s, .multiplier = 1e300}, kTriesAgain},
      {{.initial = 1h, .max = 1ms}, kTriesAgain}};
  const Chain request = bytes("m");
  for (const auto& [backoff, state] : odd) {
    const Channel channel = dial(runtime(), "pipe:nobody", {.backoff = backoff}).value();
    for (int calls = 0; calls < 200; ++calls) {
      expect_names(channel.invoke(kUnary, request).get().status(), StatusCode::kUnavailable, "pipe:nobody");
      runtime().run(Local::pass(10s));
    }
    EXPECT_EQ(channel.state(), state);
  }
}

}  // namespace
}  // namespace sluice::e2e
