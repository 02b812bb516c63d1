// Http2Farewell: the two frames.
#include "transport/farewell.h"

#include "http2/frame.h"
#include "http2/output.h"
#include "http2/settings.h"

namespace sluice::inline v0::transport {

Http2Farewell::Http2Farewell(std::unique_ptr<net::Conn> conn, std::string_view why, TimePoint by,
                             Owner& owner)
    : WriteOp(&done), conn_(std::move(conn)), owner_(owner) {
  http2::Output out;
  http2::write_settings(out, http2::Role::kServer, http2::Settings());
  http2::write_goaway(out, 0, http2::ErrorCode::kEnhanceYourCalm, why);
  out.take(data);
  deadline = by;
}

bool Http2Farewell::say() {
  if (!conn_->start_write(*this)) return false;
  conn_->close();
  return true;
}

void Http2Farewell::done(Runnable& self) noexcept {
  auto& farewell = static_cast<Http2Farewell&>(static_cast<net::WriteOp&>(self));
  farewell.conn_->close();
  farewell.owner_.on_said(farewell);
}

}  // namespace sluice::inline v0::transport
