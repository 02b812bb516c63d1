// Connector: dials one address, at the pace that its back-off allows.
#pragma once

#include <memory>

#include "client/backoff.h"
#include "sluice/net/network.h"

namespace sluice::inline v0 {

// One attempt at a time. Thread: loop-only. Lifetime: idle when it goes.
class Connector final : private Timer, private net::DialOp {
 public:
  class Owner {
   public:
    virtual Loop& loop() const = 0;
    // A dial has ended; `conn` is null if it failed. It may have been given up by close().
    virtual void on_dialled(std::unique_ptr<net::Conn> conn, const Status& status) = 0;
    // The back-off that connect() or back_off() found is over.
    virtual void on_backoff_over() = 0;

   protected:
    ~Owner() = default;
  };

  Connector(Owner& owner, net::Network& network, Addr addr, const BackoffOptions& options);

  const Addr& addr() const { return addr_; }
  Backoff& backoff() { return backoff_; }
  const Backoff& backoff() const { return backoff_; }
  // Dials now, or says on_backoff_over() when that is allowed.
  void connect();
  void dial_now();
  // False: the back-off is over. True: on_backoff_over() says when it is, and never at once: an attempt that
  // failed is not followed by another in the same go, however short the back-off.
  bool back_off();
  // Ends what is in progress.
  void close();

  bool dialling() const { return dialling_; }
  bool idle() const { return !dialling_ && !armed(); }
  // By when the attempt that began last is to have a connection, HTTP/2 handshake included.
  TimePoint attempt_deadline() const { return DialOp::deadline; }

 private:
  static void dialled(Runnable& self) noexcept;
  static void expired(Runnable& self) noexcept;
  void end_dial();

  // Constant after construction.
  Owner& owner_;
  net::Network& network_;
  const Addr addr_;

  [[no_unique_address]] Backoff backoff_;
  bool dialling_ = false;  // here, where it costs no bytes
};

}  // namespace sluice::inline v0
