// FdWatch: interest in a descriptor, put on a Loop with watch().
#pragma once

#include <cstdint>

namespace sluice::inline v0 {

namespace detail {
class Schedule;
}  // namespace detail

// Interest in a descriptor's readiness; on_ready runs on the loop while it is watched: level-triggered, or
// with EPOLLET among the events edge-triggered.
class FdWatch {
 public:
  FdWatch(int fd, std::uint32_t epoll_events) : fd_(fd), events_(epoll_events) {}
  virtual void on_ready(std::uint32_t epoll_events) = 0;
  int fd() const { return fd_; }
  std::uint32_t events() const { return events_; }

 protected:
  ~FdWatch() = default;

 private:
  friend class detail::Schedule;
  int fd_;
  std::uint32_t events_;
};

}  // namespace sluice::inline v0
