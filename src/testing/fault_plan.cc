// What a seed makes of a FaultConn, and faults as text.
#include <algorithm>
#include <utility>

#include "base/splitmix64.h"
#include "sluice/testing/fault_conn.h"

namespace sluice::inline v0::testing {
namespace {

constexpr const char* kNames[kNumFaultKinds] = {"split", "delay", "stall", "corruption", "cut", "black hole"};

class Choice {
 public:
  explicit Choice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t n) { return splitmix64(state_) % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  // Small numbers as likely as large ones.
  std::uint64_t up_to(std::uint64_t most) { return 1 + below(std::min(most, std::uint64_t{1} << below(40))); }

 private:
  std::uint64_t state_;
};

Duration milliseconds(std::uint64_t n) { return std::chrono::milliseconds(n); }

void add(FaultPlan& plan, Fault fault) {
  const auto place = std::upper_bound(plan.faults.begin(), plan.faults.end(), fault.at,
                                      [](std::uint64_t at, const Fault& f) { return at < f.at; });
  plan.faults.insert(place, fault);
}

}  // namespace

std::string FaultEvent::to_string() const {
  std::string text = kNames[static_cast<int>(kind)];
  text += " at byte " + std::to_string(at);
  text += direction == Direction::kRead ? " of its reads" : " of its writes";
  if (size > 0) text += ", " + std::to_string(size) + " bytes";
  if (time > Duration::zero()) text += ", " + std::to_string(time.count()) + " ns";
  return text;
}

FaultOptions random_faults(std::uint64_t seed, std::uint64_t horizon) {
  Choice choose(seed);
  horizon = std::max<std::uint64_t>(horizon, 1);
  FaultOptions options;
  options.seed = choose.below(~std::uint64_t{0});
  options.as_socket = choose.one_in(2);
  FaultPlan* const ways[] = {&options.reads, &options.writes};
  const auto way = [&]() -> FaultPlan& { return *ways[choose.below(2)]; };
  // One choice a statement: compilers differ in the order of arguments.
  const auto add_somewhere = [&](FaultKind kind, Duration time) {
    FaultPlan& plan = way();
    add(plan, {kind, choose.below(horizon), time});
  };
  // Three kinds that leave the bytes as they are.
  options.reads.max_piece = choose.up_to(20'000);
  options.writes.max_piece = choose.up_to(20'000);
  // The smaller the pieces the shorter their delays: a megabyte takes a second, not an hour.
  FaultPlan& late = way();
  late.max_delay = std::chrono::microseconds(choose.up_to(late.max_piece));
  add_somewhere(FaultKind::kStall, milliseconds(choose.up_to(5'000)));
  // And up to three that do not.
  if (choose.one_in(2)) return options;
  for (std::uint64_t left = 1 + choose.below(3); left > 0; --left) {
    constexpr FaultKind kBad[] = {FaultKind::kCorrupt, FaultKind::kCut, FaultKind::kBlackHole};
    const FaultKind kind = kBad[choose.below(3)];
    add_somewhere(kind, Duration::zero());
  }
  return options;
}

}  // namespace sluice::inline v0::testing
