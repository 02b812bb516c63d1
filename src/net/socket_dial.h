// SocketDial: one dial of tcp or unix, from its name to its Conn.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/fd.h"
#include "net/resolver.h"
#include "sluice/net/network.h"

namespace sluice::inline v0::net {

// Resolves if it must, then tries one address after the other. Whatever ends it comes to decide(), and its
// own node then runs the op. Thread: loop-only. Lifetime: held by its op; while its context's watch has yet
// to run, by itself.
class SocketDial final : public Runnable, public std::enable_shared_from_this<SocketDial> {
 public:
  // To `addrs` in their order if they are known already, else to what op.addr says.
  SocketDial(DialOp& op, Loop& loop, Resolver& resolver, std::vector<SocketAddr> addrs = {});
  // True: done inline.
  bool start();
  void cancel();

 private:
  // Of a dial: done (op_ has its conn or failure), waiting, or on to the next address.
  enum class Attempt { kDone, kWaits, kNext };
  struct Connecting final : FdWatch {
    Connecting(SocketDial& d, int fd);
    void on_ready(std::uint32_t) override { dial.connected(); }
    SocketDial& dial;
  };
  template <void (SocketDial::*member)()>
  struct On : Timer {
    explicit On(SocketDial& d)
        : Timer([](Runnable& r) noexcept { (static_cast<On&>(r).dial.*member)(); }), dial(d) {}
    SocketDial& dial;
  };
  struct Answered : Runnable {
    explicit Answered(SocketDial& d)
        : Runnable([](Runnable& r) noexcept { static_cast<Answered&>(r).dial.resolved(); }), dial(d) {}
    SocketDial& dial;
  };
  struct Cancellation : Context::Watch {
    explicit Cancellation(SocketDial& d) : Watch(&SocketDial::context_cancelled, d.loop_), dial(d) {}
    SocketDial& dial;
  };

  Attempt begin();
  Attempt resolve(const HostPort& target);
  void resolved();
  Attempt try_addrs();
  Attempt try_addr(const SocketAddr& addr);
  Attempt adopt();
  Attempt failed(const std::string& cause);
  void connected();
  void attempt_expired();
  void expired();
  TimePoint attempt_deadline();
  void go_on(Attempt attempt);
  void decide(Status status);
  void stop();
  void give_up_attempt();
  static void ended(Runnable& self) noexcept;
  static void context_cancelled(Runnable& watch) noexcept;

  DialOp& op_;
  Loop& loop_;
  Resolver& resolver_;
  const TimePoint deadline_;

  std::vector<SocketAddr> addrs_;
  std::size_t next_ = 0;
  std::string causes_;  // why the addresses before next_ failed
  bool exhausted_ = false;

  // The attempt in progress.
  Fd fd_;
  const Opener opener_;
  std::optional<Connecting> connecting_;

  bool decided_ = false;
  bool ended_ = false;
  std::shared_ptr<SocketDial> self_;
  On<&SocketDial::expired> expiry_{*this};
  On<&SocketDial::attempt_expired> attempt_timer_{*this};
  Answered answered_{*this};
  Resolver::Waiter resolution_{loop_, answered_};
  bool resolving_ = false;
  Cancellation cancellation_{*this};
};

}  // namespace sluice::inline v0::net
