// See peer_goaway.h.
#include "transport/peer_goaway.h"

#include "base/escape.h"
#include "wire/error_map.h"

namespace sluice::inline v0::transport {
namespace {

constexpr std::size_t kQuotedDebugData = 256;  // bytes

}  // namespace

void PeerGoaway::note(http2::StreamId last, http2::ErrorCode code, std::string_view debug) {
  // One that only says goodbye does not hide the error before it.
  if (said_ && code == http2::ErrorCode::kNoError && said_->code != code) {
    said_->last = last;
    return;
  }
  std::string text = wire::error_code_text(code);
  if (!debug.empty())
    text.append(" \"").append(escaped(debug.substr(0, kQuotedDebugData), Keep::kAscii)).append("\"");
  said_ = std::make_unique<Said>(Said{last, code, std::move(text)});
}

}  // namespace sluice::inline v0::transport
