// The one exchange, driven through, and the checks after it.
#include "scopes/small_world.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "http2/frame.h"
#include "sluice/async/run_on.h"
#include "sluice/async/scope.h"
#include "support/tap_network.h"

namespace sluice::scopes {
namespace {

using namespace std::chrono_literals;
using support::Exchange;
using support::Outcome;

// Shorter than all the transport's own timeouts: what it ends is the call.
constexpr Duration kTimeout = 5s;
// Of calls in real time: for those whose deadline is to pass soon.
constexpr Duration kSoon = 300us;
// Longer than a channel waits after its first failed attempt to connect.
constexpr Duration kAfterBackoff = 2s;
// More than any exchange here takes: then it hangs.
constexpr std::uint64_t kMostSteps = 100'000;
constexpr int kMostSeconds = 100;
// A second of a simulation, in real time.
constexpr Duration kShortTime = 1ms;

// Of messages that are to be compressed: so long as to be as short then as the others are.
constexpr std::size_t kTimesLonger = 20, kPeriod = 10;

// The messages of one direction of the only call that have the compressed flag.
int count_compressed(std::string_view wire) {
  const auto bytes_of = [](std::string_view text) { return std::as_bytes(std::span(text)).data(); };
  std::string data;
  if (wire.starts_with(http2::kClientPreface)) wire.remove_prefix(http2::kClientPreface.size());
  while (wire.size() >= http2::kFrameHeaderSize) {
    const auto frame = http2::FrameHeader::parse(bytes_of(wire));
    wire.remove_prefix(http2::kFrameHeaderSize);
    const std::string_view payload = wire.substr(0, frame.length);
    if (frame.type == http2::FrameType::kData) data += payload;
    wire.remove_prefix(payload.size());
  }
  int count = 0;
  for (std::string_view rest = data; rest.size() >= 5;) {
    count += rest.front() == 1;
    rest.remove_prefix(std::min<std::size_t>(5 + http2::load_u32(bytes_of(rest) + 1), rest.size()));
  }
  return count;
}

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

class Service final : public support::RawService {
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
    std::shared_ptr<net::Network> pipes = tap_;
    if (!tap_) pipes = std::make_shared<net::MemoryNetwork>();
    runtime_.add_network(
        "fault",
        std::make_shared<testing::FaultNetwork>(
            std::move(pipes), [this](const testing::FaultEnd& end) { return faults_of(end); }, "pipe"));
    ServerOptions options;
    if (gzip()) options.compressors = scenario_.compressors, options.compression_algorithm = "gzip";
    server_ = std::make_unique<Server>(runtime_, std::move(options));
    check(server_->register_service(support::RawService::desc(), &service_));
    check(server_->serve(runtime_.listen("fault:small").value()));
    channel_ = new_channel();
  }

  // Each false: it hangs, and everything is leaked.
  bool exchange();
  bool next_calls();
  void end();

  const Outcome& outcome() const { return outcome_; }
  void wrong(std::string text) { seen_.wrong.push_back(std::move(text)); }

 private:
  bool simulated() const { return scenario_.mode == Mode::kSimulated; }
  bool gzip() const { return !scenario_.compressors.empty(); }
  Channel new_channel() {
    ChannelOptions options;
    if (gzip()) options.compressors = scenario_.compressors, options.compression_algorithm = "gzip";
    // A call that has never left waits for the next connection.
    if (!simulated()) options.backoff = {.initial = kShortTime, .max = kShortTime};
    return dial(runtime_, "fault:small", std::move(options)).value();
  }
  Exchange exchange_of(std::uint64_t number, std::vector<std::size_t> sizes) const;
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

  struct Begin : Runnable {
    explicit Begin(std::function<void()> w)
        : Runnable([](Runnable& self) noexcept { static_cast<Begin&>(self).what(); }), what(std::move(w)) {}
    std::function<void()> what;
  };

  const Scenario& scenario_;
  Seen& seen_;
  const std::shared_ptr<support::TapNetwork> tap_ =
      gzip() ? std::make_shared<support::TapNetwork>() : nullptr;  // shared: with the network above it
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
  outcome = co_await support::run_exchange(std::move(channel), std::move(exchange), options);
  ++ends;
}

Task<void> SmallWorld::pass_time(const int& ends) {
  for (int i = 0; i < kMostSeconds && ends == 0; ++i) (void)co_await sleep(simulated() ? 1s : kShortTime);
}

// Until the call has ended, or never will.
bool SmallWorld::drive(const int& ends) {
  while (ends == 0 && runtime_.poll() > 0) {
  }
  if (ends == 0) runtime_.run(pass_time(ends));
  return ends > 0;
}

Exchange SmallWorld::exchange_of(std::uint64_t number, std::vector<std::size_t> sizes) const {
  Exchange exchange;
  exchange.kind = scenario_.kind;
  exchange.number = number;
  exchange.sizes = std::move(sizes);
  if (gzip()) {
    exchange.period = kPeriod;
    for (std::size_t& size : exchange.sizes) size *= kTimesLonger;
  }
  return exchange;
}

bool SmallWorld::exchange() {
  const bool many = scenario_.kind == Kind::kRequestStream || scenario_.kind == Kind::kBidi;
  Exchange exchange =
      exchange_of(0, many ? std::vector<std::size_t>{20, 0, 90} : std::vector<std::size_t>{40});
  CallOptions options;
  options.context = &context_;
  // The bytes of a timeout differ from run to run in real time: there only those calls have one that need it.
  if (simulated()) options.timeout = kTimeout;
  if (!simulated() && scenario_.interruption == Interruption::kDeadline) options.timeout = kSoon;
  if (options.timeout != kNoTimeout) deadline_ = after(runtime_.now(), options.timeout);
  const std::uint64_t before = simulated() ? runtime_.simulation()->choices() : 0;
  arm_interruption();
  Begin begin([&] { (void)scope_.spawn(run_call(channel_, std::move(exchange), options, outcome_, ends_)); });
  if (simulated()) {
    run_on(runtime_.loop(), std::move(begin.what));
  } else {
    runtime_.loop().post(begin);  // run_on() would go some turns of the loop, with nothing but steps in them
  }
  if (!drive(ends_)) return wrong("the call never ends"), false;
  seen_.steps = simulated() ? runtime_.simulation()->choices() - before : stepper_.steps;
  while (runtime_.poll() > 0) {
  }
  if (ends_ != 1) wrong("ended " + std::to_string(ends_) + " times");
  if (tap_) {
    seen_.compressed_up = count_compressed(tap_->dialled_wrote());
    seen_.compressed_down = count_compressed(tap_->accepted_wrote());
  }
  return true;
}

// False: it hangs.
bool SmallWorld::call_again(const Channel& channel, const std::string& name) {
  int ends = 0;
  Outcome outcome;
  Exchange exchange = exchange_of(9, {30});
  run_on(runtime_.loop(),
         [&] { (void)scope_.spawn(run_call(channel, std::move(exchange), {}, outcome, ends)); });
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
  return call_again(new_channel(), "the call on a new connection");
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
