// WaitingThread: in line for the lead, or leading, until it is done.
#include "async/waiting_thread.h"

namespace sluice::inline v0 {

bool WaitingThread::wait() {
  detail::RunToken& token = loop_.token_;
  switch (token.join(place_)) {
    case detail::RunToken::Joined::kDone:
    case detail::RunToken::Joined::kLeads:
      break;
    case detail::RunToken::Joined::kBehindParked:
      // The loop's own thread, if it is the one that is parked, gives way.
      if (loop_.has_thread_.load(std::memory_order_relaxed)) loop_.wake_parked();
      [[fallthrough]];
    case detail::RunToken::Joined::kBehindAwake:
      token.wait(place_);
  }
  return !place_.leads() || loop_.run_until(place_.done());
}

void WaitingThread::completed(Runnable& self) noexcept {
  auto& thread = static_cast<WaitingThread&>(self);
  thread.loop_.token_.tell_done(thread.place_);
}

}  // namespace sluice::inline v0
