// For tests of who leads a loop: the smallest operation there is, and a poller that counts.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "async/poller.h"
#include "async/waiting_thread.h"

namespace sluice::inline v0 {

// Completes `waiter` on the loop after `hops` more posts; the smallest operation there is.
struct Hops final : Runnable {
  Hops(Loop& l, Runnable& w, int n) : Runnable(&hop), loop(l), waiter(w), left(n) {}
  static void hop(Runnable& self) noexcept {
    auto& h = static_cast<Hops&>(self);
    if (h.left-- == 0) return h.waiter.run();
    h.loop.post(h);
  }
  Loop& loop;
  Runnable& waiter;
  int left;
};

// What get() does, without an operation.
inline void call(Loop& loop, int hops) {
  WaitingThread waiter(loop);
  Hops op(loop, waiter, hops);
  loop.post(op);
  ASSERT_TRUE(waiter.wait());
  if (waiter.leading()) loop.leave();
}

// Counts what is asked of the epoll poller.
struct PollerCounts {
  std::atomic<int> waits{0}, wakes{0};
};
class CountingPoller final : public Poller {
 public:
  explicit CountingPoller(PollerCounts& counts) : counts_(counts) {
    Status why;
    poller_ = make_epoll_poller(why);
  }
  Status add(FdWatch& watch) override { return poller_->add(watch); }
  Status change(FdWatch& watch) override { return poller_->change(watch); }
  void remove(FdWatch& watch) override { poller_->remove(watch); }
  void wait(Duration timeout) override { ++counts_.waits, poller_->wait(timeout); }
  std::size_t dispatch() override { return poller_->dispatch(); }
  void wake() override { ++counts_.wakes, poller_->wake(); }
  int fd() override { return poller_->fd(); }

 private:
  PollerCounts& counts_;
  std::unique_ptr<Poller> poller_;
};

}  // namespace sluice::inline v0
