// Calls, cancellations and faults from one seed, and what must hold whatever they are.
#include "faults/seed_run.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "base/splitmix64.h"
#include "sluice/async/scope.h"
#include "sluice/testing/fault_network.h"
#include "support/exchange.h"

namespace sluice::faults {
namespace {

using namespace std::chrono_literals;
using namespace support;

constexpr std::uint64_t kFewestCalls = 20;
constexpr std::uint64_t kMostCalls = 32;
constexpr std::uint64_t kQuiet = 60;  // bytes; the first connection is neither cut nor changed before

class Choice {
 public:
  explicit Choice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() { return splitmix64(state_); }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  // 1 … 2^bits, each size as likely as its double.
  std::uint64_t any_size(std::uint64_t bits) { return 1 + below(std::uint64_t{1} << below(bits + 1)); }

 private:
  std::uint64_t state_;
};

// Echoes after a while, and counts its handlers.
class Service final : public support::RawService {
 public:
  explicit Service(std::uint64_t seed) : choose_(seed) {}
  int running = 0;

  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    const Counted counted(running);
    co_await pause(context);
    co_return Chain(request);
  }
  Task<Status> reply_stream(ServerContext& context, const Chain& request,
                            ServerWriter<Chain>& writer) override {
    const Counted counted(running);
    for (int i = 0; i < 3; ++i) {
      co_await pause(context);
      if (Status status = co_await writer.write(request); !status.ok()) co_return status;
    }
    co_return Status();
  }
  Task<Result<Chain>> request_stream(ServerContext& context, ServerReader<Chain>& reader) override {
    const Counted counted(running);
    Chain all, request;
    while (co_await reader.read_into(request)) {
      all.append(std::move(request));
      co_await pause(context);
    }
    co_return all;
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    const Counted counted(running);
    Chain request;
    while (co_await stream.read_into(request)) {
      co_await pause(context);
      if (Status status = co_await stream.write(request); !status.ok()) co_return status;
    }
    co_return Status();
  }

 private:
  struct Counted {
    explicit Counted(int& n) : running(n) { ++running; }
    Counted(const Counted&) = delete;
    ~Counted() { --running; }
    int& running;
  };
  Task<void> pause(ServerContext& context) {
    if (!choose_.one_in(3)) co_return;
    (void)co_await sleep(std::chrono::microseconds(choose_.any_size(18)), context.context());
  }
  Choice choose_;
};

class World {
 public:
  World(std::uint64_t seed, const Log& log, SeedReport& report)
      : log_(log),
        report_(report),
        seed_(seed),
        choose_(seed),
        service_(choose_.next()),
        runtime_(options()) {
    runtime_.add_network("fault",
                         std::make_shared<testing::FaultNetwork>(
                             std::make_shared<net::MemoryNetwork>(),
                             [this](const testing::FaultEnd& end) { return faults_of(end); }, "pipe"));
  }
  // Where the calls, the checks and everything they need end. Throws when the loop is stuck.
  void run();

 private:
  RuntimeOptions options() {
    RuntimeOptions options;
    options.simulation_seed = seed_;
    options.log = [this](LogLevel level, std::string_view text) {
      tell("log: " + std::string(text));
      if (level == LogLevel::kError) wrong("logged as an error: " + std::string(text));
    };
    return options;
  }
  testing::FaultOptions faults_of(const testing::FaultEnd& end);
  Task<void> all_calls(Channel channel);
  Task<void> one_call(Channel channel, Exchange exchange, Duration start, Duration timeout,
                      Duration cancel_after);
  Task<void> cancel_later(Context context, Duration time);
  Task<void> one_more(Channel channel);
  void judge(const std::string& name, const Outcome& outcome, bool may_be_cancelled, TimePoint deadline);

  void wrong(std::string text) {
    tell("WRONG: " + text);
    report_.wrong.push_back(std::move(text));
  }
  void tell(const std::string& text) {
    if (!log_) return;
    const auto since = runtime_.now() - TimePoint(1h);
    const std::string us =
        std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
    log_(std::string(us.size() < 10 ? 10 - us.size() : 0, ' ') + us + " us  " + text);
  }

  const Log& log_;
  SeedReport& report_;
  const std::uint64_t seed_;
  Choice choose_;
  const bool corrupts_ = choose_.one_in(3);  // the others are judged more strictly
  const bool holes_ = choose_.one_in(3);     // nobody finds out, and calls only expire from then on
  bool healed_ = false;                      // connections from now on have no faults
  bool corrupted_ = false;                   // bytes were changed: anything may have become of them
  Service service_;
  Runtime runtime_;
  std::unique_ptr<Server> server_;
  Channel channel_, healthy_;
};

testing::FaultOptions World::faults_of(const testing::FaultEnd& end) {
  const bool dialled = end.side == testing::FaultEnd::Side::kDialled;
  const std::string name = (dialled ? "client conn " : "server conn ") + std::to_string(end.number);
  report_.connections += dialled;
  tell(name + (healed_ ? " without faults" : " with faults"));
  if (healed_) return {};
  // The first bytes of a connection are its most interesting ones, but it should live for some calls as well.
  const std::uint64_t seed = choose_.next();
  testing::FaultOptions options = testing::random_faults(seed, choose_.any_size(16));
  for (testing::FaultPlan* plan : {&options.reads, &options.writes}) {
    if (end.number == 0) {
      // Small enough to be seen whatever the calls are.
      plan->max_piece = 1 + choose_.below(400);
      plan->max_delay = std::chrono::microseconds(1 + choose_.below(plan->max_piece));
    }
    for (testing::Fault& fault : plan->faults) {
      if (fault.kind == testing::FaultKind::kBlackHole && !holes_) fault.kind = testing::FaultKind::kCut;
    }
    std::erase_if(plan->faults, [&](const testing::Fault& fault) {
      if (fault.kind == testing::FaultKind::kStall) return false;
      if (fault.kind == testing::FaultKind::kCorrupt && !corrupts_) return true;
      return end.number == 0 && fault.at < kQuiet;
    });
  }
  options.observe = [this, name](const testing::FaultEvent& event) {
    ++report_.faults[static_cast<std::size_t>(event.direction)][static_cast<std::size_t>(event.kind)];
    if (event.kind == testing::FaultKind::kCorrupt) corrupted_ = true;
    if (log_) tell(name + ": " + event.to_string());
  };
  return options;
}

void World::judge(const std::string& name, const Outcome& outcome, bool may_be_cancelled,
                  TimePoint deadline) {
  const StatusCode code = outcome.status.code();
  ++report_.ended[code];
  tell(name + " ends: " + outcome.status.to_string());
  const bool allowed = corrupted_ || code == StatusCode::kOk || code == StatusCode::kUnavailable ||
                       code == StatusCode::kDeadlineExceeded ||
                       (code == StatusCode::kCancelled && may_be_cancelled);
  if (!allowed) wrong(name + " ended with " + outcome.status.to_string());
  if (!corrupted_ && !outcome.wrong.empty()) wrong(name + ": " + outcome.wrong);
  if (runtime_.now() > deadline) wrong(name + " ended after its deadline");
}

Task<void> World::cancel_later(Context context, Duration time) {
  (void)co_await sleep(time);
  context.cancel("no longer wanted");
}

Task<void> World::one_call(Channel channel, Exchange exchange, Duration start, Duration timeout,
                           Duration cancel_after) {
  (void)co_await sleep(start);
  const std::string name = "call " + std::to_string(exchange.number) + " (" + kind_name(exchange.kind) + ")";
  tell(name + " begins, timeout " + std::to_string(timeout.count()) + " ns");
  const Context context = Context().with_cancel();
  const bool cancelled = cancel_after > Duration::zero();
  Scope scope(runtime_.loop());
  if (cancelled) (void)scope.spawn(cancel_later(context, cancel_after));
  const TimePoint deadline = runtime_.now() + timeout;
  const Outcome outcome = co_await run_exchange(channel, exchange, {.context = &context, .timeout = timeout});
  judge(name, outcome, cancelled, deadline);
  co_await scope.join();
}

Task<void> World::all_calls(Channel channel) {
  const std::uint64_t calls = kFewestCalls + choose_.below(kMostCalls - kFewestCalls + 1);
  report_.calls = static_cast<int>(calls);
  Scope scope(runtime_.loop());
  for (std::uint64_t i = 0; i < calls; ++i) {
    Exchange exchange;
    exchange.kind = i < 4 ? kKinds[i] : kKinds[choose_.below(4)];
    exchange.number = i;
    const bool many = exchange.kind == Kind::kRequestStream || exchange.kind == Kind::kBidi;
    for (std::uint64_t n = many ? choose_.below(6) : 1; n > 0; --n) {
      const std::uint64_t bits = choose_.one_in(8) ? 18 : 11;
      exchange.sizes.push_back(choose_.any_size(bits) - 1);
    }
    const Duration start = std::chrono::microseconds(choose_.below(3'000'000));
    const Duration timeout = std::chrono::milliseconds(5 * choose_.any_size(13));
    const Duration cancel = choose_.one_in(5) ? std::chrono::microseconds(choose_.any_size(21)) : 0us;
    (void)scope.spawn(one_call(channel, std::move(exchange), start, timeout, cancel));
  }
  co_await scope.join();
}

// On a connection of its own that has no faults.
Task<void> World::one_more(Channel channel) {
  Exchange exchange;
  exchange.kind = kKinds[choose_.below(4)];
  exchange.number = 1'000;
  exchange.sizes = {100};
  const Outcome outcome = co_await run_exchange(channel, exchange, {.timeout = 10s});
  tell("the call afterwards ends: " + outcome.status.to_string());
  if (!outcome.status.ok()) wrong("the call afterwards ended with " + outcome.status.to_string());
  if (!outcome.wrong.empty()) wrong("the call afterwards: " + outcome.wrong);
}

void World::run() {
  server_ = std::make_unique<Server>(runtime_);
  if (Status s = server_->register_service(support::RawService::desc(), &service_); !s.ok())
    throw StatusError(s);
  if (Status s = server_->serve(runtime_.listen("fault:seed").value()); !s.ok()) throw StatusError(s);
  channel_ = dial(runtime_, "fault:seed").value();
  runtime_.run(all_calls(channel_));
  healed_ = true;
  healthy_ = dial(runtime_, "fault:seed").value();
  runtime_.run(one_more(healthy_));
  healthy_ = channel_ = Channel();
  server_.reset();
  while (runtime_.poll() > 0) {
  }
  int ended = 0;
  for (const auto& [code, n] : report_.ended) ended += n;
  if (ended != report_.calls) {
    wrong(std::to_string(ended) + " statuses for " + std::to_string(report_.calls) + " calls");
  }
  if (service_.running != 0) wrong("handlers still running: " + std::to_string(service_.running));
  const LiveCounts live = runtime_.live();
  if (!live.all_zero()) wrong("left on the loop: " + live.to_string());
  report_.trace = runtime_.simulation()->trace();
}

}  // namespace

int SeedReport::fault_kinds() const {
  int kinds = 0;
  for (const auto& direction : faults) {
    for (std::size_t kind = 0; kind < direction.size(); ++kind) kinds += direction[kind] > 0;
  }
  return kinds;
}

SeedReport run_seed(std::uint64_t seed, const Log& log) {
  SeedReport report;
  auto world = std::make_unique<World>(seed, log, report);
  try {
    world->run();
  } catch (const std::exception& error) {
    report.wrong.push_back(error.what());
  }
  if (!report.wrong.empty()) static_cast<void>(world.release());  // a suspended coroutine is never destroyed
  if (report.fault_kinds() < 3) {
    report.wrong.push_back("only " + std::to_string(report.fault_kinds()) + " kinds of fault");
  }
  return report;
}

}  // namespace sluice::faults
