// Ends of a server on several loops, of which one is held up: the others hear of it all the same.
#include <array>
#include <chrono>
#include <future>
#include <memory>
#include <string>

#include "lifecycle/lifecycle.h"

namespace sluice::lifecycle {
namespace {

// Three simulations whose loops are one host's. A loop moves only when the test runs it.
class ThreeSimulations final : public net::Host {
 public:
  std::span<Loop* const> loops() const override { return loops_; }
  net::Network* network(std::string_view) const override { return pipes_.get(); }
  Status no_network(std::string_view) const override { return Status(StatusCode::kUnimplemented, "pipes"); }

  Runtime& home() { return first_; }
  Runtime& held_up() { return second_; }
  Runtime& other() { return third_; }

 private:
  RuntimeOptions options(std::uint64_t seed) {
    return {.log = log_.sink(), .memory_network = pipes_, .simulation_seed = seed};
  }
  support::LogCollector log_;
  const std::shared_ptr<net::MemoryNetwork> pipes_ = std::make_shared<net::MemoryNetwork>();
  Runtime first_{options(1)}, second_{options(2)}, third_{options(3)};
  const std::array<Loop*, 3> loops_{&first_.loop(), &second_.loop(), &third_.loop()};
};

void run_all_that_is_ready(Runtime& runtime) {
  while (runtime.poll() > 0) {
  }
}

TEST(SeveralLoops, OneThatNobodyRunsKeepsNoOtherFromHearingOfAStop) {
  ThreeSimulations host;
  HeldService service(1, HeldService::When::kLetGoOrCancelled);
  Server server(host);
  ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
  ASSERT_EQ(server.serve(host.home().listen("pipe:several").value()), Status());
  const Channel channel = dial(host.other(), "pipe:several").value();
  const Chain request = bytes("m");
  Call<Chain> call = channel.invoke(kUnary, request).start();
  host.other().run(service.running.wait());

  Call<StopReport> stopping = server.stop(host.home().now() + 1ms).start();
  host.home().run([]() -> Task<void> { (void)co_await sleep(2ms, Context()); }());
  run_all_that_is_ready(host.other());
  EXPECT_EQ(service.cancelled, 1) << "the loop that nobody runs is asked before the other one";
  expect_names(call.get().status(), StatusCode::kUnavailable, "");

  run_all_that_is_ready(host.held_up());
  run_all_that_is_ready(host.other());
  const Result<StopReport> report = stopping.get();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->calls_cancelled, 1u);
  EXPECT_TRUE(report->still_running.empty());
}

// One handler keeps its thread until the other one, on another loop, has heard of the stop.
struct OneIsBusy final : RawService {
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    if (request.to_string() == "busy") {
      busy.count_down();
      heard = cancelled.get_future().wait_for(5s) == std::future_status::ready;
    } else {
      listening.count_down();
      (void)co_await sleep(24h, context.context());
      cancelled.set_value();
    }
    co_return Chain(request);
  }
  Latch busy, listening;
  std::promise<void> cancelled;
  std::atomic<bool> heard = false;
};

Channel dial_on(Runtime& runtime, Loop& loop) {
  std::promise<Channel> dialled;
  run_on(loop, [&] { dialled.set_value(dial(runtime, "pipe:several").value()); });
  return dialled.get_future().get();
}

TEST(SeveralLoops, OneThatIsBusyKeepsNoOtherFromHearingOfAStop) {
  Runtime runtime({.threads = 3});
  {
    OneIsBusy service;
    Server server(runtime);
    ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
    ASSERT_EQ(server.serve(runtime.listen("pipe:several").value()), Status());
    const Channel first = dial_on(runtime, *runtime.loops()[1]);
    const Channel second = dial_on(runtime, *runtime.loops()[2]);
    const Chain busy = bytes("busy"), listens = bytes("listens");
    Call<Chain> listening = second.invoke(kUnary, listens).start();
    runtime.run(service.listening.wait());
    Call<Chain> computing = first.invoke(kUnary, busy).start();
    runtime.run(service.busy.wait());
    const Result<StopReport> report = server.stop(runtime.now()).get();
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_TRUE(service.heard) << "the busy loop is asked before the other one";
    expect_names(listening.get().status(), StatusCode::kUnavailable, "");
    (void)computing.get();
  }
  support::expect_idle(runtime);
}

}  // namespace
}  // namespace sluice::lifecycle
