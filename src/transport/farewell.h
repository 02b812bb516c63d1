// Farewell: a connection that is not taken, told why.
#pragma once

#include <memory>
#include <string_view>

#include "sluice/net/conn.h"

namespace sluice::transport {

// SETTINGS and GOAWAY(ENHANCE_YOUR_CALM) with the reason, and the end of the connection. It does not wait for
// its peer to read that, nor to say anything.
//
// Thread: loop-only. Lifetime: its owner's, at least until Owner::on_said.
class Farewell final : private net::WriteOp {
 public:
  class Owner {
   public:
    // The connection is closed. It may go now.
    virtual void on_said(Farewell& farewell) = 0;

   protected:
    ~Owner() = default;
  };

  Farewell(std::unique_ptr<net::Conn> conn, std::string_view why, TimePoint deadline, Owner& owner);

  // True: it is said, and Owner::on_said does not follow.
  bool say();
  // Ends it now; on_said follows from the loop.
  void close() { conn_->close(); }

  std::size_t slot = 0;  // where its owner keeps it

 private:
  static void done(Runnable& self) noexcept;

  const std::unique_ptr<net::Conn> conn_;
  Owner& owner_;
};

}  // namespace sluice::transport
