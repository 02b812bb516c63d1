// Runtime: loops, clock, networks and worker threads. Nothing is global; a program may have several Runtimes.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "sluice/async/blocking.h"
#include "sluice/async/simulation.h"
#include "sluice/net/host.h"
#include "sluice/net/memory_network.h"

namespace sluice::inline v0 {

struct RuntimeOptions {
  // Number of loops, each with a thread of its own. 0: one loop without a thread, which makes progress only
  // inside calls of this library; each such call sends what was submitted (docs/concurrency.md).
  unsigned threads = 0;
  // Most threads for run_blocking(); they start when needed. Name look-ups have threads of their own.
  unsigned blocking_threads = 4;
  // How long an idle loop's thread polls before it sleeps. A polling thread uses a whole core, and sees what
  // another core sends within 1 µs instead of 15 to 30. Zero: it sleeps at once. Without effect in a
  // simulation and in poll().
  Duration spin = Duration::zero();
  // Bytes that messages of all connections may hold: unread requests and replies, and room for large incoming
  // messages. When that room is half of the budget, large messages wait for each other, and windows grow no
  // more. When the budget is used up, grown windows shrink, and servers refuse new calls with
  // RESOURCE_EXHAUSTED; clients refuse none. Limits and FlowControl bound the share of one connection.
  // Accurate to 64 KiB a loop and 1 KiB a stream: use at least 1 MiB. 0 does not mean the default.
  std::size_t memory_budget = MemoryBudget::kDefault;
  LogSink log = {};  // off by default
  net::MemoryNetworkOptions memory = {};
  // Shares its pipes with other Runtimes. Null: the Runtime has its own MemoryNetwork, with the options
  // `memory`.
  std::shared_ptr<net::MemoryNetwork> memory_network = {};
  // Makes a simulation: virtual time, no threads, and all choices made by this seed.
  std::optional<std::uint64_t> simulation_seed = {};
};

// Thread: any. Lifetime: must outlive every server, channel and call on it; debug builds assert that. The
// destructor runs the rest of the work on its loops and joins its threads. On a thread that runs one of its
// loops, or a worker of run_blocking(), it ends the process. After fork() the child must not touch it.
class Runtime final : public net::Host {
 public:
  // Leave `assertions` at its default: it tells whether the calling code is built with assertions.
  explicit Runtime(RuntimeOptions options = {}, detail::Assertions assertions = detail::kAssertions);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Listens on "pipe:greeter", "tcp:127.0.0.1:50051" or "unix:/run/greeter.sock" (see SystemNetwork). Errors:
  // INVALID_ARGUMENT and ALREADY_EXISTS name the address; UNIMPLEMENTED names a scheme without a network
  // ("localhost:50051" has the scheme "localhost"); FAILED_PRECONDITION: a simulation has no sockets.
  Result<std::unique_ptr<net::Listener>> listen(std::string_view addr);
  // Adds a network: `add_network("vsock", network)`. REQUIRES: no server or channel uses the Runtime yet.
  void add_network(std::string scheme, std::shared_ptr<net::Network> network);

  // Runs a coroutine on the first loop, on this thread, until it ends. Rethrows its exception. Throws a
  // StatusError: FAILED_PRECONDITION on a thread that leads a loop; INTERNAL if a simulation cannot make
  // progress (the coroutine is then left suspended).
  template <class T>
  T run(Task<T> task) {
    const Lead lead(*this);
    // Destroyed while this thread still leads: afterwards the loop may be another thread's.
    auto running = std::make_unique<Running<T>>(std::move(task));
    running->ended = running->task.start(loop(), *running);
    if (!loop().run_until(running->ended)) {
      running.release()->abandoned = true;
      throw StatusError(loop().stuck());
    }
    return running->task.take();
  }
  // Runs the ready work of all loops without waiting. Returns the number of items that ran.
  std::size_t poll();
  // Calls fn on a worker thread: `R r = co_await runtime.run_blocking(fn);`
  template <class Fn>
  RunBlocking<Fn> run_blocking(Fn fn) {
    return RunBlocking<Fn>(blocking_, std::move(fn));
  }

  Loop& loop() { return *loops_.front(); }
  TimePoint now() const;  // on its clock; any thread
  Simulation* simulation() { return simulation_ ? &*simulation_ : nullptr; }
  unsigned threads_started() const;
  // The objects that live on all loops. REQUIRES: no loop runs.
  LiveCounts live() const;

  // net::Host
  std::span<Loop* const> loops() const override { return loops_; }
  Loop& next_loop() override {
    return *loops_[next_loop_.fetch_add(1, std::memory_order_relaxed) % loops_.size()];
  }
  net::Network* network(std::string_view scheme) const override;
  Status no_network(std::string_view scheme) const override;

 private:
  template <class T>
  struct Running : Runnable {
    explicit Running(Task<T> t) : Runnable(&on_end), task(std::move(t)) {}
    static void on_end(Runnable& self) noexcept {
      auto& running = static_cast<Running&>(self);
      running.ended = true;
      if (running.abandoned) delete &running;
    }
    Task<T> task;
    bool ended = false;
    // run() could not wait for its end. If it still ends, it deletes itself: a suspended coroutine is never
    // destroyed.
    bool abandoned = false;
  };
  void enter();
  struct Lead {
    explicit Lead(Runtime& r) : runtime(r) { runtime.enter(); }
    ~Lead() { runtime.loop().leave(); }
    Lead(const Lead&) = delete;
    Lead& operator=(const Lead&) = delete;
    Runtime& runtime;
  };

  // Constant after construction.
  std::optional<Simulation> simulation_;
  std::unique_ptr<LoopGroup> group_;
  std::vector<std::unique_ptr<Loop>> owned_loops_;
  std::vector<Loop*> loops_;
  unsigned threads_ = 0;
  std::atomic<std::size_t> next_loop_{0};  // any thread
  // Before serving and dialling only.
  std::vector<std::pair<std::string, std::shared_ptr<net::Network>>> networks_;
  BlockingPool blocking_;
  BlockingPool resolving_;  // a look-up can take long, and work in run_blocking() may wait for it
};

}  // namespace sluice::inline v0
