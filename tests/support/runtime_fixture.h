// Runtimes for tests, simulated and real, with a Server and a Channel on them. Every test ends with nothing
// left on the loops and nothing logged as an error.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sluice/async/run_on.h"
#include "sluice/sluice.h"
#include "support/descriptors.h"

namespace sluice::support {

// Which Runtime a test runs on.
struct RuntimeParam {
  enum class Kind { kSimulated, kReal, kTwoThreads };
  Kind kind = Kind::kSimulated;
  std::uint64_t seed = 0;         // of a simulation
  std::string_view net = "pipe";  // what a test that asks for it listens on

  std::string name() const {
    switch (kind) {
      case Kind::kSimulated:
        return "Seed" + std::to_string(seed);
      case Kind::kReal:
        return net == "pipe" ? "Real" : net == "tcp" ? "RealTcp" : "RealUnix";
      case Kind::kTwoThreads:
        return "TwoThreads";
    }
    return "Unknown";
  }
};
inline void PrintTo(const RuntimeParam& param, std::ostream* out) { *out << param.name(); }
inline std::string name_of(const ::testing::TestParamInfo<RuntimeParam>& info) { return info.param.name(); }

inline constexpr RuntimeParam kSimulatedRuntimes[] = {{RuntimeParam::Kind::kSimulated, 1},
                                                      {RuntimeParam::Kind::kSimulated, 2},
                                                      {RuntimeParam::Kind::kSimulated, 3}};
inline constexpr RuntimeParam kRealRuntimes[] = {{RuntimeParam::Kind::kReal},
                                                 {RuntimeParam::Kind::kTwoThreads}};
inline constexpr RuntimeParam kAllRuntimes[] = {kSimulatedRuntimes[0], kSimulatedRuntimes[1],
                                                kSimulatedRuntimes[2], kRealRuntimes[0], kRealRuntimes[1]};

// What was logged. Thread: any.
class LogCollector {
 public:
  LogSink sink() {
    return [this](LogLevel level, std::string_view text) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(level, text);
    };
  }
  std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> found;
    for (const auto& [level, text] : lines_) found.push_back(text);
    return found;
  }
  std::vector<std::string> at(LogLevel level) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> found;
    for (const auto& [l, text] : lines_) {
      if (l == level) found.push_back(text);
    }
    return found;
  }

 private:
  mutable std::mutex mutex_;
  // Under mutex_.
  std::vector<std::pair<LogLevel, std::string>> lines_;
};

// What lives on the loops of `runtime`, each asked on its own loop, whoever leads it.
inline LiveCounts live_on_loops(Runtime& runtime) {
  LiveCounts sum;
  for (Loop* loop : runtime.loops()) {
    std::promise<LiveCounts> answer;
    std::future<LiveCounts> answered = answer.get_future();
    run_on(*loop, [loop, answer = std::move(answer)]() mutable { answer.set_value(loop->live()); });
    // A loop that has no thread and something queued needs somebody to lead it.
    while (runtime.threads_started() == 0 &&
           answered.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
      runtime.poll();
    sum += answered.get();
  }
  return sum;
}

// Lets what is ready run, and expects that nothing stays behind.
inline void expect_idle(Runtime& runtime) {
  LiveCounts live;
  // One loop's last work is another one's first; each round asks all of them, after what was posted before.
  for (int round = 0; round < 10'000; ++round) {
    while (runtime.threads_started() == 0 && runtime.poll() > 0) {
    }
    std::this_thread::yield();  // to a loop's own thread that shares the core
    live = live_on_loops(runtime);
    if (live.all_zero()) return;
  }
  ADD_FAILURE() << "something lives on: " << live.to_string();
}

// A Runtime of the kind asked for, which must be idle at the end of the test.
class RuntimeTest : public ::testing::TestWithParam<RuntimeParam> {
 protected:
  explicit RuntimeTest(std::size_t memory_budget = MemoryBudget::kDefault)
      : runtime_(options_of(GetParam(), log_, memory_budget)) {}
  ~RuntimeTest() override {
    expect_idle(runtime_);
    EXPECT_EQ(log_.at(LogLevel::kError), std::vector<std::string>());
  }

  Runtime& runtime() { return runtime_; }
  const LogCollector& log() const { return log_; }
  bool simulated() { return runtime_.simulation() != nullptr; }

 private:
  static RuntimeOptions options_of(const RuntimeParam& param, LogCollector& log, std::size_t memory_budget) {
    RuntimeOptions options;
    options.memory_budget = memory_budget;
    options.log = log.sink();
    if (param.kind == RuntimeParam::Kind::kSimulated) options.simulation_seed = param.seed;
    if (param.kind == RuntimeParam::Kind::kTwoThreads) options.threads = 2;
    return options;
  }
  ExpectNoNewDescriptors no_new_descriptors_;
  LogCollector log_;
  Runtime runtime_;
};

// `status` has this code and a message with `what` in it.
inline void expect_names(const Status& status, StatusCode code, std::string_view what) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_NE(status.message().find(what), std::string_view::npos) << status << " does not name " << what;
}

// A Server on `address` and a Channel to it.
//
// Lifetime: declared after the services and before the calls of a test, so that handlers end before what they
// use goes.
class Served {
 public:
  struct Options {
    std::string address = "pipe:served";
    ServerOptions server = {};
    ChannelOptions channel = {};
  };

  // `services`: what Server::register_service takes: generated services.
  template <class... Services>
  explicit Served(Runtime& runtime, Options options, Services&... services)
      : runtime_(runtime), server_(std::make_unique<Server>(runtime, options.server)) {
    (check(server_->register_service(services)), ...);
    begin(options);
  }
  // A descriptor and its object.
  Served(Runtime& runtime, Options options, const ServiceDesc& desc, void* object)
      : runtime_(runtime), server_(std::make_unique<Server>(runtime, options.server)) {
    check(server_->register_service(desc, object));
    begin(options);
  }

  Runtime& runtime() { return runtime_; }
  Server& server() { return *server_; }
  Channel& channel() { return channel_; }
  // Ends the server now; the channel stays.
  void end_server() { server_.reset(); }

 private:
  static void check(const Status& status) {
    if (!status.ok()) throw StatusError(status);
  }
  void begin(const Options& options) {
    check(server_->serve(runtime_.listen(options.address).value()));
    const bool port_is_open = options.address.ends_with(":0");
    const std::string address = port_is_open ? server_->addrs().at(0).to_string() : options.address;
    channel_ = dial(runtime_, address, options.channel).value();
  }
  Runtime& runtime_;
  std::unique_ptr<Server> server_;
  Channel channel_;
};

}  // namespace sluice::support
