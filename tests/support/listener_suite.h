// The contract of Network and Listener, written once for every kind of them; to be used as conn_suite.h.
#pragma once

#include <chrono>
#include <set>
#include <vector>

#include "support/conn_fixture.h"

namespace sluice::support {

class ListenerSuite : public ConnFixture {};

inline Task<void> dial_fails(net::Network& network, Addr addr, TimePoint deadline, Context context,
                             StatusCode code, std::string named) {
  Result<std::unique_ptr<net::Conn>> conn = co_await network.dial(addr, deadline, context);
  EXPECT_FALSE(conn.ok());
  EXPECT_EQ(conn.status().code(), code) << conn.status();
  EXPECT_NE(conn.status().message().find(named), std::string::npos) << conn.status();
}

TEST_P(ListenerSuite, NamesTheAddressThatNobodyListensOn) {
  run(dial_fails(network(), kind().nobody, kNever, {}, StatusCode::kUnavailable, kind().nobody.to_string()));
}

TEST_P(ListenerSuite, RefusesAnAddressThatIsTaken) {
  const auto second = network().listen(listener().addr());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), StatusCode::kAlreadyExists);
  EXPECT_NE(second.status().message().find(listener().addr().to_string()), std::string::npos)
      << second.status();
}

TEST_P(ListenerSuite, RefusesAForeignScheme) {
  const Addr foreign{"carrier-pigeon", "loft"};
  const auto listener = network().listen(foreign);
  EXPECT_EQ(listener.status().code(), StatusCode::kInvalidArgument) << listener.status();
  EXPECT_NE(listener.status().message().find("carrier-pigeon:loft"), std::string::npos) << listener.status();
  run(dial_fails(network(), foreign, kNever, {}, StatusCode::kInvalidArgument, "carrier-pigeon:loft"));
}

TEST_P(ListenerSuite, ClosesOnceAndSaysSoAfterwards) {
  EXPECT_TRUE(listener().close().ok());
  const Status again(StatusCode::kFailedPrecondition, kind().closed_again);
  EXPECT_EQ(listener().close(), again);
  EXPECT_EQ(listener().close(), again);
}

TEST_P(ListenerSuite, IsNotDialledAfterItClosed) {
  EXPECT_TRUE(listener().close().ok());
  run(dial_fails(network(), listener().addr(), kNever, {}, StatusCode::kUnavailable,
                 listener().addr().to_string()));
}

TEST_P(ListenerSuite, LeavesItsAddressToTheNextOne) {
  const Addr addr = listener().addr();
  close_listener();
  const auto next = network().listen(addr);
  EXPECT_TRUE(next.ok()) << next.status();
}

inline Task<void> accept_and_close(net::Listener& listener) {
  Loop& loop = co_await this_loop();
  HeldAccept accept;
  accept.started(listener.start_accept(accept, loop));
  EXPECT_FALSE(accept.ended());
  EXPECT_TRUE(listener.close().ok());
  co_await accept;
  EXPECT_EQ(accept.status.code(), StatusCode::kUnavailable) << accept.status;
  EXPECT_FALSE(accept.again);
  EXPECT_EQ(accept.conn, nullptr);
  // And later ones.
  Result<std::unique_ptr<net::Conn>> late = co_await listener.accept();
  EXPECT_EQ(late.status().code(), StatusCode::kUnavailable) << late.status();
}

TEST_P(ListenerSuite, EndsAnAcceptWhenItCloses) { run(nothing(), accept_and_close(listener())); }

inline Task<void> accept_closed(net::Listener& listener, Gate& waits) {
  Loop& loop = co_await this_loop();
  HeldAccept accept;
  accept.started(listener.start_accept(accept, loop));
  waits.open();
  co_await accept;
  EXPECT_EQ(accept.status.code(), StatusCode::kUnavailable) << accept.status;
}
inline Task<void> destroy_at(std::unique_ptr<net::Listener>& listener, Gate& gate) {
  co_await gate;
  listener.reset();
}

TEST_P(ListenerSuite, EndsAnAcceptOfAnotherLoopWhenItIsDestroyed) {
  const Addr addr = listener().addr();
  close_listener();
  auto next = network().listen(addr);
  ASSERT_TRUE(next.ok()) << next.status();
  Gate waits(loop_a());
  run(destroy_at(*next, waits), accept_closed(**next, waits));
}

inline Task<void> dial_cancelled(net::Network& network, Addr addr) {
  const Context context = Context().with_cancel();
  context.cancel("changed my mind");
  co_await dial_fails(network, addr, kNever, context, StatusCode::kCancelled, "changed my mind");
}

TEST_P(ListenerSuite, DoesNotDialForACancelledContext) { run(dial_cancelled(network(), listener().addr())); }

inline Task<void> dial_too_late(net::Network& network, Addr addr) {
  Loop& loop = co_await this_loop();
  co_await dial_fails(network, addr, loop.now(), {}, StatusCode::kDeadlineExceeded, addr.to_string());
  const Context late = Context().with_deadline(loop.now());
  co_await dial_fails(network, addr, kNever, late, StatusCode::kDeadlineExceeded, addr.to_string());
}

TEST_P(ListenerSuite, DoesNotDialPastItsDeadline) { run(dial_too_late(network(), listener().addr())); }

// Each dialler says its number and expects it back: no two conns are mixed up, none is lost.
inline Task<void> dial_and_say(net::Network& network, Addr addr, int number,
                               std::set<std::string>& local_addrs) {
  Result<std::unique_ptr<net::Conn>> dialled = co_await network.dial(addr);
  EXPECT_TRUE(dialled.ok()) << dialled.status();
  if (!dialled.ok()) co_return;
  net::Conn& conn = **dialled;
  local_addrs.insert(conn.local_addr().to_string());
  const std::string text = "I am number " + std::to_string(1000 + number);
  co_await write_text(conn, text);
  co_await expect_text(conn, text);
  conn.close();
}
inline Task<void> dial_often(net::Network& network, Addr addr, int n, std::set<std::string>& local_addrs) {
  Loop& loop = co_await this_loop();
  Scope scope(loop);
  for (int i = 0; i < n; ++i) (void)scope.spawn(dial_and_say(network, addr, i, local_addrs));
  co_await scope.join();
}
inline Task<void> echo_once(std::unique_ptr<net::Conn> conn) {
  const std::string text = co_await read_text_of_size(*conn, 16);
  co_await write_text(*conn, text);
  co_await expect_read(*conn, "<eof>");
  conn->close();
}
inline Task<void> accept_often(net::Listener& listener, int n) {
  Loop& loop = co_await this_loop();
  Scope scope(loop);
  for (int i = 0; i < n; ++i) {
    Result<std::unique_ptr<net::Conn>> accepted = co_await listener.accept();
    EXPECT_TRUE(accepted.ok()) << accepted.status();
    if (accepted.ok()) (void)scope.spawn(echo_once(std::move(accepted).value()));
  }
  co_await scope.join();
}

TEST_P(ListenerSuite, ServesManyDialsAtOnce) {
  std::set<std::string> local_addrs;
  run(dial_often(network(), listener().addr(), 100, local_addrs), accept_often(listener(), 100));
  EXPECT_EQ(local_addrs.size(), 100u);
}

}  // namespace sluice::support
