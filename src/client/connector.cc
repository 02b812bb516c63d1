// Connector: dialling, and waiting for the next time that it may.
#include "client/connector.h"

#include <utility>

namespace sluice::inline v0 {

Connector::Connector(Owner& owner, net::Network& network, Addr addr, const BackoffOptions& options)
    : Timer(&expired),
      DialOp(&dialled),
      owner_(owner),
      network_(network),
      addr_(std::move(addr)),
      backoff_(options) {}

void Connector::connect() {
  Loop& loop = owner_.loop();
  if (loop.now() < backoff_.not_before()) return loop.arm(*this, backoff_.not_before());
  dial_now();
}

void Connector::dial_now() {
  Loop& loop = owner_.loop();
  DialOp::addr = addr_;
  DialOp::deadline = after(loop.now(), backoff_.begin_attempt(loop));
  DialOp::status = Status();
  dialling_ = true;
  if (network_.start_dial(*this, loop)) end_dial();
}

void Connector::dialled(Runnable& self) noexcept {
  static_cast<Connector&>(static_cast<net::DialOp&>(self)).end_dial();
}

void Connector::end_dial() {
  dialling_ = false;
  owner_.on_dialled(std::move(DialOp::conn), DialOp::status);
}

bool Connector::back_off() {
  Loop& loop = owner_.loop();
  if (backoff_.not_before() < loop.now()) return false;
  loop.arm(*this, backoff_.not_before());
  return true;
}

void Connector::expired(Runnable& self) noexcept {
  static_cast<Connector&>(static_cast<Timer&>(self)).owner_.on_backoff_over();
}

void Connector::close() {
  owner_.loop().disarm(*this);
  if (dialling_) network_.cancel_dial(*this);
}

}  // namespace sluice::inline v0
