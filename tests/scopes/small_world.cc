// The one exchange, driven through, and the checks after it.
#include "scopes/small_world.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "sluice/async/run_on.h"
#include "sluice/async/scope.h"

namespace sluice::scopes {
namespace {

using namespace std::chrono_literals;
using faults::Exchange;
using faults::Outcome;

// Shorter than all the transport's own timeouts: what it ends is the call.
constexpr Duration kTimeout = 5s;
// Of calls in real time: for those whose deadline is to pass soon.
constexpr Duration kSoon = 300us;
// Longer than a channel waits after its first failed attempt to connect.
constexpr Duration kAfterBackoff = 2s;
// More than any exchange here takes: then it hangs.
constexpr std::uint64_t kMostSteps = 100'000;
constexpr int kMostSeconds = 100;

bool ends_connection(const Scenario& scenario) {
  for (const testing::FaultOptions* end : {&scenario.client, &scenario.server}) {
    for (const testing::FaultPlan* plan : {&end->reads, &end->writes}) {
      for (const testing::Fault& fault : plan->faults) {
        if (fault.kind == testing::FaultKind::kCut || fault.kind == testing::FaultKind::kBlackHole)
          return true;
      }
    }
  }
  return false;
}

class Service final : public e2e::RawService {
 public:
  int begun = 0;
  int ended = 0;
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    const Counted counted(*this);
    co_return co_await RawService::unary(context, request);
  }
  Task<Status> reply_stream(ServerContext& context, const Chain& request,
                            ServerWriter<Chain>& writer) override {
    const Counted counted(*this);
    co_return co_await RawService::reply_stream(context, request, writer);
  }
  Task<Result<Chain>> request_stream(ServerContext& context, ServerReader<Chain>& reader) override {
    const Counted counted(*this);
    co_return co_await RawService::request_stream(context, reader);
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    const Counted counted(*this);
    co_return co_await RawService::bidi(context, stream);
  }

 private:
  struct Counted {
    explicit Counted(Service& s) : service(s) { ++service.begun; }
    Counted(const Counted&) = delete;
    ~Counted() { ++service.ended; }
    Service& service;
  };
};

class SmallWorld {
 public:
  SmallWorld(const Scenario& scenario, Seen& seen)
      : scenario_(scenario), seen_(seen), runtime_(options()), scope_(runtime_.loop()) {
    runtime_.add_network("fault",
                         std::make_shared<testing::FaultNetwork>(
                             std::make_shared<net::MemoryNetwork>(),
                             [this](const testing::FaultEnd& end) { return faults_of(end); }, "pipe"));
    server_ = std::make_unique<Server>(runtime_);
    check(server_->register_service(e2e::RawService::desc(), &service_));
    check(server_->serve(runtime_.listen("fault:small").value()));
    channel_ = dial(runtime_, "fault:small").value();
  }

  // Each false: it hangs, and everything is leaked.
  bool exchange();
  bool next_calls();
  void end();

  const Outcome& outcome() const { return outcome_; }
  void wrong(std::string text) { seen_.wrong.push_back(std::move(text)); }

 private:
  bool simulated() const { return scenario_.mode == Mode::kSimulated; }
  RuntimeOptions options() const {
    RuntimeOptions options;
    if (simulated()) options.simulation_seed = scenario_.seed;
    return options;
  }
  static void check(Status status) {
    if (!status.ok()) throw StatusError(std::move(status));
  }
  testing::FaultOptions faults_of(const testing::FaultEnd& end);
  Task<void> run_call(Channel channel, Exchange exchange, CallOptions options, Outcome& outcome, int& ends);
  Task<void> pass_time(const int& ends);
  bool drive(const int& ends);
  bool call_again(const Channel& channel, const std::string& name);
  static Task<void> pause(Duration time) { (void)co_await sleep(time); }
  void arm_interruption();
  void interrupt();

  // In a simulation it runs at its step; in real time it goes round with everything else that is ready, and
  // counts.
  struct Stepper : Runnable {
    explicit Stepper(SmallWorld& w) : Runnable(&step), world(w) {}
    static void step(Runnable& self) noexcept;
    SmallWorld& world;
    std::uint64_t steps = 0;
  };

  const Scenario& scenario_;
  Seen& seen_;
  Service service_;
  Runtime runtime_;
  Scope scope_;
  std::unique_ptr<Server> server_;
  Channel channel_;
  const Context context_ = Context().with_cancel();
  TimePoint deadline_ = kNever;
  Stepper stepper_{*this};
  Outcome outcome_;
  int ends_ = 0;
};

testing::FaultOptions SmallWorld::faults_of(const testing::FaultEnd& end) {
  if (end.number > 0) return {};
  const bool client = end.side == testing::FaultEnd::Side::kDialled;
  testing::FaultOptions options = client ? scenario_.client : scenario_.server;
  options.progress = client ? &seen_.client : &seen_.server;
  options.observe = [this](const testing::FaultEvent& event) {
    seen_.cuts += event.kind == testing::FaultKind::kCut;
    seen_.holes += event.kind == testing::FaultKind::kBlackHole;
  };
  return options;
}

void SmallWorld::interrupt() {
  seen_.interrupted = true;
  if (scenario_.interruption == Interruption::kCancel) return context_.cancel("cancelled at this step");
  if (simulated()) return runtime_.simulation()->advance_to(deadline_);
  while (runtime_.now() < deadline_) {
  }
}

void SmallWorld::Stepper::step(Runnable& self) noexcept {
  auto& stepper = static_cast<Stepper&>(self);
  SmallWorld& world = stepper.world;
  const bool now = stepper.steps++ == world.scenario_.at_step;
  if (now && world.scenario_.interruption != Interruption::kNone) world.interrupt();
  const bool goes_on = !world.simulated() && world.ends_ == 0 && stepper.steps < kMostSteps;
  if (goes_on) world.runtime_.loop().post(stepper);
}

void SmallWorld::arm_interruption() {
  if (!simulated()) return runtime_.loop().post(stepper_);
  if (scenario_.interruption == Interruption::kNone) return;
  Simulation& simulation = *runtime_.simulation();
  stepper_.steps = scenario_.at_step;
  simulation.interrupt_at(simulation.choices() + scenario_.at_step, stepper_);
}

Task<void> SmallWorld::run_call(Channel channel, Exchange exchange, CallOptions options, Outcome& outcome,
                                int& ends) {
  outcome = co_await faults::run_exchange(std::move(channel), std::move(exchange), options);
  ++ends;
}

Task<void> SmallWorld::pass_time(const int& ends) {
  for (int i = 0; i < kMostSeconds && ends == 0; ++i) (void)co_await sleep(1s);
}

// Until the call has ended, or never will.
bool SmallWorld::drive(const int& ends) {
  while (ends == 0 && runtime_.poll() > 0) {
  }
  if (ends == 0 && simulated()) runtime_.run(pass_time(ends));
  return ends > 0;
}

bool SmallWorld::exchange() {
  Exchange exchange;
  exchange.kind = scenario_.kind;
  const bool many = scenario_.kind == Kind::kRequestStream || scenario_.kind == Kind::kBidi;
  exchange.sizes = many ? std::vector<std::size_t>{20, 0, 90} : std::vector<std::size_t>{40};
  CallOptions options;
  options.context = &context_;
  // The bytes of a timeout differ from run to run in real time: there only those calls have one that need it.
  if (simulated()) options.timeout = kTimeout;
  if (!simulated() && scenario_.interruption == Interruption::kDeadline) options.timeout = kSoon;
  if (options.timeout != kNoTimeout) deadline_ = after(runtime_.now(), options.timeout);
  const std::uint64_t before = simulated() ? runtime_.simulation()->choices() : 0;
  arm_interruption();
  run_on(runtime_.loop(),
         [&] { scope_.spawn(run_call(channel_, std::move(exchange), options, outcome_, ends_)); });
  if (!drive(ends_)) return wrong("the call never ends"), false;
  seen_.steps = simulated() ? runtime_.simulation()->choices() - before : stepper_.steps;
  while (runtime_.poll() > 0) {
  }
  if (ends_ != 1) wrong("ended " + std::to_string(ends_) + " times");
  return true;
}

// False: it hangs.
bool SmallWorld::call_again(const Channel& channel, const std::string& name) {
  int ends = 0;
  Outcome outcome;
  Exchange exchange;
  exchange.kind = scenario_.kind;
  exchange.number = 9;
  exchange.sizes = {30};
  run_on(runtime_.loop(), [&] { scope_.spawn(run_call(channel, std::move(exchange), {}, outcome, ends)); });
  if (!drive(ends)) return wrong(name + " never ends"), false;
  if (!outcome.status.ok()) wrong(name + " ended with " + outcome.status.to_string());
  if (!outcome.wrong.empty()) wrong(name + ": " + outcome.wrong);
  return true;
}

bool SmallWorld::next_calls() {
  // After a cut the channel may wait a second before it tries again, which only virtual time makes short.
  // Nobody tells it of a black hole.
  const bool lost = seen_.cuts + seen_.holes > 0;
  if (lost && simulated()) runtime_.run(pause(kAfterBackoff));
  if (ends_connection(scenario_) ? simulated() && seen_.cuts > 0 : !lost) {
    if (!call_again(channel_, "the channel's next call")) return false;
  }
  return call_again(dial(runtime_, "fault:small").value(), "the call on a new connection");
}

void SmallWorld::end() {
  while (runtime_.poll() > 0) {
  }
  const LiveCounts while_open = runtime_.live();
  if (while_open.calls + while_open.streams > 0) wrong("calls live on: " + while_open.to_string());
  channel_ = Channel();
  while (runtime_.poll() > 0) {
  }
  server_.reset();
  while (runtime_.poll() > 0) {
  }
  if (service_.begun != service_.ended) {
    wrong(std::to_string(service_.begun) + " handlers began, " + std::to_string(service_.ended) + " ended");
  }
  const LiveCounts live = runtime_.live();
  if (!live.all_zero()) wrong("left on the loop: " + live.to_string());
}

void run_world(const Scenario& scenario, Seen& seen, bool next_calls,
               std::initializer_list<StatusCode> allowed) {
  auto world = std::make_unique<SmallWorld>(scenario, seen);
  bool ended = false;
  try {
    ended = world->exchange() && (!next_calls || world->next_calls());
  } catch (const std::exception& error) {
    world->wrong(error.what());
  }
  if (!ended) return static_cast<void>(world.release());  // a suspended coroutine is never destroyed
  const Outcome& outcome = world->outcome();
  seen.status = outcome.status;
  if (std::find(allowed.begin(), allowed.end(), seen.status.code()) == allowed.end()) {
    world->wrong("ended with " + seen.status.to_string());
  }
  if (!outcome.wrong.empty()) world->wrong(outcome.wrong);
  world->end();
  if (!seen.wrong.empty()) static_cast<void>(world.release());
}

}  // namespace

Seen run(const Scenario& scenario, std::initializer_list<StatusCode> allowed) {
  Seen seen;
  run_world(scenario, seen, true, allowed);
  return seen;
}

Seen measure(const Scenario& scenario) {
  Seen seen;
  run_world(scenario, seen, false, {StatusCode::kOk});
  return seen;
}

}  // namespace sluice::scopes
