// PipeHub: where the dials and accepts of one MemoryNetwork meet.
//
// Its mutex is the only one of net. A hub is shared by the loops of several Runtimes, belongs to none of
// them, and is passed once a connection; bytes never come here. Under it each waiting dial and accept is
// decided exactly once. Loops are posted to while it is held, and a decided op takes it once more on its own
// loop before it runs: so when an op's owner goes on, perhaps to destroy its loop, nobody is inside that
// loop's post() any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "net/pipe.h"
#include "sluice/net/memory_network.h"

namespace sluice::inline v0::net {

class PipeHub;
struct WaitingDial;
struct WaitingAccept;

// What one listener has: its name and those who wait at it.
struct PipePort {
  explicit PipePort(Addr a) : addr(std::move(a)) {}
  const Addr addr;
  // Under the hub's mutex. At most one of the lists is not empty.
  bool closed = false;
  std::deque<WaitingAccept*> accepts;
  std::list<WaitingDial*> dials;
};

// Thread: any, loop arguments as in network.h.
class PipeHub : public std::enable_shared_from_this<PipeHub> {
 public:
  explicit PipeHub(MemoryNetworkOptions options) : options_(options) {}

  Result<std::shared_ptr<PipePort>> open(const Addr& addr);
  Status close(PipePort& port);
  bool accept(PipePort& port, AcceptOp& op, Loop& loop);
  bool dial(DialOp& op, Loop& loop);
  // Decides a dial that may still wait; nothing if it is decided.
  void fail(WaitingDial& dial, Status status);
  // Returns when whoever held the mutex has left it.
  void settle() { const std::lock_guard lock(mutex_); }

 private:
  PipeEnds make_ends(const PipePort& port, Loop& dialer, Loop& acceptor);
  Status refusal(const DialOp& op, Loop& loop) const;
  // Under mutex_.
  bool try_dial(DialOp& op, Loop& loop, std::shared_ptr<WaitingDial>& waits);
  void decide(WaitingDial& dial, Status status);

  const MemoryNetworkOptions options_;
  std::mutex mutex_;
  // Under mutex_.
  std::map<std::string, std::shared_ptr<PipePort>> ports_;
  std::uint64_t num_dialled_ = 0;  // numbers the dialers' addresses
};

// A dial in a port's backlog. Keeps itself alive until its own node and that of its context's watch have run.
struct WaitingDial final : Runnable, detail::StuckReporter {
  WaitingDial(std::shared_ptr<PipeHub> hub, std::shared_ptr<PipePort> port, DialOp& op, Loop& loop);
  void arm(TimePoint deadline, const Context& context);

  // Constant after construction.
  const std::shared_ptr<PipeHub> hub;
  const std::shared_ptr<PipePort> port;
  DialOp& op;
  Loop& loop;

  // Under the hub's mutex until decided, then loop-only.
  bool decided = false;
  std::list<WaitingDial*>::iterator place;
  std::unique_ptr<PipeEnd> end;
  Status status;

  // Loop-only.
  std::shared_ptr<WaitingDial> self;

 private:
  struct Expiry : Timer {
    explicit Expiry(WaitingDial& d) : Timer(&WaitingDial::expired), dial(d) {}
    WaitingDial& dial;
  };
  struct Cancellation : Context::Watch {
    explicit Cancellation(WaitingDial& d) : Watch(&WaitingDial::cancelled, d.loop), dial(d) {}
    WaitingDial& dial;
  };
  static void done(Runnable& self) noexcept;
  static void expired(Runnable& timer) noexcept;
  static void cancelled(Runnable& watch) noexcept;
  void describe(std::string& out) const override;

  Expiry expiry_{*this};
  Cancellation cancellation_{*this};
  bool ended_ = false;  // its op has run, only the watch is still to come
};

// An accept that waits at a port; its own node is what deletes it.
struct WaitingAccept final : Runnable {
  WaitingAccept(std::shared_ptr<PipeHub> h, AcceptOp& o, Loop& l)
      : Runnable(&done), hub(std::move(h)), op(o), loop(l) {}
  const std::shared_ptr<PipeHub> hub;
  AcceptOp& op;
  Loop& loop;
  // Under the hub's mutex until posted, then loop-only.
  std::unique_ptr<PipeEnd> end;
  Status status;

 private:
  static void done(Runnable& self) noexcept;
};

}  // namespace sluice::inline v0::net
