// Runtime: makes loops, clock, networks and threads, and ends them in the right order.
#include "sluice/runtime/runtime.h"

#include <algorithm>
#include <thread>

#include "async/waiting_thread.h"
#include "sluice/net/system_network.h"

namespace sluice::inline v0 {

namespace {

// Look-ups of different names at once. Each may wait for a name server that does not answer.
constexpr unsigned kResolverThreads = 4;

}  // namespace

Runtime::Runtime(RuntimeOptions options, detail::Assertions assertions)
    : group_(std::make_unique<LoopGroup>(std::move(options.log), assertions, options.memory_budget)),
      blocking_(options.blocking_threads),
      resolving_(kResolverThreads) {
  if (options.simulation_seed) simulation_.emplace(*options.simulation_seed);
  threads_ = simulation_ ? 0 : options.threads;
  for (unsigned i = 0; i < std::max(1u, threads_); ++i) {
    owned_loops_.push_back(std::make_unique<Loop>(*group_, simulation()));
    loops_.push_back(owned_loops_.back().get());
    loops_.back()->set_spin(options.spin);
  }
  auto memory = options.memory_network ? std::move(options.memory_network)
                                       : std::make_shared<net::MemoryNetwork>(options.memory);
  networks_.emplace_back("pipe", std::move(memory));
  if (!simulation_) {
    const auto sockets = std::make_shared<net::SystemNetwork>(resolving_);
    for (const char* scheme : {"tcp", "unix", "unix-abstract"}) networks_.emplace_back(scheme, sockets);
  }
  for (unsigned i = 0; i < threads_; ++i) loops_[i]->start_thread();
}

Runtime::~Runtime() {
  if (group_->leads_any()) {
    group_->fail(
        "a Runtime was destroyed on a thread that runs one of its loops (in a handler, a callback or a "
        "coroutine): it goes last, outside of them");
  }
  for (Loop* loop : loops_) loop->stop_thread();
  // What closing channels and servers have left to do is ready now: connections end, streams are freed.
  while (poll() > 0) {
  }
  // Whoever cancels a Context from elsewhere may still be about to leave a loop.
  for (Loop* loop : loops_) {
    while (!loop->try_enter()) std::this_thread::yield();
    loop->leave();
  }
}

Result<std::unique_ptr<net::Listener>> Runtime::listen(std::string_view text) {
  Result<Addr> addr = Addr::parse(text);
  if (!addr.ok()) return std::move(addr).status();
  net::Network* network = this->network(addr->scheme);
  if (!network) return no_network(addr->scheme);
  return network->listen(*addr);
}

void Runtime::add_network(std::string scheme, std::shared_ptr<net::Network> network) {
  networks_.emplace_back(std::move(scheme), std::move(network));
}

net::Network* Runtime::network(std::string_view scheme) const {
  for (const auto& [name, network] : networks_) {
    if (name == scheme) return network.get();
  }
  return nullptr;
}

Status Runtime::no_network(std::string_view scheme) const {
  if (simulation_ && net::SystemNetwork::serves(scheme)) {
    return Status(StatusCode::kFailedPrecondition,
                  "a simulation has no sockets, and so no \"" + std::string(scheme) + "\": use a pipe");
  }
  std::string text = "no network for scheme \"" + std::string(scheme) + "\"; there are:";
  for (const auto& [name, network] : networks_) text += " " + name;
  return Status(StatusCode::kUnimplemented, std::move(text));
}

std::size_t Runtime::poll() {
  std::size_t ran = 0;
  for (Loop* loop : loops_) ran += loop->poll();
  return ran;
}

void Runtime::enter() {
  if (Status status = loop().check_may_block(); !status.ok()) throw StatusError(std::move(status));
  while (!loop().try_enter_in_order(Loop::Visit::kDrive)) {
    // Another thread leads: wait for the turn as a get() does.
    WaitingThread thread(loop());
    loop().post(thread);
    thread.wait();
    if (thread.leading()) return;
  }
}

TimePoint Runtime::now() const {
  if (simulation_) return simulation_->now();
  return TimePoint(std::chrono::steady_clock::now().time_since_epoch());
}

unsigned Runtime::threads_started() const {
  return threads_ + blocking_.threads_started() + resolving_.threads_started();
}

LiveCounts Runtime::live() const {
  LiveCounts sum;
  for (const Loop* loop : loops_) sum += loop->live();
  return sum;
}

}  // namespace sluice::inline v0
