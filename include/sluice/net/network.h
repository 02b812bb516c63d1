// Network and Listener: they make Conns, by dialling and accepting (grpc-go: net.Listener and a dialer).
#pragma once

#include <memory>
#include <utility>

#include "sluice/async/context.h"
#include "sluice/net/conn.h"

namespace sluice::inline v0::net {

// One accept in flight, as ReadOp.
class AcceptOp : public Runnable {
 public:
  explicit AcceptOp(Run done) : Runnable(done) {}
  // Set when done. Failures: the listener is closed; with `again`, accepting may succeed later.
  Status status;
  bool again = false;
  std::unique_ptr<Conn> conn;

 protected:
  ~AcceptOp() = default;
};

// Gives the conns that peers have dialled.
//
// Thread: any loop may call accept and close. Overlap: one accept a loop. Lifetime: an op must live until it
// is done; close() ends ops in flight.
class Listener {
 public:
  virtual ~Listener() = default;
  // True: done inline. The op's function runs on `loop`, and the Conn belongs to it. REQUIRES: the caller
  // leads `loop`.
  virtual bool start_accept(AcceptOp& op, Loop& loop) = 0;
  // Refuses dials from now on. Waiting dials and all accepts fail with UNAVAILABLE. Later calls change
  // nothing and return FAILED_PRECONDITION (of a pipe: "pipe listener already closed").
  virtual Status close() = 0;
  virtual const Addr& addr() const = 0;

  class AcceptAwaiter;
  AcceptAwaiter accept();  // for coroutines
};

// One dial in flight, as ReadOp.
class DialOp : public Runnable {
 public:
  explicit DialOp(Run done) : Runnable(done) {}
  // Set before start_dial.
  Addr addr;
  TimePoint deadline = kNever;  // then DEADLINE_EXCEEDED
  Context context;              // when cancelled: CANCELLED
  // Set when done. UNAVAILABLE names the address: nobody listens there.
  Status status;
  std::unique_ptr<Conn> conn;
  // For the network's use while the dial waits.
  std::shared_ptr<void> pending;

 protected:
  ~DialOp() = default;
};

// Thread: any loop. Lifetime: outlives its listeners, and its dials in flight.
class Network {
 public:
  virtual ~Network() = default;
  // ALREADY_EXISTS names an address that is in use.
  virtual Result<std::unique_ptr<Listener>> listen(const Addr& addr) = 0;
  // INVALID_ARGUMENT names an address that start_dial cannot dial, and what is wrong with it. Makes no
  // look-up and no connection. Any thread.
  virtual Status check_dial(const Addr& addr) const;
  // True: done inline. Otherwise the dial waits until it is accepted, cancelled or expired, or the listener
  // closes. The Conn belongs to `loop`. REQUIRES: the caller leads `loop`.
  virtual bool start_dial(DialOp& op, Loop& loop) = 0;
  // Ends a dial in flight with CANCELLED; its function runs. Loop-only.
  virtual void cancel_dial(DialOp& op) = 0;

  class DialAwaiter;
  DialAwaiter dial(Addr addr, TimePoint deadline = kNever, Context context = {});  // for coroutines
};

class Listener::AcceptAwaiter : AcceptOp {
 public:
  explicit AcceptAwaiter(Listener& listener) : AcceptOp(&resume), listener_(listener) {}
  bool await_ready() const noexcept { return false; }
  template <detail::TaskPromise P>
  SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
    coroutine_ = &h.promise();
    return !listener_.start_accept(*this, h.promise().loop());
  }
  Result<std::unique_ptr<Conn>> await_resume() {
    if (!status.ok()) return std::move(status);
    return std::move(conn);
  }

 private:
  static void resume(Runnable& self) noexcept { static_cast<AcceptAwaiter&>(self).coroutine_->run(); }
  Listener& listener_;
  Runnable* coroutine_ = nullptr;
};

class Network::DialAwaiter : DialOp {
 public:
  DialAwaiter(Network& network, Addr a, TimePoint d, Context c) : DialOp(&resume), network_(network) {
    addr = std::move(a), deadline = d, context = std::move(c);
  }
  bool await_ready() const noexcept { return false; }
  template <detail::TaskPromise P>
  SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
    coroutine_ = &h.promise();
    return !network_.start_dial(*this, h.promise().loop());
  }
  Result<std::unique_ptr<Conn>> await_resume() {
    if (!status.ok()) return std::move(status);
    return std::move(conn);
  }

 private:
  static void resume(Runnable& self) noexcept { static_cast<DialAwaiter&>(self).coroutine_->run(); }
  Network& network_;
  Runnable* coroutine_ = nullptr;
};

inline Status Network::check_dial(const Addr&) const { return {}; }
inline Listener::AcceptAwaiter Listener::accept() { return AcceptAwaiter(*this); }
inline Network::DialAwaiter Network::dial(Addr addr, TimePoint deadline, Context context) {
  return {*this, std::move(addr), deadline, std::move(context)};
}

}  // namespace sluice::inline v0::net
