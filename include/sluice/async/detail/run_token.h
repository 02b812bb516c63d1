// RunToken: who leads a Loop. A word says whether the lead is free, taken, or taken by a thread that sleeps;
// behind it threads stand in line for it.
#pragma once

#include <pthread.h>  // pthread_self(): <thread> has it too, and brings std::thread along

#include <atomic>
#include <cstdint>
#include <memory>

namespace sluice::inline v0::detail {

// The lead of one Loop, which at most one thread has.
//
// The word is 0 when the lead is free, or kLed, with kParked while the leader waits in the poller, kLine
// while threads stand in line, and kPosted when something was posted that only the leader can run. Every
// change that another thread's decision hangs on is sequentially consistent: a poster pushes and then looks
// for kParked, a leader sets kParked and then looks at the queue. A leader that spins is not parked, so
// nobody wakes it.
//
// Thread: any, but for members that the leader calls. Lifetime: once a leader has freed the lead, it touches
// the token no more, since the token may go then.
class RunToken {
 public:
  // A thread's place in the line (async/run_token_place.h).
  class Place;

  RunToken();
  ~RunToken();
  RunToken(const RunToken&) = delete;
  RunToken& operator=(const RunToken&) = delete;

  // True on the thread that leads now.
  bool leads() const { return leader_.load(std::memory_order_relaxed) == ::pthread_self(); }
  bool is_free() const { return word_.load() == 0; }
  enum class Lead { kFree, kAwake, kParked };
  Lead look() const {
    const std::uint32_t word = word_.load();
    if (word & kParked) return Lead::kParked;
    return word == 0 ? Lead::kFree : Lead::kAwake;
  }

  // Takes the lead if it is free.
  bool try_take() {
    std::uint32_t free = 0;
    if (!word_.compare_exchange_strong(free, kLed, std::memory_order_seq_cst, std::memory_order_relaxed))
      return false;
    become_leader();
    return true;
  }
  // As try_take(). If another thread leads, it finds out before it goes that something was posted.
  bool take_or_tell_leader();

  // The leader: frees the lead. False: others rely on this thread, which calls pass_on() next.
  bool try_free() {
    leader_.store(pthread_t{}, std::memory_order_relaxed);
    std::uint32_t led = kLed;
    return word_.compare_exchange_strong(led, 0);
  }
  // Gives the lead to the first in line, who then has it without taking it, and runs what was posted. False:
  // nobody stands there, or not any more; this thread leads on, and what was posted is its to run.
  bool pass_on();

  // The leader: whether threads stand in line.
  bool has_line() const { return word_.load() & kLine; }
  // The leader: from park() to unpark() it sleeps in the poller, unless something wakes it.
  void park() { word_.fetch_or(kParked); }
  void unpark() { word_.fetch_and(~kParked); }
  // Of several threads that want to wake a parked leader one is told so.
  bool claim_wake() { return word_.fetch_and(~kParked) & kParked; }

  // Puts a thread in line, unless what it waits for is done or nobody leads: then it leads.
  enum class Joined { kDone, kLeads, kBehindAwake, kBehindParked };
  Joined join(Place& place);
  // For a thread that has joined the line: blocks until it is told that it leads, or that it is done.
  void wait(Place& place);
  // What `place` waits for is done. Afterwards nothing of it is touched: it may be gone.
  void tell_done(Place& place) noexcept;

  // Around what a thread does after it has posted: what was posted may have run, and have ended all that kept
  // the loop, so the loop waits for the thread to come out.
  void enter_post() { posters_.fetch_add(1, std::memory_order_relaxed); }
  void leave_post() { posters_.fetch_sub(1, std::memory_order_release); }
  void wait_for_posters() const;

 private:
  static constexpr std::uint32_t kLed = 1, kParked = 2, kLine = 4, kPosted = 8;
  struct Line;

  void become_leader() { leader_.store(::pthread_self(), std::memory_order_relaxed); }
  void look_before_sleep(const Place& place) const;

  std::atomic<std::uint32_t> word_{0};
  std::atomic<std::uint32_t> posters_{0};
  std::atomic<pthread_t> leader_{};
  const std::unique_ptr<Line> line_;
};

}  // namespace sluice::inline v0::detail
