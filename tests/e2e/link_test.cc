// What a link with a long way carries, in virtual time.
#include <string>
#include <vector>

#include "sluice/async/scope.h"
#include "sluice/async/sleep.h"
#include "sluice/net/memory_network.h"
#include "sluice/testing/link_network.h"
#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

#ifndef SLUICE_LINK_SPEED
#define SLUICE_LINK_SPEED 125'000'000  // 1 Gbit/s; less where a sanitizer watches
#endif
constexpr std::uint64_t kSpeed = SLUICE_LINK_SPEED;
// Of a mebibyte: some times what is under way on such a link.
constexpr int kCallsAtOnce = static_cast<int>(kSpeed / 2'000'000) + 2;
constexpr Duration kWarmUp = 3s, kMeasured = 1s;

// Counts what comes in the second after the warm-up.
struct Flow {
  explicit Flow(Loop& l) : loop(l), begun(l.now()) {}
  bool over() const { return loop.now() >= after(begun, kWarmUp + kMeasured); }
  void came(std::size_t n) {
    if (loop.now() >= after(begun, kWarmUp) && !over()) bytes += n;
  }
  // Of what the link carries.
  double share() const { return static_cast<double>(bytes) / static_cast<double>(kSpeed); }

  Loop& loop;
  const TimePoint begun;
  std::size_t bytes = 0;
};

struct Endless final : RawService {
  Task<Status> reply_stream(ServerContext&, const Chain& request, ServerWriter<Chain>& writer) override {
    for (;;) {
      if (Status status = co_await writer.write(request); !status.ok()) co_return status;
      written += request.size();
    }
  }
  Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
    Chain request;
    while (co_await reader.read_into(request)) {
      if (flow) flow->came(request.size());
    }
    co_return Chain();
  }
  Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
    if (flow) flow->came(request.size());
    co_return Chain();
  }
  Flow* flow = nullptr;
  std::size_t written = 0;  // bytes
};

// A server and a client 50 ms away.
class Link : public ::testing::Test {
 protected:
  explicit Link(FlowControl of_client = {}, Limits limits_of_client = {},
                std::size_t memory_budget = MemoryBudget::kDefault)
      : runtime_({.memory_budget = memory_budget, .simulation_seed = 1}) {
    runtime_.add_network("link",
                         std::make_shared<testing::LinkNetwork>(
                             std::make_shared<net::MemoryNetwork>(),
                             testing::LinkOptions{.latency = 50ms, .bytes_per_second = kSpeed}, "pipe"));
    EXPECT_EQ(server_.register_service(RawService::desc(), &service_), Status());
    EXPECT_EQ(server_.serve(runtime_.listen("link:far").value()), Status());
    channel_ = dial(runtime_, "link:far", {.limits = limits_of_client, .flow_control = of_client}).value();
  }
  ~Link() override {
    runtime_.run(end(server_, channel_, runtime_));
    support::expect_idle(runtime_);
  }

  static Task<void> end(Server& server, Channel& channel, const Runtime& runtime) {
    channel = Channel();
    const Result<StopReport> report = co_await server.stop(after(runtime.now(), 10s));
    EXPECT_TRUE(report.ok() && report->still_running.empty());
  }
  static Task<void> read_replies(const Channel& channel, Flow& flow, std::size_t size = 4096) {
    ClientReader<Chain> stream = support::reply_stream(channel, pattern(size));
    Chain reply;
    while (!flow.over()) {
      const bool more = co_await stream.read_into(reply);
      EXPECT_TRUE(more);
      if (!more) break;
      flow.came(reply.size());
    }
    stream.cancel();
    (void)co_await stream.finish();
  }
  static Task<void> write_requests(const Channel& channel, const Flow& flow, std::size_t size = 4096) {
    ClientWriter<Chain, Chain> stream = support::request_stream(channel);
    const Chain message = pattern(size);
    while (!flow.over()) {
      const Status status = co_await stream.write(message);
      EXPECT_EQ(status, Status());
      if (!status.ok()) break;
    }
    stream.cancel();
    (void)co_await stream.finish();
  }
  static Task<void> call(const Channel& channel, const Flow& flow, const Chain& request) {
    while (!flow.over()) {
      const Result<Chain> reply = co_await channel.invoke(kUnary, request);
      EXPECT_EQ(reply.status(), Status());
      if (!reply.ok()) co_return;
    }
  }
  static Task<void> call_often(const Channel& channel, Flow& flow, int at_once) {
    const Chain request = pattern(1 << 20);
    Scope scope(flow.loop);
    for (int i = 0; i < at_once; ++i) (void)scope.spawn(call(channel, flow, request));
    co_await scope.join();
  }

  Runtime runtime_;
  Endless service_;
  Server server_{runtime_};
  Channel channel_;
};

TEST_F(Link, IsFilledByAStreamOfReplies) {
  Flow flow(runtime_.loop());
  runtime_.run(read_replies(channel_, flow));
  RecordProperty("share", std::to_string(flow.share()));
  EXPECT_GE(flow.share(), 0.9);
}

TEST_F(Link, IsFilledByAStreamOfRequests) {
  Flow flow(runtime_.loop());
  service_.flow = &flow;
  runtime_.run(write_requests(channel_, flow));
  RecordProperty("share", std::to_string(flow.share()));
  EXPECT_GE(flow.share(), 0.9);
}

// Also where few messages, one, or none fits into the window that streams begin with.
class LinkForMessages : public Link, public ::testing::WithParamInterface<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(OfBytes, LinkForMessages,
                         ::testing::Values(1'000, 16'000, 24'000, 64'000, 65'536, 100'000, 262'144,
                                           1'000'000),
                         ::testing::PrintToStringParamName());

TEST_P(LinkForMessages, IsFilledByReplies) {
  Flow flow(runtime_.loop());
  runtime_.run(read_replies(channel_, flow, GetParam()));
  RecordProperty("share", std::to_string(flow.share()));
  EXPECT_GE(flow.share(), 0.9);
}

TEST_P(LinkForMessages, IsFilledByRequests) {
  Flow flow(runtime_.loop());
  service_.flow = &flow;
  runtime_.run(write_requests(channel_, flow, GetParam()));
  RecordProperty("share", std::to_string(flow.share()));
  EXPECT_GE(flow.share(), 0.9);
}

TEST_F(Link, IsFilledByCallsOfAMebibyte) {
  Flow flow(runtime_.loop());
  service_.flow = &flow;
  runtime_.run(call_often(channel_, flow, kCallsAtOnce));
  RecordProperty("share", std::to_string(flow.share()));
  EXPECT_GE(flow.share(), 0.9);
}

// Whoever wants the protocol's windows has them: 64 KiB in 100 ms.
class LinkOfFixedWindows : public Link {
 protected:
  LinkOfFixedWindows() : Link({.largest_stream_window = 0}) {}
};

TEST_F(LinkOfFixedWindows, BringsAWindowInARoundTrip) {
  Flow flow(runtime_.loop());
  runtime_.run(read_replies(channel_, flow));
  EXPECT_LE(flow.bytes, 12u * 65'535);
  EXPECT_GE(flow.bytes, 4u * 65'535);
}

// Of who does not read.
TEST_F(Link, IsNotFilledForAReaderWhoWaits) {
  struct Body {
    static Task<void> wait(const Channel& channel) {
      ClientReader<Chain> stream = support::reply_stream(channel, pattern(4096));
      (void)co_await sleep(3s);
      stream.cancel();
      (void)co_await stream.finish();
    }
  };
  runtime_.run(Body::wait(channel_));
  EXPECT_GE(service_.written, 65'535u);
  EXPECT_LE(service_.written, 65'535u + (64 << 10) + 2 * 4096);
}

// What windows grow by is bounded for all streams of a connection together.
class LinkWithinABudget : public Link {
 protected:
  static constexpr std::size_t kBudget = 2 << 20;
  LinkWithinABudget() : Link({}, {.assembly_budget = kBudget}) {}
  static Task<void> read_many(const Channel& channel, Flow& flow) {
    Scope scope(flow.loop);
    for (int i = 0; i < 4; ++i) (void)scope.spawn(read_replies(channel, flow));
    co_await scope.join();
  }
};

TEST_F(LinkWithinABudget, IsFilledAsFarAsItGoes) {
  Flow flow(runtime_.loop());
  runtime_.run(read_many(channel_, flow));
  const double a_round_trip = static_cast<double>(flow.bytes) / 10;
  EXPECT_LE(a_round_trip, kBudget / 2 + 4 * 65'535);
  EXPECT_GE(a_round_trip, 0.8 * kBudget / 2);
}

// Windows that have grown shrink while the Runtime has no memory.
class LinkWithoutMemory : public Link {
 protected:
  static constexpr std::size_t kBudget = 2 << 20;
  LinkWithoutMemory() : Link({}, {}, kBudget) {}
  static Task<void> wait(const Channel& channel, Duration time) {
    ClientReader<Chain> stream = support::reply_stream(channel, pattern(4096));
    (void)co_await sleep(time);
    stream.cancel();
    (void)co_await stream.finish();
  }
  // Read from 0 to 3 s; from 1 s on what nobody reads uses up the memory.
  static Task<void> read_and_wait(const Channel& channel, Flow& flow) {
    Scope scope(flow.loop);
    (void)scope.spawn(read_replies(channel, flow));
    (void)co_await sleep(1s);
    for (int i = 0; i < 50; ++i) (void)scope.spawn(wait(channel, 3s));
    co_await scope.join();
  }
};

TEST_F(LinkWithoutMemory, BringsNoMoreThanItBeganWith) {
  Flow flow(runtime_.loop());
  runtime_.run(read_and_wait(channel_, flow));
  EXPECT_LE(flow.bytes, 12u * 65'535);
  EXPECT_GE(flow.bytes, 4u * 65'535);
}

}  // namespace
}  // namespace sluice::e2e
