// The epoll Poller: level-triggered, with nanosecond timeouts where the kernel has epoll_pwait2. While
// nothing is watched it sleeps on a futex instead, which takes half a microsecond less to wake.
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>

#include "async/poller.h"

namespace sluice::inline v0 {
namespace {

Status failed(const char* call) {
  return Status(StatusCode::kUnavailable, std::string(call) + ": " + std::strerror(errno));
}

// A time limit as the kernel takes it.
timespec to_timespec(Duration limit) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
  return {static_cast<time_t>(seconds.count()), static_cast<long>((limit - seconds).count())};
}

class EpollPoller final : public Poller {
 public:
  EpollPoller(int epoll_fd, int event_fd) : epoll_fd_(epoll_fd), event_fd_(event_fd), process_(::getpid()) {}
  ~EpollPoller() override {
    ::close(event_fd_);
    ::close(epoll_fd_);
  }

  Status add(FdWatch& watch) override {
    Status status = control(EPOLL_CTL_ADD, watch);
    watches_ += status.ok();
    return status;
  }
  Status change(FdWatch& watch) override { return control(EPOLL_CTL_MOD, watch); }
  void remove(FdWatch& watch) override {
    // What is watched is one for this process and a child of fork: a child that lets go of its copies must
    // not make its parent deaf.
    if (process_ == ::getpid()) ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, watch.fd(), nullptr);
    --watches_;
    // A watch that an earlier one of the same batch removes must not be told any more.
    for (int i = 0; i < batch_; ++i) {
      if (events_[i].data.ptr == &watch) events_[i].data.ptr = nullptr;
    }
  }

  void wait(Duration timeout) override {
    if (told_.load()) {
      batch_ = wait_events(timeout);
      return;
    }
    const Sleep how = watches_ == 0 ? kInFutex : kInEpoll;
    std::uint32_t awake = kAwake;
    const bool woken = !sleep_.compare_exchange_strong(awake, how);
    if (how == kInEpoll) {
      batch_ = wait_events(woken ? Duration::zero() : timeout);
    } else if (!woken && timeout.count() != 0) {
      wait_futex(timeout);
    }
    // A wake that comes now is for a leader that is about to look at its queues.
    sleep_.store(kAwake);
  }
  std::size_t dispatch() override {
    std::size_t told = 0;
    for (int i = 0; i < batch_; ++i) {
      if (events_[i].data.ptr == this) continue;
      if (auto* watch = static_cast<FdWatch*>(events_[i].data.ptr)) {
        watch->on_ready(events_[i].events);
        ++told;
      }
    }
    batch_ = 0;
    return told;
  }
  void wake() override {
    const std::uint32_t slept = sleep_.exchange(kWoken);
    if (slept == kInFutex) {
      ::syscall(SYS_futex, &sleep_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    } else if (slept == kInEpoll || told_.load()) {
      signal();
    }
  }
  // From now on somebody else waits there, and every wake has to be seen there.
  int fd() override {
    told_.store(true);
    if (sleep_.exchange(kAwake) == kWoken) signal();
    return epoll_fd_;
  }

  Status add_event_fd() {
    epoll_event event{};
    // Each write is an edge, so what was written need not be read; the count lasts for 2^64 wakes.
    event.events = EPOLLIN | EPOLLET;
    event.data.ptr = this;
    return ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, event_fd_, &event) == 0 ? Status() : failed("epoll_ctl");
  }

 private:
  static constexpr int kBatch = 64;
  // Where the leader is; woken: the wait in progress or the next one ends at once.
  enum Sleep : std::uint32_t { kAwake, kInFutex, kInEpoll, kWoken };

  void signal() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(event_fd_, &one, sizeof one);
  }

  void wait_futex(Duration timeout) {
    const timespec limit = timeout.count() < 0 ? timespec{} : to_timespec(timeout);
    ::syscall(SYS_futex, &sleep_, FUTEX_WAIT_PRIVATE, kInFutex, timeout.count() < 0 ? nullptr : &limit,
              nullptr, 0);
  }

  Status control(int operation, FdWatch& watch) {
    epoll_event event{};
    event.events = watch.events();
    event.data.ptr = &watch;
    return ::epoll_ctl(epoll_fd_, operation, watch.fd(), &event) == 0 ? Status() : failed("epoll_ctl");
  }

  int wait_events(Duration timeout) {
    if (timeout.count() < 0) return std::max(0, ::epoll_wait(epoll_fd_, events_, kBatch, -1));
    if (precise_) {
      const timespec limit = to_timespec(timeout);
      const int n = ::epoll_pwait2(epoll_fd_, events_, kBatch, &limit, nullptr);
      if (n >= 0 || errno == EINTR) return std::max(0, n);
      precise_ = false;  // a kernel before 5.11, or a sandbox: milliseconds, rounded up so that none is early
    }
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    return std::max(
        0, ::epoll_wait(epoll_fd_, events_, kBatch, static_cast<int>(std::min<std::int64_t>(ms, 1 << 30))));
  }

  const int epoll_fd_;
  const int event_fd_;
  const pid_t process_;
  // Any thread.
  std::atomic<std::uint32_t> sleep_{kAwake};
  std::atomic<bool> told_{false};  // fd() was asked for

  // The leader's.
  bool precise_ = true;
  std::size_t watches_ = 0;
  int batch_ = 0;
  epoll_event events_[kBatch];
};

class BlindPoller final : public Poller {
 public:
  explicit BlindPoller(Status why) : why_(std::move(why)) {}
  Status add(FdWatch&) override { return why_; }
  Status change(FdWatch&) override { return why_; }
  void remove(FdWatch&) override {}
  void wait(Duration timeout) override {
    std::unique_lock lock(mutex_);
    const auto woken = [this] { return woken_; };
    if (timeout.count() < 0) {
      wake_.wait(lock, woken);
    } else {
      wake_.wait_for(lock, std::min<Duration>(timeout, std::chrono::hours(1)), woken);
    }
    woken_ = false;
  }
  std::size_t dispatch() override { return 0; }
  void wake() override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    wake_.notify_one();
  }
  int fd() override { return -1; }

 private:
  const Status why_;
  std::mutex mutex_;
  // Under mutex_.
  std::condition_variable wake_;
  bool woken_ = false;
};

}  // namespace

std::unique_ptr<Poller> make_blind_poller(Status why) {
  return std::make_unique<BlindPoller>(std::move(why));
}

std::unique_ptr<Poller> make_epoll_poller(Status& why) {
  const int epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return why = failed("epoll_create1"), nullptr;
  const int event_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event_fd < 0) {
    why = failed("eventfd");
    ::close(epoll_fd);
    return nullptr;
  }
  auto poller = std::make_unique<EpollPoller>(epoll_fd, event_fd);
  why = poller->add_event_fd();
  return why.ok() ? std::move(poller) : nullptr;
}

}  // namespace sluice::inline v0
