// sluice with several threads, one subject for each way to use them (--api):
//   park, spin   the server's Runtime has a thread of its own, the caller leads another; with and without
//   spinning caller       one Runtime with a thread; a blocking call runs on its caller all the same across
//   two Runtimes on two threads, each of which serves and calls the other loops        one Runtime with two
//   loops, each with a thread; the load is generated on the loops
#include <sluice/async/scope.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sluice_greeter.h"
#include "support/crew.h"
#include "support/subject.h"

namespace {

using bench::Options;
using sluice::Duration;
using sluice::Runtime;
using Stub = helloworld::Greeter::Stub;

constexpr Duration kSpin = std::chrono::milliseconds(1);

bool placed(const Options& options) { return options.pinning == bench::kTwoCores; }

// Makes a T whose threads run on the k-th processor, if the pinning is ours.
template <class T, class... Args>
std::unique_ptr<T> make_on(const Options& options, unsigned k, Args&&... args) {
  if (placed(options)) bench::place_on_processor(k);
  return std::make_unique<T>(std::forward<Args>(args)...);
}

// A Server of the greeter at `addr`.
struct Served {
  Served(const Options& options, Runtime& runtime, const char* addr)
      : server(runtime, {.max_concurrent_streams = 1024}), tells_peaks(options.peaks) {
    bench::require(server.register_service(greeter));
    bench::require(server.serve(runtime.listen(addr).value()));
  }
  ~Served() {
    if (tells_peaks) bench::tell_peaks(server);
  }
  bench::Greeter greeter;
  sluice::Server server;
  bool tells_peaks;
};

// `calls` calls by each of a crew that share one stub.
class Callers {
 public:
  bool run(const Stub& stub, const bench::Payloads& payloads, std::uint64_t calls, unsigned callers) {
    if (!crew_ || crew_->size() != callers) crew_.emplace(callers, false);
    return crew_->run([&](unsigned k) {
      for (std::uint64_t i = k; i < calls; i += callers)
        if (!bench::say_hello(stub, payloads, i)) return false;
      return true;
    });
  }

 private:
  std::optional<bench::Crew> crew_;
};

class OwnThread final : public bench::Subject {
 public:
  OwnThread(const Options& options, Duration spin) {
    auto network = std::make_shared<sluice::net::MemoryNetwork>();
    server_runtime_ = make_on<Runtime>(
        options, 1, sluice::RuntimeOptions{.threads = 1, .spin = spin, .memory_network = network});
    client_runtime_ =
        make_on<Runtime>(options, 0, sluice::RuntimeOptions{.spin = spin, .memory_network = network});
    served_.emplace(options, *server_runtime_, "pipe:bench");
    stub_.emplace(sluice::dial(*client_runtime_, "pipe:bench").value());
  }
  bool unary(std::uint64_t i) override { return bench::say_hello(*stub_, payloads_, i); }
  bool unary_from(std::uint64_t calls, unsigned callers) override {
    return callers_.run(*stub_, payloads_, calls, callers);
  }

 private:
  const bench::Payloads payloads_;
  std::unique_ptr<Runtime> server_runtime_, client_runtime_;
  std::optional<Served> served_;
  std::optional<Stub> stub_;
  Callers callers_;
};

class CallerRuns final : public bench::Subject {
 public:
  explicit CallerRuns(const Options& options) : served_(options, runtime_, "pipe:bench") {}
  bool unary(std::uint64_t i) override { return bench::say_hello(stub_, payloads_, i); }
  bool unary_from(std::uint64_t calls, unsigned callers) override {
    return callers_.run(stub_, payloads_, calls, callers);
  }

 private:
  const bench::Payloads payloads_;
  Runtime runtime_{{.threads = 1}};
  Served served_;
  Stub stub_{sluice::dial(runtime_, "pipe:bench").value()};
  Callers callers_;
};

class Across final : public bench::Subject {
 public:
  explicit Across(const Options& options)
      : sides_{{options, network_, "pipe:0"}, {options, network_, "pipe:1"}}, crew_(2, placed(options)) {}

  bool unary_across(std::uint64_t calls) override {
    std::atomic<int> calling{2};
    return crew_.run([&](unsigned k) {
      bool right = true;
      for (std::uint64_t i = k; i < calls && right; i += 2) right = bench::say_hello(stubs_[k], payloads_, i);
      --calling;
      while (calling > 0) sides_[k].runtime.poll();  // the other's calls need this side's server
      return right;
    });
  }

 private:
  struct Side {
    Side(const Options& options, const std::shared_ptr<sluice::net::MemoryNetwork>& network, const char* addr)
        : runtime({.memory_network = network}), served(options, runtime, addr) {}
    Runtime runtime;
    Served served;
  };

  const bench::Payloads payloads_;
  const std::shared_ptr<sluice::net::MemoryNetwork> network_ = std::make_shared<sluice::net::MemoryNetwork>();
  Side sides_[2];
  Stub stubs_[2] = {Stub(sluice::dial(sides_[0].runtime, "pipe:1").value()),
                    Stub(sluice::dial(sides_[1].runtime, "pipe:0").value())};
  bench::Crew crew_;
};

// Runs fn on the loop's own thread and waits for it; leading the loop from here would keep that thread away
// from it.
template <class Fn>
void on_loop(sluice::Loop& loop, Fn fn) {
  struct Posted final : sluice::Runnable {
    explicit Posted(Fn& f) : Runnable(&run), fn(f) {}
    static void run(Runnable& self) noexcept {
      auto& posted = static_cast<Posted&>(self);
      posted.fn();
      posted.ran = true;
    }
    Fn& fn;
    std::atomic<bool> ran{false};
  } posted(fn);
  loop.post(posted);
  while (!posted.ran) std::this_thread::yield();
}

// What one loop does in unary_on_loops: so many coroutines that call one after the other.
class alignas(64) LoopLoad {
 public:
  LoopLoad(Runtime& runtime, sluice::Loop& loop, const bench::Payloads& payloads)
      : loop_(loop), payloads_(payloads) {
    // Dialled on the loop, the channel lives there, and so does the server's end of its connection.
    on_loop(loop_, [&] { stub_.emplace(sluice::dial(runtime, "pipe:bench").value()); });
  }

  void start(std::uint64_t calls, unsigned outstanding) {
    ended_ = false;
    calls_ = calls;
    on_loop(loop_, [this, outstanding] {
      next_ = 0;
      right_ = true;
      scope_.emplace(loop_);
      for (unsigned k = 0; k < outstanding; ++k) (void)scope_->spawn(call_while_any());
      scope_->close();
      scope_->on_joined(joined_);
    });
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return ended_; });
    return right_;
  }

 private:
  struct Joined final : sluice::Runnable {
    explicit Joined(LoopLoad& l) : Runnable(&run), load(l) {}
    static void run(Runnable& self) noexcept {
      LoopLoad& load = static_cast<Joined&>(self).load;
      const std::lock_guard lock(load.mutex_);
      load.ended_ = true;
      load.wake_.notify_one();
    }
    LoopLoad& load;
  };

  sluice::Task<void> call_while_any() {
    while (next_ < calls_) {
      const std::uint64_t i = next_++;
      helloworld::HelloRequest request;
      request.set_name(payloads_.name(i));
      sluice::Result<helloworld::HelloReply> reply = co_await stub_->SayHello(request);
      right_ = right_ && reply.ok() && reply->message() == payloads_.greeting(i);
    }
  }

  sluice::Loop& loop_;
  const bench::Payloads& payloads_;
  std::optional<Stub> stub_;
  std::optional<sluice::Scope> scope_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ended_ = true;  // under mutex_
  Joined joined_{*this};
  std::uint64_t next_ = 0, calls_ = 0;
  bool right_ = true;
};

class Loops final : public bench::Subject {
 public:
  explicit Loops(const Options& options)
      : runtime_({.threads = 2}), served_(options, runtime_, "pipe:bench") {
    unsigned k = 0;
    for (sluice::Loop* loop : runtime_.loops()) {
      loads_.push_back(std::make_unique<LoopLoad>(runtime_, *loop, payloads_));
      if (!placed(options)) continue;
      on_loop(*loop, [k] { bench::place_on_processor(k); });
      ++k;
    }
  }

  bool unary_on_loops(std::uint64_t calls, unsigned outstanding, unsigned loops) override {
    for (unsigned k = 0; k < loops; ++k) loads_[k]->start(calls / loops, outstanding);
    bool right = true;
    for (unsigned k = 0; k < loops; ++k) right = loads_[k]->wait() && right;
    return right;
  }

 private:
  const bench::Payloads payloads_;
  Runtime runtime_;
  Served served_;
  std::vector<std::unique_ptr<LoopLoad>> loads_;
};

std::unique_ptr<bench::Subject> make(const Options& options) {
  if (options.api == "park") return std::make_unique<OwnThread>(options, Duration::zero());
  if (options.api == "spin") return std::make_unique<OwnThread>(options, kSpin);
  if (options.api == "caller") return std::make_unique<CallerRuns>(options);
  if (options.api == "across") return std::make_unique<Across>(options);
  if (options.api == "loops") return std::make_unique<Loops>(options);
  std::fprintf(stderr, "there are park, spin, caller, across and loops, not \"%s\"\n", options.api.c_str());
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) { return bench::subject_main(argc, argv, make); }
