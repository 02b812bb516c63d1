// Runtime: loops, clock, networks and worker threads, made of the parts below it. There is nothing global; a
// program may have several.
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

namespace sluice {

struct RuntimeOptions {
  // Loops with a thread of their own. 0: one loop without a thread. Progress is then made only inside calls
  // of this library, each of which lets leave what was submitted (docs/concurrency.md).
  unsigned threads = 0;
  // At most, for run_blocking; they start with the first work. Names are looked up on others.
  unsigned blocking_threads = 4;
  // How long a thread that runs a loop and finds nothing to do goes on looking before it sleeps. Meanwhile it
  // uses up its core and needs no waking: what another core sends it is there within a microsecond, instead
  // of 15 to 30. Zero: it sleeps at once. Nothing in a simulation, nor in poll().
  Duration spin = Duration::zero();
  // Bytes that messages of all connections may hold: requests that no handler has read, replies that no
  // caller has read, and room for large messages that are on their way. When half of it is room, large
  // messages wait for each other, and windows grow no more. When all of it is used, windows that have grown
  // shrink, and servers refuse new calls with RESOURCE_EXHAUSTED; clients refuse none. What one connection
  // may take of it is for Limits and FlowControl to say. Exact to 64 KiB a loop and a KiB a stream: at least
  // a MiB makes sense. 0 is no default.
  std::size_t memory_budget = MemoryBudget::kDefault;
  LogSink log = {};  // off by default
  net::MemoryNetworkOptions memory = {};
  // Pipes shared with other Runtimes; null: a MemoryNetwork of its own.
  std::shared_ptr<net::MemoryNetwork> memory_network = {};
  // A simulation with this seed: virtual time, no threads, every choice from the seed.
  std::optional<std::uint64_t> simulation_seed = {};
};

// Thread: any. Lifetime: outlives every server, channel and call on it, which debug builds assert; the
// destructor runs what is left on its loops and joins its threads. On a thread that runs one of its loops, or
// a worker of its run_blocking, it ends the process. After fork() the child must not touch it.
class Runtime final : public net::Host {
 public:
  // `assertions` is for the default to say: whether the code that makes it is built with them.
  explicit Runtime(RuntimeOptions options = {}, detail::Assertions assertions = detail::kAssertions);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Listens on "pipe:greeter", "tcp:127.0.0.1:50051" or "unix:/run/greeter.sock" (SystemNetwork has the
  // rules). INVALID_ARGUMENT and ALREADY_EXISTS name the address, UNIMPLEMENTED the scheme that there is none
  // of ("localhost:50051" has the scheme "localhost"); a simulation has no sockets (FAILED_PRECONDITION).
  Result<std::unique_ptr<net::Listener>> listen(std::string_view addr);
  // More networks: `add_network("vsock", network)`. Before servers and channels use it.
  void add_network(std::string scheme, std::shared_ptr<net::Network> network);

  // Runs a coroutine on the first loop from this thread, until it ends. FAILED_PRECONDITION (as a
  // StatusError) on a thread that leads a loop; INTERNAL when a simulation cannot make progress: the
  // coroutine is then left where it waits. Rethrows what it threw.
  template <class T>
  T run(Task<T> task) {
    const Lead lead(*this);
    // Goes while this thread still leads: afterwards the loop is another thread's.
    auto running = std::make_unique<Running<T>>(std::move(task));
    running->ended = running->task.start(loop(), *running);
    if (!loop().run_until(running->ended)) {
      running.release()->abandoned = true;
      throw StatusError(loop().stuck());
    }
    return running->task.take();
  }
  // Runs what is ready on all loops without waiting; returns how many items ran.
  std::size_t poll();
  // Calls fn on a worker thread: `R r = co_await runtime.run_blocking(fn);`
  template <class Fn>
  RunBlocking<Fn> run_blocking(Fn fn) {
    return RunBlocking<Fn>(blocking_, std::move(fn));
  }

  Loop& loop() { return *loops_.front(); }
  TimePoint now() const;  // of its clock; any thread
  Simulation* simulation() { return simulation_ ? &*simulation_ : nullptr; }
  unsigned threads_started() const;
  // What lives on all loops. Only while nothing runs on them.
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
    // By run(), which could not wait for its end. It goes then, should that still come: a suspended coroutine
    // is never destroyed.
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
  BlockingPool resolving_;  // a look-up can take long, and what blocks in run_blocking may wait for it
};

}  // namespace sluice
