// Poller: where a parked loop waits for descriptors, a deadline, or another thread. epoll with an eventfd, or
// a futex; the only place in the core that asks the kernel to wait.
#pragma once

#include <cstddef>
#include <memory>

#include "sluice/async/fd_watch.h"
#include "sluice/base/status.h"
#include "sluice/base/time.h"

namespace sluice::inline v0 {

class Poller {
 public:
  virtual ~Poller() = default;
  virtual Status add(FdWatch& watch) = 0;
  virtual Status change(FdWatch& watch) = 0;  // its events are others than when it was added
  virtual void remove(FdWatch& watch) = 0;
  // Waits until a descriptor is ready, wake() was called or `timeout` has passed (negative: no limit). The
  // loop's leader only.
  virtual void wait(Duration timeout) = 0;
  // Calls on_ready for what the last wait() found ready; returns how many. The loop's leader only.
  virtual std::size_t dispatch() = 0;
  // Any thread: ends the wait in progress, or the next one.
  virtual void wake() = 0;
  // What somebody else may wait on for reading instead of wait(); -1: there is none. The loop's leader only.
  virtual int fd() = 0;
};

// Null with the reason in `why` when the kernel refuses a descriptor.
std::unique_ptr<Poller> make_epoll_poller(Status& why);
// One without descriptors, for a process that has none left: waits and wakes, and refuses to watch with
// `why`.
std::unique_ptr<Poller> make_blind_poller(Status why);

}  // namespace sluice::inline v0
