// Resolution: one name on its way through the system's resolver, on a worker thread.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "net/socket_addr.h"
#include "sluice/async/blocking.h"

namespace sluice::net {

// The resolver cannot be interrupted and may take many seconds, so a dial that no longer waits leaves it
// behind: either the loop takes the answer, or the worker throws it away. Which of the two is settled by one
// exchange on each side.
class Resolution final : public BlockingPool::Work {
 public:
  // Runs `answered` on `loop` when the addresses are there, unless try_abandon() succeeded.
  Resolution(HostPort target, Loop& loop, Runnable& answered)
      : Work(&work), target_(std::move(target)), loop_(loop), answered_(answered) {}

  // Loop-only. True: nothing will run, and this object belongs to the worker. False: the answer is there, and
  // `answered` is about to run.
  bool try_abandon() { return state_.exchange(State::kAbandoned) == State::kRunning; }

  // Once answered. Addresses in the resolver's order, or why there are none.
  Status status;
  std::vector<SocketAddr> addrs;

 private:
  enum class State { kRunning, kAnswered, kAbandoned };
  static void work(Runnable& self) noexcept;
  void resolve();

  const HostPort target_;
  Loop& loop_;
  Runnable& answered_;
  std::atomic<State> state_{State::kRunning};
};

}  // namespace sluice::net
