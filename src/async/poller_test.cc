// The pollers: wake, time limits that are never early, readiness, and watches that go while they are told.
#include "async/poller.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <functional>
#include <thread>

namespace sluice::inline v0 {
namespace {

using std::chrono::steady_clock;

std::unique_ptr<Poller> make_poller(bool blind) {
  Status why;
  return blind ? make_blind_poller(Status(StatusCode::kUnavailable, "no descriptors"))
               : make_epoll_poller(why);
}

class EachPoller : public ::testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<Poller> poller_ = make_poller(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Kinds, EachPoller, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "Blind" : "Epoll"; });

TEST_P(EachPoller, NeverReturnsBeforeItsLimit) {
  for (const Duration limit : {Duration(1), Duration(70'000), Duration(1'300'001)}) {
    const auto begin = steady_clock::now();
    poller_->wait(limit);
    EXPECT_GE(steady_clock::now() - begin, limit);
    EXPECT_EQ(poller_->dispatch(), 0u);
  }
}

TEST_P(EachPoller, AWakeBeforeTheWaitEndsItAndIsUsedUp) {
  poller_->wake();
  poller_->wake();
  poller_->wait(Duration(-1));
  EXPECT_EQ(poller_->dispatch(), 0u);
  const auto begin = steady_clock::now();
  poller_->wait(std::chrono::microseconds(200));
  EXPECT_GE(steady_clock::now() - begin, std::chrono::microseconds(200));
}

TEST_P(EachPoller, AWakeFromAnotherThreadEndsAnEndlessWait) {
  std::thread waker([this] { poller_->wake(); });
  poller_->wait(Duration(-1));
  poller_->dispatch();
  waker.join();
}

TEST_P(EachPoller, TakesTheLongestLimit) {
  std::thread waker([this] { poller_->wake(); });
  poller_->wait(Duration::max());
  poller_->dispatch();
  waker.join();
}

struct WatchedPipe final : FdWatch {
  explicit WatchedPipe(std::uint32_t events = EPOLLIN) : FdWatch(::eventfd(0, EFD_NONBLOCK), events) {}
  ~WatchedPipe() { ::close(fd()); }
  void on_ready(std::uint32_t) override { ++told, then(); }
  void make_ready() { ASSERT_EQ(::eventfd_write(fd(), 1), 0); }
  int told = 0;
  std::function<void()> then = [] {};
};

// With a watch it sleeps elsewhere than without one.
TEST(EpollPoller, IsWokenWhereverItSleeps) {
  const auto poller = make_poller(false);
  WatchedPipe a;
  for (int i = 0; i < 100; ++i) {
    if (i % 2 != 0) {
      ASSERT_TRUE(poller->add(a).ok());
    }
    std::thread waker([&] { poller->wake(); });
    poller->wait(Duration(-1));
    EXPECT_EQ(poller->dispatch(), 0u);
    waker.join();
    if (i % 2 != 0) poller->remove(a);
    poller->wait(Duration::zero());  // if it was awake already, the wake is still there
  }
  const auto begin = steady_clock::now();
  poller->wait(std::chrono::microseconds(200));
  EXPECT_GE(steady_clock::now() - begin, std::chrono::microseconds(200));
}

TEST(EpollPoller, ShowsEveryWakeToWhoeverWaitsOnItsDescriptor) {
  const auto poller = make_poller(false);
  const auto readable = [](int fd) {
    pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&p, 1, 0) == 1;
  };
  poller->wake();  // before anybody asked
  const int fd = poller->fd();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(readable(fd));
    poller->wait(Duration::zero());
    EXPECT_EQ(poller->dispatch(), 0u);
    EXPECT_FALSE(readable(fd));
    poller->wake();
  }
}

TEST(EpollPoller, TellsWhatIsReadyUntilItIsNot) {
  const auto poller = make_poller(false);
  WatchedPipe a, b;
  ASSERT_TRUE(poller->add(a).ok());
  ASSERT_TRUE(poller->add(b).ok());
  poller->wait(Duration::zero());
  EXPECT_EQ(poller->dispatch(), 0u);
  b.make_ready();
  for (int i = 0; i < 2; ++i) {
    poller->wait(Duration(-1));
    EXPECT_EQ(poller->dispatch(), 1u);
  }
  EXPECT_EQ(a.told, 0);
  EXPECT_EQ(b.told, 2);
  poller->remove(b);
  poller->wait(Duration::zero());
  EXPECT_EQ(poller->dispatch(), 0u);
  poller->remove(a);
}

TEST(EpollPoller, AWatchThatAnEarlierOneRemovesIsNotTold) {
  const auto poller = make_poller(false);
  WatchedPipe a, b;
  ASSERT_TRUE(poller->add(a).ok());
  ASSERT_TRUE(poller->add(b).ok());
  a.make_ready();
  b.make_ready();
  a.then = [&] { poller->remove(b); };
  b.then = [&] { poller->remove(a); };
  poller->wait(Duration(-1));
  EXPECT_EQ(poller->dispatch(), 1u);
  EXPECT_EQ(a.told + b.told, 1);
  poller->remove(a.told ? a : b);
}

TEST(EpollPoller, SaysWhatItCannotWatch) {
  const auto poller = make_poller(false);
  struct Bad final : FdWatch {
    Bad() : FdWatch(-1, EPOLLIN) {}
    void on_ready(std::uint32_t) override {}
  } bad;
  const Status status = poller->add(bad);
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "epoll_ctl: Bad file descriptor");
}

TEST(BlindPoller, RefusesToWatchWithItsReason) {
  const auto poller = make_poller(true);
  WatchedPipe a;
  EXPECT_EQ(poller->add(a), Status(StatusCode::kUnavailable, "no descriptors"));
  poller->remove(a);
  EXPECT_EQ(poller->fd(), -1);
}

}  // namespace
}  // namespace sluice::inline v0
