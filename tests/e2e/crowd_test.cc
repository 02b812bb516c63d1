// Many calls at once, and runs that repeat: what a simulation's seed decides.
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "sluice/async/scope.h"
#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

class Crowd : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, Crowd, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

// Notes how many handlers run at once; none ends before `wanted` have, or an end of patience.
class Counting final : public RawService {
 public:
  explicit Counting(int wanted = 1) : wanted_(wanted) {}
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    const int now = ++running;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    Status status = co_await sleep(1ms, context.context());
    for (int i = 0; i < 5'000 && most < wanted_ && status.ok(); ++i)
      status = co_await sleep(1ms, context.context());
    --running;
    if (!status.ok()) co_return status;
    co_return Chain(request);
  }
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;

 private:
  const int wanted_;
};

TEST_P(Crowd, ThousandCallsAtOnceTakeTheirTurns) {
  Counting service(50);
  ServedRaw served(runtime(), service, {.server = {.max_concurrent_streams = 100}});
  std::vector<Call<Chain>> calls;
  for (int i = 0; i < 1'000; ++i) calls.push_back(served.unary(bytes(std::to_string(i))).start());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    ASSERT_EQ(text_of(calls[i].get()), std::to_string(i));
  }
  EXPECT_LE(service.most, 100);
  EXPECT_GE(service.most, 50) << "they do run at once";
}

TEST_P(Crowd, CallsThatWaitForTheirTurnAreCancelledThere) {
  Counting service;
  ServedRaw served(runtime(), service, {.server = {.max_concurrent_streams = 1}});
  std::vector<Call<Chain>> calls;
  for (int i = 0; i < 20; ++i) calls.push_back(served.unary(bytes(std::to_string(i))).start());
  for (std::size_t i = 1; i < calls.size(); i += 2) calls[i].cancel();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Result<Chain> reply = calls[i].get();
    if (i % 2 == 0) {
      EXPECT_EQ(text_of(reply), std::to_string(i));
    } else {
      EXPECT_TRUE(reply.ok() || reply.status().code() == StatusCode::kCancelled) << reply.status();
    }
  }
}

Task<void> one_stream(ServedRaw& served, int id, int& right) {
  auto stream = served.bidi();
  bool good = true;
  for (int i = 0; i < 10; ++i) {
    const Chain message = bytes(std::to_string(id) + "/" + std::to_string(i));
    const Status written = co_await stream.write(message);
    const Read<Chain> echo = co_await stream.read();
    good = good && written.ok() && echo && echo->to_string() == message.to_string();
  }
  const Status status = co_await stream.finish();
  right += good && status.ok();
}

Task<int> many_streams(ServedRaw& served, int count) {
  Loop& loop = co_await this_loop();
  Scope scope(loop);
  int right = 0;
  for (int i = 0; i < count; ++i) (void)scope.spawn(one_stream(served, i, right));
  co_await scope.join();
  co_return right;
}

TEST_P(Crowd, StreamsSideBySideKeepTheirMessagesApart) {
  RawService service;
  ServedRaw served(runtime(), service);
  EXPECT_EQ(runtime().run(many_streams(served, 250)), 250);
}

// A bit of everything: each task ends with the status it expects, whatever the order.
class Mixed final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    const std::string text = request.to_string();
    if (text == "fail") co_return Status(StatusCode::kNotFound, "asked to");
    if (text == "slow") {
      const Status status = co_await sleep(1h, context.context());
      co_return status;
    }
    const Status status = co_await sleep(std::chrono::microseconds(context.loop().random() % 100));
    if (!status.ok()) co_return status;
    co_return Chain(request);
  }
};

struct Outcome {
  std::uint64_t trace = 0;
  std::vector<std::string> unexpected;
  LiveCounts left;
};

struct Scenario {
  ServedRaw& served;
  std::vector<std::string> unexpected;

  void expect(const char* what, StatusCode got, StatusCode expected) {
    if (got != expected) unexpected.push_back(std::string(what) + ": " + to_string(got));
  }
  Task<void> unary(const char* text, StatusCode expected, Duration timeout) {
    const Chain request = bytes(text);
    const Result<Chain> reply = co_await served.unary(request, {.timeout = timeout});
    expect(text, reply.status().code(), expected);
  }
  Task<void> cancelled() {
    const Chain request = bytes("slow");
    const Context context = Context().with_cancel();
    Call<Chain> call = served.unary(request, {.context = &context}).start();
    const Status slept = co_await sleep(50us);
    expect("sleep", slept.code(), StatusCode::kOk);
    context.cancel();
    const Result<Chain> reply = co_await call;
    expect("cancelled", reply.status().code(), StatusCode::kCancelled);
  }
  Task<void> streamed() {
    auto stream = served.bidi();
    Chain message;
    for (int i = 0; i < 5; ++i) {
      const Chain request = pattern(static_cast<std::size_t>(1) << (4 * i));
      const Status written = co_await stream.write(request);
      expect("write", written.code(), StatusCode::kOk);
      const bool read = co_await stream.read_into(message);
      if (!read || message.size() != request.size()) unexpected.push_back("read");
    }
    const Status status = co_await stream.finish();
    expect("streamed", status.code(), StatusCode::kOk);
  }
  Task<void> dropped() {
    auto stream = served.reply_stream(bytes("m"));
    const Read<Chain> first = co_await stream.read();
    if (!first) unexpected.push_back("dropped");
  }
  Task<void> run() {
    Loop& loop = co_await this_loop();
    Scope scope(loop);
    for (int i = 0; i < 4; ++i) {
      (void)scope.spawn(unary("fine", StatusCode::kOk, kNoTimeout));
      (void)scope.spawn(unary("fail", StatusCode::kNotFound, 1s));
      (void)scope.spawn(unary("slow", StatusCode::kDeadlineExceeded, 1ms));
      (void)scope.spawn(cancelled());
      (void)scope.spawn(streamed());
      (void)scope.spawn(dropped());
    }
    co_await scope.join();
  }
};

Outcome run_mixed(std::uint64_t seed) {
  Outcome outcome;
  Runtime runtime({.simulation_seed = seed});
  {
    Mixed service;
    ServedRaw served(runtime, service, {.server = {.max_concurrent_streams = 7}});
    Scenario scenario{served, {}};
    runtime.run(scenario.run());
    outcome.unexpected = scenario.unexpected;
  }
  while (runtime.poll() > 0) {
  }
  outcome.left = runtime.live();
  outcome.trace = runtime.simulation()->trace();
  return outcome;
}

TEST(SimulatedCalls, SameSeedGivesTheSameRun) {
  for (const std::uint64_t seed : {1u, 42u, 77u}) {
    const Outcome first = run_mixed(seed), second = run_mixed(seed);
    EXPECT_EQ(first.trace, second.trace);
    EXPECT_NE(first.trace, 0u);
  }
}

TEST(SimulatedCalls, ManySeedsGiveManyRunsThatAllEndAsExpected) {
  std::set<std::uint64_t> traces;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Outcome outcome = run_mixed(seed);
    EXPECT_EQ(outcome.unexpected, std::vector<std::string>()) << "seed " << seed;
    EXPECT_TRUE(outcome.left.all_zero()) << "seed " << seed << ": " << outcome.left.to_string();
    traces.insert(outcome.trace);
  }
  EXPECT_GE(traces.size(), 180u);
}

}  // namespace
}  // namespace sluice::e2e
