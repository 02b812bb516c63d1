// RunToken: the line of threads that wait for the lead.
#include "sluice/async/detail/run_token.h"

#include <cassert>
#include <mutex>
#include <thread>

#include "async/relax.h"
#include "async/run_token_place.h"

namespace sluice::inline v0::detail {
namespace {

constexpr int kLooksBeforeSleep = 100;

}  // namespace

struct RunToken::Line {
  std::mutex mutex;
  Place* first = nullptr;
};

RunToken::RunToken() : line_(std::make_unique<Line>()) {}
RunToken::~RunToken() = default;

void RunToken::wait_for_posters() const {
  while (posters_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
}

bool RunToken::take_or_tell_leader() {
  {
    const std::lock_guard lock(line_->mutex);
    if (word_.fetch_or(kPosted) & kLed) return false;  // the leader sees it before it goes
    word_.store(kLed);                                 // with the bit set nobody else could begin to lead
  }
  become_leader();
  return true;
}

bool RunToken::pass_on() {
  const std::lock_guard lock(line_->mutex);
  if (Place* next = line_->first) {
    line_->first = next->next_;
    word_.store(kLed | (line_->first ? kLine : 0));
    next->leads_ = true;
    next->told_.store(true, std::memory_order_release);
    next->wake_.notify_one();
    return true;
  }
  word_.store(kLed);
  become_leader();
  return false;
}

RunToken::Joined RunToken::join(Place& place) {
  const std::lock_guard lock(line_->mutex);
  if (place.done_) return Joined::kDone;
  const std::uint32_t word = word_.fetch_or(kLine);
  if (!(word & kLed)) {
    // Nobody leads, and with the bit set nobody can begin to: this thread does.
    word_.store(kLed | (line_->first ? kLine : 0));
    place.leads_ = true;
    become_leader();
    return Joined::kLeads;
  }
  Place** last = &line_->first;
  while (*last) last = &(*last)->next_;
  *last = &place;
  return word & kParked ? Joined::kBehindParked : Joined::kBehindAwake;
}

void RunToken::wait(Place& place) {
  look_before_sleep(place);
  std::unique_lock lock(line_->mutex);
  place.wake_.wait(lock, [&place] { return place.done_ || place.leads_; });
  assert(place.told_.load(std::memory_order_relaxed) && "a thread that only looks must see it too");
  if (place.leads_) become_leader();
}

// While the leader runs it may be done within a microsecond; putting this thread to sleep and waking it takes
// ten.
void RunToken::look_before_sleep(const Place& place) const {
  for (int i = 0; i < kLooksBeforeSleep && !place.told_.load(std::memory_order_acquire); ++i) {
    if (word_.load(std::memory_order_relaxed) & kParked) return;
    relax();
  }
}

void RunToken::tell_done(Place& place) noexcept {
  const std::lock_guard lock(line_->mutex);
  place.done_ = true;
  place.told_.store(true, std::memory_order_release);
  if (place.leads_) return;  // it runs this very loop, on this thread or about to
  Place** at = &line_->first;
  while (*at && *at != &place) at = &(*at)->next_;
  if (*at) *at = place.next_;
  if (!line_->first) word_.fetch_and(~kLine);
  // Under the lock: the waiting thread's stack may be gone once it is released.
  place.wake_.notify_one();
}

}  // namespace sluice::inline v0::detail
