// Where a Schedule has time, chance and order from: the machine, or the seed of a simulation. What is
// otherwise in a simulation stands here.
#include <chrono>
#include <random>
#include <utility>

#include "async/poller.h"
#include "sluice/async/detail/schedule.h"
#include "sluice/async/simulation.h"

namespace sluice::inline v0::detail {
namespace {

std::uint64_t seed_of(Simulation* simulation) {
  if (simulation) return simulation->random();
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

struct Schedule::Random {
  std::mt19937_64 next;
};

Schedule::Schedule(Simulation* simulation)
    : simulation_(simulation),
      ready_(simulation),
      tick_end_(simulation),
      random_(std::make_unique<Random>(Random{std::mt19937_64(seed_of(simulation))})) {}

Schedule::Schedule(std::unique_ptr<Poller> poller) : Schedule(nullptr) { poller_ = std::move(poller); }

Schedule::~Schedule() = default;

std::uint64_t Schedule::random() { return random_->next(); }

TimePoint Schedule::machine_time() { return TimePoint(std::chrono::steady_clock::now().time_since_epoch()); }

TimePoint Schedule::read_clock() {
  if (simulation_) return simulation_->now();
  now_valid_ = true;
  return now_ = machine_time();
}

TimePoint Schedule::recently() const { return simulation_ ? simulation_->now() : now_; }

void Schedule::arm(Timer& timer, TimePoint deadline) {
  if (deadline == kNever) return timers_.disarm(timer);
  // Timers of one instant fire in the order of arming, or as the simulation chooses.
  timers_.arm(timer, deadline, simulation_ ? simulation_->random() : ++timer_order_);
}

// Runs `most` at most, fewer up to an interruption by a test. Timers fire when nothing else is left, or when
// the interruption has let time pass.
std::size_t Schedule::simulated_turn(int most) {
  const int until = simulation_->runs_before_interruption(most);
  std::size_t ran = 0;
  for (int i = 0; i < until; ++i, ++ran) {
    Runnable* r = ready_.pop();
    if (r == nullptr) break;
    r->run();
  }
  Runnable* const interruption = until < most ? simulation_->take_interruption() : nullptr;
  if (interruption != nullptr) interruption->run();
  ReadyQueue now_ending(simulation_);
  std::swap(now_ending, tick_end_);
  for (; Runnable* r = now_ending.pop(); ++ran) r->run();
  ++ticks_;
  return interruption == nullptr ? ran : ran + 1 + fire_timers();
}

bool Schedule::pass_time() {
  if (has_posted()) return true;
  if (timers_.empty()) return false;
  simulation_->advance_to(timers_.next());
  fire_timers();
  return true;
}

Runnable* ReadyQueue::choose() {
  if (choices_.empty()) return nullptr;
  const std::size_t i = simulation_->choose(choices_.size());
  Runnable* r = choices_[i];
  choices_.erase(choices_.begin() + static_cast<std::ptrdiff_t>(i));
  return r;
}

}  // namespace sluice::inline v0::detail
