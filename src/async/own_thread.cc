// OwnThread: when it leads, when it keeps away, and when it sleeps.
#include "async/own_thread.h"

#include <utility>

#include "sluice/async/loop.h"

namespace sluice::inline v0 {
namespace {

// How long it stays out of the way after a caller has led.
constexpr std::chrono::milliseconds kYieldToCallers{1};

}  // namespace

void OwnThread::start() {
  thread_ = std::thread([this] { run(); });
}

void OwnThread::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  if (loop_.token_.look() == detail::RunToken::Lead::kParked) loop_.wake_parked();
  notify();
  thread_.join();
  stopping_ = false;
}

void OwnThread::wake() {
  const std::lock_guard lock(mutex_);
  wanted_ = true;
  wake_.notify_one();
}

void OwnThread::notify() {
  const std::lock_guard lock(mutex_);
  wake_.notify_one();
}

void OwnThread::run() {
  std::uint32_t seen = drives_.load();
  while (!stopping_.load()) {
    const bool led = loop_.try_enter();
    if (led) {
      const std::uint32_t drives = drives_.load(std::memory_order_relaxed);
      const bool callers_are_about = std::exchange(seen, drives) != drives;
      loop_.drove_ = true;
      callers_are_about ? look_after_callers() : lead();
      loop_.leave();
    }
    stay_out_of_the_way(led);
  }
}

bool OwnThread::may_lead_on() const { return !stopping_.load() && !loop_.token_.has_line(); }

void OwnThread::lead() {
  while (may_lead_on()) {
    if (loop_.schedule_.turn() == 0) loop_.idle_until_work(Loop::Leader::kOwnThread);
  }
}

// One look for work that callers left behind.
void OwnThread::look_after_callers() {
  detail::Schedule& schedule = loop_.schedule_;
  if (schedule.has_watches()) schedule.poll_descriptors();
  while (may_lead_on()) {
    if (schedule.turn() == 0 && schedule.fire_timers() == 0) break;
  }
}

// Until there is work and nobody to do it; otherwise a millisecond after it led (`led`), or when whoever
// leads instead leaves.
void OwnThread::stay_out_of_the_way(bool led) {
  std::unique_lock lock(mutex_);
  const auto wanted = [this] { return wanted_ || stopping_.load(); };
  if (led) {
    wake_.wait_for(lock, kYieldToCallers, wanted);
  } else {
    asleep_.store(true);
    wake_.wait(lock, [&] { return wanted() || loop_.token_.is_free(); });
    asleep_.store(false);
  }
  wanted_ = false;
}

}  // namespace sluice::inline v0
