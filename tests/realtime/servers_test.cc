// Servers whose loop may have no thread: what they and their handlers submit reaches the client though nobody
// runs the server's loop any more.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>

#include "realtime/two_sides.h"

namespace sluice::realtime {
namespace {

class Served : public TwoSides {
 protected:
  Served() : TwoSides(1, GetParam().threads) {}
  void SetUp() override {
    serve(free_addr());
    dial_to(server->addrs()[0].to_string());
  }
  // Runs the server until `seen()`, if nobody else does; afterwards nobody does.
  template <class Seen>
  bool serve_until(Seen seen) {
    return eventually([&] { return server_side.poll(), seen(); });
  }
  // A call whose handler waits.
  Call<Chain> held() {
    Call<Chain> call = channel.invoke(kUnary, hold).start();
    EXPECT_TRUE(serve_until([&] { return service.begun == 1; }));
    return call;
  }
  bool leaves_ready() {
    return eventually([&] { return channel.state() != ConnectivityState::kReady; });
  }
  const Chain text = bytes("m"), hold = bytes("hold");
};
INSTANTIATE_TEST_SUITE_P(Over, Served, ::testing::ValuesIn(kBetween), name_of);

TEST_P(Served, CallsEndWhenTheServerIsClosed) {
  Call<Chain> call = held();
  server->close();
  EXPECT_EQ(call.get().status().code(), StatusCode::kUnavailable);
}

TEST_P(Served, CallsEndWhenTheServerIsDestroyed) {
  Call<Chain> call = held();
  server.reset();
  EXPECT_EQ(call.get().status().code(), StatusCode::kUnavailable);
}

TEST_P(Served, ClientIsToldOfADrainThatIsStarted) {
  Call<Chain> call = held();
  Call<Status> drained = server->drain().start();
  EXPECT_TRUE(leaves_ready());
}

TEST_P(Served, ClientIsToldOfAStopThatIsStarted) {
  Call<Chain> call = held();
  Call<StopReport> stopped = server->stop(server_side.now() + 1h).start();
  EXPECT_TRUE(leaves_ready());
}

TEST_P(Served, HeaderAndMessagesOfAHandlerThatThenWaitsHaveLeft) {
  auto replies = reply_stream(channel, hold);
  Call<Status> header = replies.wait_header().start();
  EXPECT_TRUE(serve_until([&] { return service.begun == 1; }));
  EXPECT_EQ(header.get(), Status());
  auto both = bidi(channel);
  EXPECT_EQ(both.write(text).get(), Status());
  EXPECT_TRUE(serve_until([&] { return service.written == 2; }));
  EXPECT_TRUE(both.read().get());
  EXPECT_TRUE(both.read().get());
  replies.cancel();
}

// The client does nothing and so does not answer; what it has open decides how long that is borne.
class DrainBesideAnIdleClient : public TwoSides {
 protected:
  DrainBesideAnIdleClient() : TwoSides(0, GetParam().threads) {}
};
INSTANTIATE_TEST_SUITE_P(Over, DrainBesideAnIdleClient, ::testing::ValuesIn(kBetween), name_of);

TEST_P(DrainBesideAnIdleClient, TakesNoLongerThanTheGoodbye) {
  serve(free_addr(), {});
  dial_to(server->addrs()[0].to_string());
  const Chain text = bytes("m");
  Call<Chain> call = channel.invoke(kUnary, text).start();
  ASSERT_TRUE(eventually([&] { return server_side.poll(), client_side.poll(), service.begun == 1; }));
  ASSERT_EQ(text_of(call.get()), "m");
  const TimePoint begin = server_side.now();
  EXPECT_EQ(server->drain().get(), Status());
  EXPECT_LT(server_side.now() - begin, 3s) << "a second, and what a busy machine adds";
}

}  // namespace
}  // namespace sluice::realtime
