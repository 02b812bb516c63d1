// What a call hands on to the calls that are made for it: a deadline and a cancellation on the way there, a
// status on the way back. Client → A → B → C over pipes, each server asking the next.
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/row.h"

namespace sluice::e2e {
namespace {

using namespace support;

struct Param {
  support::RuntimeParam runtime;
  Kind kind;
};

std::string name_of_param(const ::testing::TestParamInfo<Param>& info) {
  return kind_name(info.param.kind) + info.param.runtime.name();
}
std::vector<Param> in_virtual_time() {
  std::vector<Param> all;
  for (const Kind kind : kKinds) {
    for (const support::RuntimeParam& runtime : support::kSimulatedRuntimes) all.push_back({runtime, kind});
  }
  return all;
}

class Propagation : public ::testing::TestWithParam<Param> {
 protected:
  ~Propagation() override {
    EXPECT_TRUE(scope_.empty());
    support::expect_idle(runtime_);
    EXPECT_EQ(log_.at(LogLevel::kError), std::vector<std::string>());
  }

  // Something that happens when so much time has passed.
  void at(Duration time, std::function<void()> what) {
    run_on(runtime_.loop(), [this, time, what = std::move(what)]() mutable {
      (void)scope_.spawn(later(time, std::move(what)));
    });
  }
  // Makes the call, and lets its end arrive everywhere; time stands still for that.
  Status call_through(Row& row, CallOptions options = {}) {
    begin_ = runtime_.now();
    Status status = runtime_.run(call(GetParam().kind, row.channel, options));
    took_ = runtime_.now() - begin_;
    while (runtime_.poll() > 0) {
    }
    return status;
  }
  // The handler was cancelled when so much time had passed, and has ended.
  void expect_cancelled(const Hop& hop, Duration time) {
    EXPECT_EQ(hop.begun, 1);
    EXPECT_EQ(hop.ended, 1);
    EXPECT_TRUE(hop.cancelled);
    EXPECT_EQ(hop.why.code(), StatusCode::kCancelled);
    EXPECT_EQ(hop.ended_at - begin_, time);
  }
  // It has ended by itself.
  void expect_ended(const Hop& hop, Duration time) {
    EXPECT_EQ(hop.begun, 1);
    EXPECT_EQ(hop.ended, 1);
    EXPECT_FALSE(hop.cancelled);
    EXPECT_EQ(hop.ended_at - begin_, time);
  }

  support::LogCollector log_;
  Runtime runtime_{{.log = log_.sink(), .simulation_seed = GetParam().runtime.seed}};
  TimePoint begin_{};
  Duration took_{};  // the call

 private:
  static Task<void> later(Duration time, std::function<void()> what) {
    (void)co_await sleep(time);
    what();
  }
  Scope scope_{runtime_.loop()};
};
INSTANTIATE_TEST_SUITE_P(InVirtualTime, Propagation, ::testing::ValuesIn(in_virtual_time()), name_of_param);

TEST_P(Propagation, DeadlineIsTheSameEverywhereAndEndsAll) {
  Row row(runtime_);
  row.hops[0].before = 2s;
  row.hops[1].before = 3s;
  EXPECT_EQ(call_through(row, {.timeout = 10s}).code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(took_, 10s);
  for (const Hop& hop : row.hops) {
    EXPECT_EQ(hop.deadline - begin_, 10s) << "what was left, however late it was asked";
    expect_cancelled(hop, 10s);
  }
}

// As a point in time, and of the context, it travels all the same.
TEST_P(Propagation, DeadlineOfAContextIsTheSameEverywhere) {
  Row row(runtime_);
  const Context context = Context().with_deadline(runtime_.now() + 5s);
  EXPECT_EQ(call_through(row, {.context = &context, .deadline = runtime_.now() + 7s}).code(),
            StatusCode::kDeadlineExceeded);
  EXPECT_EQ(took_, 5s);
  for (const Hop& hop : row.hops) {
    EXPECT_EQ(hop.deadline - begin_, 5s);
    expect_cancelled(hop, 5s);
  }
}

// A timeout travels as at most eight digits, rounded up once; who set it ends everything at its own time.
TEST_P(Propagation, DeadlineThatIsRoundedUpEndsAllAtItsOwnTime) {
  Row row(runtime_);
  EXPECT_EQ(call_through(row, {.timeout = 10s + 1ns}).code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(took_, 10s + 1ns);
  for (const Hop& hop : row.hops) {
    EXPECT_EQ(hop.deadline - begin_, 10s + 1us);
    expect_cancelled(hop, 10s + 1ns);
  }
}

TEST_P(Propagation, NoDeadlineIsNoneAnywhere) {
  Row row(runtime_);
  row.hops[2].lasts = 1h;
  EXPECT_EQ(call_through(row), Status());
  EXPECT_EQ(took_, 1h);
  for (const Hop& hop : row.hops) {
    EXPECT_EQ(hop.deadline, kNever);
    expect_ended(hop, 1h);
  }
}

TEST_P(Propagation, EarlierDeadlineOfTheMiddleCountsFromThereOn) {
  Row row(runtime_);
  row.hops[0].before = 1s;
  row.hops[0].timeout = 2s;
  EXPECT_EQ(call_through(row, {.timeout = 10s}).code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(took_, 3s);
  EXPECT_EQ(row.hops[0].deadline - begin_, 10s);
  EXPECT_EQ(row.hops[0].asked.code(), StatusCode::kDeadlineExceeded);
  expect_ended(row.hops[0], 3s);
  for (std::size_t i : {1, 2}) {
    EXPECT_EQ(row.hops[i].deadline - begin_, 3s);
    expect_cancelled(row.hops[i], 3s);
  }
}

TEST_P(Propagation, LaterDeadlineOfTheMiddleLengthensNothing) {
  Row row(runtime_);
  row.hops[0].timeout = row.hops[1].timeout = 1h;
  EXPECT_EQ(call_through(row, {.timeout = 4s}).code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(took_, 4s);
  for (const Hop& hop : row.hops) {
    EXPECT_EQ(hop.deadline - begin_, 4s);
    expect_cancelled(hop, 4s);
  }
}

TEST_P(Propagation, DeadlineThatHasPassedOnTheWayAsksNobody) {
  Row row(runtime_);
  row.hops[1].before = 4s;  // more than there is
  EXPECT_EQ(call_through(row, {.timeout = 4s}).code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(took_, 4s);
  EXPECT_EQ(row.hops[2].begun, 0);
  expect_cancelled(row.hops[0], 4s);
  expect_cancelled(row.hops[1], 4s);
}

TEST_P(Propagation, CancellationReachesTheLast) {
  Row row(runtime_);
  const Context context = Context().with_cancel();
  at(3s, [&] { context.cancel("the user left"); });
  EXPECT_EQ(call_through(row, {.context = &context, .timeout = 10s}),
            Status(StatusCode::kCancelled, "the user left"));
  EXPECT_EQ(took_, 3s);
  for (const Hop& hop : row.hops) expect_cancelled(hop, 3s);
  EXPECT_EQ(row.hops[0].asked.code(), StatusCode::kCancelled);
  EXPECT_EQ(row.hops[1].asked.code(), StatusCode::kCancelled);
}

// Passing the context on is the handler's decision.
TEST_P(Propagation, CallMadeWithoutTheContextGoesOn) {
  Row row(runtime_);
  row.hops[0].passes_context_on = false;
  row.hops[2].lasts = 5s;
  const Context context = Context().with_cancel();
  at(3s, [&] { context.cancel("the user left"); });
  EXPECT_EQ(call_through(row, {.context = &context, .timeout = 10s}).code(), StatusCode::kCancelled);
  EXPECT_EQ(took_, 3s);
  EXPECT_EQ(row.hops[0].ended, 0);
  row.end();
  expect_cancelled(row.hops[0], 5s);
  EXPECT_EQ(row.hops[0].asked, Status());
  for (std::size_t i : {1, 2}) {
    EXPECT_EQ(row.hops[i].deadline, kNever);
    expect_ended(row.hops[i], 5s);
  }
}

TEST_P(Propagation, FailureOfTheLastTravelsBackAsItIs) {
  Row row(runtime_);
  const Status failure(StatusCode::kNotFound, "no such thing: \xc3\xa4", "details\x01");
  row.hops[2].lasts = 1s;
  row.hops[2].answer = failure;
  EXPECT_EQ(call_through(row, {.timeout = 10s}), failure);
  EXPECT_EQ(took_, 1s);
  for (const Hop& hop : row.hops) {
    EXPECT_EQ(hop.asked, failure);
    expect_ended(hop, 1s);
  }
}

// Whoever stands behind it is cancelled, whoever stands in front of it fails.
TEST_P(Propagation, ServerThatClosesCutsTheRowInTwo) {
  for (std::size_t closing : {0, 1, 2}) {
    Row row(runtime_);
    at(2s, [&] { row.server(closing).close(); });
    EXPECT_EQ(call_through(row, {.timeout = 10s}).code(), StatusCode::kUnavailable);
    EXPECT_EQ(took_, 2s);
    for (std::size_t i = 0; i < 3; ++i) {
      if (i >= closing) {
        expect_cancelled(row.hops[i], 2s);
      } else {
        EXPECT_EQ(row.hops[i].asked.code(), StatusCode::kUnavailable);
        expect_ended(row.hops[i], 2s);
      }
    }
  }
}

TEST_P(Propagation, LostConnectionCutsTheRowInTwo) {
  Relay relay(runtime_, "pipe:relay", "pipe:b");
  Row row(runtime_, "pipe:relay");
  at(2s, [&] { relay.lose(); });
  EXPECT_EQ(call_through(row, {.timeout = 10s}).code(), StatusCode::kUnavailable);
  EXPECT_EQ(took_, 2s);
  EXPECT_EQ(row.hops[0].asked.code(), StatusCode::kUnavailable);
  expect_ended(row.hops[0], 2s);
  expect_cancelled(row.hops[1], 2s);
  expect_cancelled(row.hops[2], 2s);
}

// Every server in a Runtime of its own, with a thread of its own.
class PropagationAcrossLoops : public ::testing::TestWithParam<Kind> {
 protected:
  PropagationAcrossLoops() {
    for (auto& runtime : runtimes_)
      runtime = std::make_unique<Runtime>(RuntimeOptions{.threads = 1, .memory_network = pipes_});
  }
  ~PropagationAcrossLoops() override {
    for (const auto& runtime : runtimes_) support::expect_idle(*runtime);
  }
  Status call_through(Row& row, CallOptions options = {}) {
    return runtimes_[0]->run(call(GetParam(), row.channel, options));
  }
  std::array<Runtime*, 3> runtimes() const {
    return {runtimes_[0].get(), runtimes_[1].get(), runtimes_[2].get()};
  }

 private:
  const std::shared_ptr<net::MemoryNetwork> pipes_ = std::make_shared<net::MemoryNetwork>();
  std::array<std::unique_ptr<Runtime>, 3> runtimes_;
};
INSTANTIATE_TEST_SUITE_P(Real, PropagationAcrossLoops, ::testing::ValuesIn(kKinds),
                         [](const auto& kind) { return std::string(kind_name(kind.param)); });

// Runs when the last handler does.
class WhenLastRuns {
 public:
  WhenLastRuns(Row& row, std::function<void()> what)
      : thread_([&row, what = std::move(what)] {
          while (!row.last_runs.open()) std::this_thread::yield();
          what();
        }) {}
  ~WhenLastRuns() { thread_.join(); }

 private:
  std::thread thread_;
};

TEST_P(PropagationAcrossLoops, CancellationReachesTheLast) {
  Row row(runtimes());
  const Context context = Context().with_cancel();
  {
    const WhenLastRuns canceller(row, [&] { context.cancel("the user left"); });
    EXPECT_EQ(call_through(row, {.context = &context}), Status(StatusCode::kCancelled, "the user left"));
  }
  row.end();
  for (const Hop& hop : row.hops) {
    EXPECT_EQ(hop.begun, 1);
    EXPECT_EQ(hop.ended, 1);
    EXPECT_TRUE(hop.cancelled);
  }
}

TEST_P(PropagationAcrossLoops, FailureTravelsBackAsItIs) {
  Row row(runtimes());
  const Status failure(StatusCode::kNotFound, "no such thing", "details");
  row.hops[2].lasts = 0s;
  row.hops[2].answer = failure;
  EXPECT_EQ(call_through(row, {.timeout = 1h}), failure);
  row.end();
  for (const Hop& hop : row.hops) {
    EXPECT_EQ(hop.asked, failure);
    EXPECT_FALSE(hop.cancelled);
  }
}

TEST_P(PropagationAcrossLoops, ServerThatClosesCutsTheRowInTwo) {
  Row row(runtimes());
  {
    const WhenLastRuns closer(row, [&] { row.server(1).close(); });
    EXPECT_EQ(call_through(row).code(), StatusCode::kUnavailable);
  }
  row.end();
  EXPECT_EQ(row.hops[0].asked.code(), StatusCode::kUnavailable);
  EXPECT_FALSE(row.hops[0].cancelled);
  EXPECT_TRUE(row.hops[1].cancelled);
  EXPECT_TRUE(row.hops[2].cancelled);
}

// However far the call has come by then.
TEST_P(PropagationAcrossLoops, DeadlineEndsAll) {
  Row row(runtimes());
  EXPECT_EQ(call_through(row, {.timeout = 20ms}).code(), StatusCode::kDeadlineExceeded);
  row.end();
  for (const Hop& hop : row.hops) {
    EXPECT_EQ(hop.ended, hop.begun);
    EXPECT_EQ(hop.deadline == kNever, hop.begun == 0);
  }
  EXPECT_TRUE(row.hops[2].begun == 0 || row.hops[2].cancelled);
}

}  // namespace
}  // namespace sluice::e2e
