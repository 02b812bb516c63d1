// Each way in which a Connection ends for its peer's slowness: what its owner is told of it, for the log.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "http2/session_test_util.h"
#include "sluice/async/sleep.h"
#include "sluice/net/memory_network.h"
#include "support/loop_fixture.h"
#include "transport/connection.h"

namespace sluice::inline v0::transport {
namespace {

using namespace std::chrono_literals;
using http2::testing::kRequest;
using http2::testing::Wire;

// A connection, and what was true of it at its end; the peer's end is the test's.
struct Owner final : call::TransportOwner {
  call::ServedCall* on_incoming(call::Transport&, std::size_t) override { return nullptr; }
  void on_ready(call::Transport&) override {}
  void on_capacity(call::Transport&) override {}
  void on_draining(call::Transport&) override {}
  void on_unprocessed(call::MadeCall&) override {}
  void on_closed(call::Transport& transport, const call::TransportEnd& end) override {
    ending = end.why.to_string();
    broken = end.broken;
    exceeded = end.exceeded;
    ended_at = static_cast<Connection&>(transport).loop().now();
  }
  std::string ending;
  bool broken = false;
  Limit exceeded = Limit::kNone;
  TimePoint ended_at{};
};

Task<void> write(net::Conn& conn, std::string text) {
  const Status status = co_await conn.write(Chain::copy(text));
  EXPECT_EQ(status, Status());
}
Task<void> wait(Duration time) {
  const Status status = co_await sleep(time);
  EXPECT_EQ(status, Status());
}

class ConnectionEnds : public ::testing::Test {
 protected:
  ~ConnectionEnds() override {
    loop_.lead_and([&] {
      pipe_.b->close();
      connection_->close(Status(StatusCode::kCancelled, "the test is over"));
    });
    loop_.drain();
    loop_.lead_and([&] { connection_.reset(), pipe_.b.reset(); });
  }
  // Lets the peer say something. The connection is a server's.
  void begin(std::string_view said, std::size_t pipe_capacity = 1 << 20) {
    pipe_ = net::make_pipe(*loop_, *loop_, pipe_capacity);
    options_.role = http2::Role::kServer;
    options_.limits = &limits_;
    begun_ = loop_->now();
    loop_.lead_and([&] {
      connection_ = std::make_unique<Connection>(std::move(pipe_.a), options_, owner_);
      connection_->start();
    });
    if (!said.empty()) loop_.run(write(*pipe_.b, std::string(said)));
    loop_.drain();
  }
  void expect_end(Limit limit, Duration after) {
    if (after > 1ms) {
      loop_.run(wait(after - 1ms));
      EXPECT_EQ(owner_.ending, "") << "too early";
    }
    loop_.run(wait(1h));
    EXPECT_NE(owner_.ending, "");
    EXPECT_TRUE(owner_.broken) << owner_.ending;
    EXPECT_EQ(to_string(owner_.exceeded), to_string(limit)) << owner_.ending;
  }

  support::TestLoop loop_{7};
  Limits limits_;
  ConnectionOptions options_;
  Owner owner_;
  net::PipePair pipe_;
  std::unique_ptr<Connection> connection_;
  TimePoint begun_{};
};

TEST_F(ConnectionEnds, WithoutSettingsInTime) {
  options_.handshake_deadline = loop_->now() + 3s;
  begin("");
  expect_end(Limit::kHandshakeTimeout, 3s);
}

TEST_F(ConnectionEnds, WithoutAnAcknowledgementOfItsSettings) {
  limits_.settings_ack_timeout = 3s;
  begin(Wire().preface().settings());
  expect_end(Limit::kSettingsAckTimeout, 3s);
}

TEST_F(ConnectionEnds, InTheMiddleOfAHeaderBlock) {
  limits_.header_block_timeout = 3s;
  begin(Wire().preface().settings().settings_ack().headers(1, http2::testing::plain(kRequest), 0));
  expect_end(Limit::kHeaderBlockTimeout, 3s);
}

TEST_F(ConnectionEnds, WhenItsPeerTakesNothing) {
  limits_.write_stall_timeout = 3s;
  begin(Wire().preface().settings().settings_ack(), 10);
  expect_end(Limit::kWriteStall, 3s);
}

TEST_F(ConnectionEnds, WhenItsPeerAsksAndDoesNotRead) {
  limits_.output_stall_timeout = 3s;
  limits_.queued_replies = 3;
  // The answers to the first PINGs that it reads do not fit into the pipe; then it reads some more.
  begin(Wire().preface().settings().settings_ack(), 200);
  for (const int n : {16, 8}) {
    Wire pings;
    for (int i = 0; i < n; ++i) pings.ping("12345678");
    loop_.run(write(*pipe_.b, pings.str()));
    loop_.drain();
  }
  expect_end(Limit::kOutputStall, 3s);
}

// Its SETTINGS are still being written.
TEST_F(ConnectionEnds, WithAWordBehindWhatItWasWriting) {
  struct Local {
    static Task<std::string> read_all(net::Conn& conn) {
      std::string all;
      for (;;) {
        Result<net::ReadResult> read = co_await conn.read();
        if (!read.ok() || read->eof) co_return all;
        all += read->data.to_string();
      }
    }
  };
  begin(Wire().preface().settings().settings_ack().data(0, "x"), 10);
  const std::string said = http2::testing::describe(loop_.run(Local::read_all(*pipe_.b)));
  EXPECT_NE(said.find("GOAWAY"), said.npos) << said;
}

TEST_F(ConnectionEnds, AsOneTooMany) {
  begin(Wire().preface().settings().settings_ack());
  loop_.lead_and([&] { connection_->turn_away(Limit::kHandshakes); });
  expect_end(Limit::kHandshakes, 0ms);
}

TEST_F(ConnectionEnds, ByItsOwnerWithoutAWordOfThePeer) {
  begin(Wire().preface().settings().settings_ack());
  loop_.lead_and([&] { connection_->close(Status(StatusCode::kUnavailable, "enough")); });
  loop_.drain();
  EXPECT_EQ(owner_.ending, "UNAVAILABLE: enough");
  EXPECT_FALSE(owner_.broken);
  EXPECT_EQ(owner_.exceeded, Limit::kNone);
}

}  // namespace
}  // namespace sluice::inline v0::transport
