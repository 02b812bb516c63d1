// OwnThread: the thread that a Loop of a Runtime with threads has to itself.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace sluice::inline v0 {

class Loop;

// Leads its loop while no caller does, and stays out of the poller while callers come and go: a wake-up
// across cores costs far more than the calls that they make.
//
// Thread: any, but for start() and stop(), which are the owner's. Lifetime: stopped before it goes.
class OwnThread {
 public:
  explicit OwnThread(Loop& loop) : loop_(loop) {}

  void start();
  // Joins it; nothing if it was not started.
  void stop();
  // For the thread itself, while it leads: false when it has to stop, or a caller stands in line.
  bool may_lead_on() const;

  // There is work, and nobody else to do it.
  void wake();
  // The lead has become free.
  void on_lead_free() {
    if (asleep_.load()) notify();
  }
  // A caller runs the loop: the thread keeps away while such callers are about.
  void on_drive() { drives_.fetch_add(1, std::memory_order_relaxed); }

 private:
  void run();
  void lead();
  void look_after_callers();
  void stay_out_of_the_way(bool led);
  void notify();

  Loop& loop_;

  // Any thread.
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint32_t> drives_{0};  // times a caller ran the loop
  std::atomic<bool> asleep_{false};       // until the lead becomes free

  // Under mutex_.
  std::mutex mutex_;
  std::condition_variable wake_;
  bool wanted_ = false;  // there is work, and nobody else to do it

  // The owner's.
  std::thread thread_;
};

}  // namespace sluice::inline v0
