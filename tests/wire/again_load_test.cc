// A server that takes so many calls on a connection and then says GOAWAY, as proxies do (nginx:
// keepalive_requests), under the load of many callers: each call is served, and once.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "http2/frame.h"
#include "sluice/async/scope.h"
#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

// Echoes unary calls.
class Turnstile {
 public:
  Turnstile(Runtime& runtime, const std::string& address, std::size_t most)
      : scope_(runtime.loop()), listener_(runtime.listen(address).value()), most_(most) {}
  const Addr& addr() const { return listener_->addr(); }
  std::size_t connections() const { return connections_; }
  // What each call said, as often as it was served.
  const std::multiset<std::string>& served() const { return served_; }

  Task<void> run() {
    for (;;) {
      Result<std::unique_ptr<net::Conn>> conn = co_await listener_->accept();
      if (!conn.ok()) break;
      ++connections_;
      (void)scope_.spawn(serve(std::move(*conn)));
    }
    co_await scope_.join();
  }
  void close() { (void)listener_->close(); }

 private:
  struct Connection {
    std::string received;
    std::map<http2::StreamId, std::string> open;  // with what has come of their messages
    std::size_t taken = 0;
    std::string output;
  };

  Task<void> serve(std::unique_ptr<net::Conn> conn) {
    Connection c;
    c.output = Wire().settings().settings_ack();
    for (;;) {
      Chain output = Chain::copy(c.output);
      c.output.clear();
      const Status written = co_await conn->write(std::move(output));
      if (!written.ok()) break;
      if (c.taken == most_ && c.open.empty()) break;
      Result<net::ReadResult> read = co_await conn->read();
      if (!read.ok() || read->eof) break;
      c.received += read->data.to_string();
      take_frames(c);
    }
    conn->close_write();
    for (;;) {
      const Result<net::ReadResult> rest = co_await conn->read();
      if (!rest.ok() || rest->eof) break;
    }
    conn->close();
  }

  void take_frames(Connection& c) {
    if (c.received.starts_with("PRI")) {
      if (c.received.size() < http2::kClientPreface.size()) return;
      c.received.erase(0, http2::kClientPreface.size());
    }
    while (c.received.size() >= http2::kFrameHeaderSize) {
      const auto frame = http2::FrameHeader::parse(as_bytes(c.received).data());
      if (c.received.size() < http2::kFrameHeaderSize + frame.length) return;
      take_frame(c, frame, c.received.substr(http2::kFrameHeaderSize, frame.length));
      c.received.erase(0, http2::kFrameHeaderSize + frame.length);
    }
  }

  // What comes for streams that were not taken is passed over.
  void take_frame(Connection& c, const http2::FrameHeader& frame, const std::string& payload) {
    if (frame.type == FrameType::kHeaders && c.taken < most_) {
      c.open[frame.stream];
      if (++c.taken == most_) c.output += Wire().goaway(frame.stream, ErrorCode::kNoError);
    }
    const auto stream = c.open.find(frame.stream);
    if (frame.type != FrameType::kData || stream == c.open.end()) return;
    stream->second += payload;
    if (!frame.has(kEnd)) return;
    served_.insert(stream->second.substr(5));
    c.output += Wire()
                    .headers(frame.stream, kResponseHead)
                    .data(frame.stream, stream->second)
                    .headers(frame.stream, kOkTrailers, kEnd);
    c.open.erase(stream);
  }

  Scope scope_;
  const std::unique_ptr<net::Listener> listener_;
  const std::size_t most_;
  std::size_t connections_ = 0;
  std::multiset<std::string> served_;
};

class CallsThroughATurnstile : public WireTest {
 protected:
  static constexpr int kCallers = 20;
  static constexpr int kCalls = 100;

  Task<void> call_on(const Channel& channel, int caller) {
    for (int i = 0; i < kCalls; ++i) {
      const std::string text = std::to_string(caller) + "." + std::to_string(i);
      const Chain request = bytes(text);
      const Result<Chain> reply = co_await channel.invoke(kUnary, request);
      if (support::text_of(reply) != text) lost_.push_back(text + ": " + support::text_of(reply));
    }
  }
  Task<void> call_all(Turnstile& server) {
    Scope servers(runtime().loop()), callers(runtime().loop());
    (void)servers.spawn(server.run());
    {
      const Channel channel = dial(runtime(), server.addr().to_string()).value();
      for (int i = 0; i < kCallers; ++i) (void)callers.spawn(call_on(channel, i));
      co_await callers.join();
    }
    server.close();
    co_await servers.join();
  }
  std::vector<std::string> lost_;
};
INSTANTIATE_TEST_SUITE_P(All, CallsThroughATurnstile, ::testing::ValuesIn(kThreadlessNetworks),
                         support::name_of);

TEST_P(CallsThroughATurnstile, NoneIsLostAndNoneIsServedTwice) {
  Turnstile server(runtime(), some_address(), 50);
  const TimePoint begin = runtime().now();
  runtime().run(call_all(server));
  EXPECT_EQ(lost_, std::vector<std::string>());
  EXPECT_EQ(server.served().size(), std::size_t{kCallers * kCalls});
  EXPECT_EQ(std::set<std::string>(server.served().begin(), server.served().end()).size(),
            std::size_t{kCallers * kCalls});
  EXPECT_GE(server.connections(), std::size_t{kCallers * kCalls / 50});
  EXPECT_LE(server.connections(), std::size_t{kCallers * kCalls / 50 + 1});
  if (simulated()) {
    EXPECT_EQ(runtime().now(), begin) << "nobody waits for the next connection";
  }
}

}  // namespace
}  // namespace sluice::inline v0::wire
