// Http2Farewell: a connection that is not taken, told why.
#pragma once

#include <memory>
#include <string_view>

#include "call/transport.h"
#include "sluice/net/conn.h"

namespace sluice::inline v0::transport {

// SETTINGS and GOAWAY(ENHANCE_YOUR_CALM) with the reason, and the end of the connection. It does not wait for
// its peer to read that, nor to say anything.
class Http2Farewell final : public call::Farewell, private net::WriteOp {
 public:
  Http2Farewell(std::unique_ptr<net::Conn> conn, std::string_view why, TimePoint deadline, Owner& owner);

  bool say() override;
  void close() override { conn_->close(); }

 private:
  static void done(Runnable& self) noexcept;

  const std::unique_ptr<net::Conn> conn_;
  Owner& owner_;
};

}  // namespace sluice::inline v0::transport
