// LinkNetwork: the times that it is for.
#include "sluice/testing/link_network.h"

#include "sluice/net/memory_network.h"
#include "support/conn_fixture.h"

namespace sluice::support {
namespace {

using namespace std::chrono_literals;
using testing::LinkNetwork;
using testing::LinkOptions;

// Two ends over a link, in virtual time.
class LinkTest : public ::testing::Test {
 protected:
  using Ends = std::pair<std::unique_ptr<net::Conn>, std::unique_ptr<net::Conn>>;
  static Task<void> accept(net::Listener& listener, std::unique_ptr<net::Conn>& conn) {
    conn = (co_await listener.accept()).value();
  }
  static Task<void> connect(LinkNetwork& network, net::Listener& listener, Ends& ends, Loop& loop) {
    Scope scope(loop);
    (void)scope.spawn(accept(listener, ends.second));
    ends.first = (co_await network.dial({"pipe", "link"})).value();
    co_await scope.join();
  }
  void connect(const LinkOptions& options) {
    network_ = std::make_unique<LinkNetwork>(std::make_shared<net::MemoryNetwork>(), options);
    listener_ = network_->listen({"pipe", "link"}).value();
    loop_.run(connect(*network_, *listener_, ends_, *loop_));
    begun_ = loop_->now();
  }
  ~LinkTest() override {
    loop_.lead_and([&] { ends_ = {}; });
    listener_.reset();
  }
  Duration passed() { return loop_->now() - begun_; }

  TestLoop loop_{1};
  std::unique_ptr<LinkNetwork> network_;
  std::unique_ptr<net::Listener> listener_;
  Ends ends_;
  TimePoint begun_;
};

Task<void> write_and_look(net::Conn& from, net::Conn& to, std::size_t n, Duration& took) {
  const TimePoint begun = from.loop().now();
  co_await write_text(from, std::string(n, 'x'));
  while (n > 0) n -= (co_await to.read()).value().data.size();
  took = to.loop().now() - begun;
}

TEST_F(LinkTest, BringsAByteAfterItsLatency) {
  connect({.latency = 50ms});
  Duration took{};
  loop_.run(write_and_look(*ends_.first, *ends_.second, 1, took));
  EXPECT_EQ(took, 50ms);
  loop_.run(write_and_look(*ends_.second, *ends_.first, 1, took));
  EXPECT_EQ(took, 50ms);
}

TEST_F(LinkTest, HasItsBandwidth) {
  connect({.latency = 50ms, .bytes_per_second = 1'000'000, .buffer = 4'000'000});
  Duration took{};
  loop_.run(write_and_look(*ends_.first, *ends_.second, 2'000'000, took));
  EXPECT_EQ(took, 2050ms);
}

TEST_F(LinkTest, LetsNoPieceOvertakeAnother) {
  connect({.latency = 1ms, .jitter = 100ms, .seed = 7});
  loop_.run(write_pattern(*ends_.first, 5, 300'000, 1'000));
  loop_.run(read_pattern(*ends_.second, 5, 300'000));
  EXPECT_GT(passed(), 1ms);
  EXPECT_LE(passed(), 101ms);
}

Task<void> say_and_close(net::Conn& conn) {
  co_await write_text(conn, "the last words");
  conn.close();
}

Task<void> expect_the_end(net::Conn& conn) {
  const net::ReadResult read = (co_await conn.read()).value();
  EXPECT_TRUE(read.eof);
}

TEST_F(LinkTest, BringsWhatWasSentBeforeTheEndAndThenTheEnd) {
  connect({.latency = 50ms});
  loop_.run(say_and_close(*ends_.first));
  loop_.lead_and([&] { ends_.first.reset(); });
  loop_.run(expect_text(*ends_.second, "the last words"));
  EXPECT_EQ(passed(), 50ms);
  loop_.run(expect_the_end(*ends_.second));
  EXPECT_EQ(passed(), 50ms);
}

TEST_F(LinkTest, IsNotInMemory) {
  connect({});
  EXPECT_FALSE(ends_.first->in_memory());
}

}  // namespace
}  // namespace sluice::support
