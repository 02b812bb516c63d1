// What a Connection does that no peer can bring about in a test's time, without a channel or server around
// it. What peers bring about is in tests/wire.
#include "transport/connection.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "call/made_call.h"
#include "http2/session_test_util.h"
#include "sluice/net/memory_network.h"
#include "support/loop_fixture.h"
#include "transport/http2_transports.h"

namespace sluice::inline v0::transport {
namespace {

using http2::testing::kEnd;
using http2::testing::kResponse;
using http2::testing::kTrailers;
using http2::testing::Wire;

// A client's connection and its owner; the server's end is the test's.
struct ClientSide final : call::TransportOwner {
  ClientSide(Loop& loop, const ConnectionOptions& options)
      : pipe(net::make_pipe(loop, loop)),
        connection(std::make_unique<Connection>(std::move(pipe.a), options, *this)) {}

  call::ServedCall* on_incoming(call::Transport&, std::size_t) override { return nullptr; }
  void on_ready(call::Transport&) override { events += "ready "; }
  void on_capacity(call::Transport&) override {}
  void on_draining(call::Transport&) override { events += "draining "; }
  void on_unprocessed(call::MadeCall&) override {}
  void on_closed(call::Transport&, const call::TransportEnd& end) override {
    events += "closed: " + std::string(end.why.message());
    connection.reset();
  }

  net::PipePair pipe;
  std::unique_ptr<Connection> connection;
  std::string events;
};

TEST(Connection, R68_DrainsBeforeItsStreamIdsRunOut) {
  support::TestLoop loop(7);
  ConnectionOptions options;
  options.last_stream_id = 5;
  std::unique_ptr<ClientSide> side;
  const CompressorSet none;
  const CodecSet no_codecs;
  const call::ClientIdentity identity{"the.server",
                                      "me",
                                      {},
                                      call::Compression(none, ""),
                                      call::Codecs(no_codecs, ""),
                                      static_cast<std::uint16_t>(Http2Transports().client_stream_size())};
  std::vector<detail::UnaryRecord*> calls;
  const auto make_call = [&] {
    auto* call =
        call::MadeCall::make(call::MadeCall::Kind::kUnary, *loop, {}, identity, {"/test.Raw/Unary"}, {});
    calls.push_back(static_cast<detail::UnaryRecord*>(call->begin_unary()));
    const Message request(Chain::copy("m"));
    EXPECT_TRUE(side->connection->open(*call, &request));
  };
  const auto serve = [&](std::string_view bytes) {
    loop.run([](net::Conn& conn, std::string text) -> Task<void> {
      EXPECT_EQ(co_await conn.write(Chain::copy(text)), Status());
    }(*side->pipe.b, std::string(bytes)));
    loop.drain();
  };

  loop.lead_and([&] {
    side = std::make_unique<ClientSide>(*loop, options);
    side->connection->start();
  });
  serve(Wire().settings());
  loop.lead_and([&] {
    make_call(), make_call();
    EXPECT_TRUE(side->connection->can_open());
    EXPECT_EQ(side->events, "ready ");
    make_call();
    EXPECT_FALSE(side->connection->can_open());
    EXPECT_EQ(side->events, "ready draining ");
  });
  // What runs on it runs on.
  Wire replies;
  for (const http2::StreamId id : {1, 3, 5}) {
    EXPECT_EQ(side->events, "ready draining ");
    serve(Wire().headers(id, kResponse).data(id, std::string("\0\0\0\0\1r", 6)).headers(id, kTrailers, kEnd));
  }
  EXPECT_EQ(side->events, "ready draining closed: connection drained");
  loop.lead_and([&] {
    for (detail::UnaryRecord* record : calls) {
      EXPECT_EQ(record->status, Status());
      record->release();
    }
    side->pipe.b->close();
    loop.drain();
    side.reset();
  });
}

}  // namespace
}  // namespace sluice::inline v0::transport
