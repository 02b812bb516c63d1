// PeerGoaway: what the peer's GOAWAY said. Part of Connection.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "http2/error.h"
#include "http2/frame.h"

namespace sluice::inline v0::transport {

// A pointer as long as there was none.
//
// Loop-only.
class PeerGoaway {
 public:
  void note(http2::StreamId last, http2::ErrorCode code, std::string_view debug);

  explicit operator bool() const { return said_ != nullptr; }
  // It says that the peer has not processed the stream, and will not.
  bool left_out(http2::StreamId id) const { return said_ && id > said_->last; }
  // REQUIRES that there was one.
  http2::ErrorCode code() const { return said_->code; }
  // The code, and the debug data in part: "ENHANCE_YOUR_CALM \"too_many_pings\"". REQUIRES the same.
  const std::string& text() const { return said_->text; }

 private:
  struct Said {
    http2::StreamId last;
    http2::ErrorCode code;
    std::string text;
  };
  std::unique_ptr<Said> said_;
};

}  // namespace sluice::inline v0::transport
