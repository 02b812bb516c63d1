// WaitingThread: a thread that blocks until something is done on a Loop.
#pragma once

#include "async/run_token_place.h"
#include "sluice/async/loop.h"

namespace sluice::inline v0 {

// One thread that waits for something to be done on a loop, and leads while it waits if it can. Run on the
// loop, it is done.
class WaitingThread final : public Runnable {
 public:
  explicit WaitingThread(Loop& loop) : Runnable(&completed), loop_(loop) {}
  // Any thread, after the operation was posted. Blocks until it is done; false: nothing can make progress.
  // On return the thread leads if leading().
  bool wait();
  bool leading() const { return place_.leads(); }

 private:
  static void completed(Runnable& self) noexcept;
  Loop& loop_;
  detail::RunToken::Place place_;
};

}  // namespace sluice::inline v0
