// Runtimes with threads, and threads that share what runs on them.
#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "lifecycle/lifecycle.h"

namespace sluice::lifecycle {
namespace {

constexpr int kCallers = 8;

// Runs fn(i) on so many threads at once.
template <class Fn>
void on_threads(int n, Fn fn) {
  std::vector<std::thread> threads;
  for (int i = 0; i < n; ++i) threads.emplace_back([&fn, i] { fn(i); });
  for (std::thread& thread : threads) thread.join();
}

// Calls of all kinds; how many went wrong.
int count_wrong_replies(const Channel& channel, int caller, int rounds) {
  int wrong = 0;
  for (int i = 0; i < rounds; ++i) {
    const std::string text = std::to_string(caller) + "." + std::to_string(i);
    const Chain request = bytes(text);
    wrong += text_of(channel.invoke(kUnary, request).get()) != text;
    Call<Chain> first = channel.invoke(kUnary, request).start();
    Call<Chain> second = channel.invoke(kUnary, request).start();
    wrong += text_of(second.get()) != text;
    wrong += text_of(first.get()) != text;
    auto replies = reply_stream(channel, request);
    int n = 0;
    while (replies.read().get()) ++n;
    wrong += n != 3 || !replies.finish().get().ok();
    auto requests = request_stream(channel);
    wrong += !requests.write(request).get().ok();
    wrong += text_of(requests.finish().get()) != text;
    auto both = bidi(channel);
    Call<Read<Chain>> read = both.read().start();
    wrong += !both.write(request).get().ok();
    const Read<Chain> echo = read.get();
    wrong += !echo || echo->to_string() != text;
    wrong += !both.finish().get().ok();
  }
  return wrong;
}

class Threads : public ::testing::TestWithParam<unsigned> {
 protected:
  ~Threads() override {
    support::expect_idle(runtime_);
    EXPECT_EQ(log_.at(LogLevel::kError), std::vector<std::string>());
  }
  support::LogCollector log_;
  Runtime runtime_{{.threads = GetParam(), .log = log_.sink()}};
};
INSTANTIATE_TEST_SUITE_P(OfTheRuntime, Threads, ::testing::Values(0u, 1u, 2u, 4u),
                         ::testing::PrintToStringParamName());

TEST_P(Threads, ManyCallersShareAChannel) {
  RawService service;
  ServedRaw served(runtime_, service);
  std::atomic<int> wrong = 0;
  on_threads(kCallers, [&](int i) { wrong += count_wrong_replies(served.channel(), i, 20); });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(runtime_.threads_started(), GetParam());
}

// What is in a task's frame goes where the task ran, and not while another thread leads there.
TEST_P(Threads, TaskThatWasRunGoesOnItsLoop) {
  struct Probe {
    Probe(Loop& l, std::atomic<int>& g) : loop(&l), gone(g) {}
    Probe(Probe&& other) noexcept : loop(std::exchange(other.loop, nullptr)), gone(other.gone) {}
    ~Probe() {
      if (loop) gone += loop->leads();
    }
    Loop* loop;
    std::atomic<int>& gone;
  };
  struct Local {
    static Task<int> sleeper(Probe, Duration time) {
      (void)co_await sleep(time);
      co_return 1;
    }
    static Task<int> thrower(Probe) {
      (void)co_await sleep(1us);
      throw StatusError(Status(StatusCode::kAborted, "thrown"));
    }
  };
  std::atomic<int> gone = 0, ended = 0, thrown = 0;
  on_threads(kCallers, [&](int i) {
    for (int n = 0; n < 10; ++n) {
      ended += runtime_.run(Local::sleeper(Probe(runtime_.loop(), gone), i * 1us));
      try {
        (void)runtime_.run(Local::thrower(Probe(runtime_.loop(), gone)));
      } catch (const StatusError&) {
        ++thrown;
      }
    }
  });
  EXPECT_EQ(ended, 10 * kCallers);
  EXPECT_EQ(thrown, 10 * kCallers);
  EXPECT_EQ(gone, 20 * kCallers) << "wherever they went, that thread led the loop";
}

// As many callers as nobody has cores, each with one call at a time.
TEST_P(Threads, ManyMoreCallersThanCoresShareAChannel) {
  RawService service;
  ServedRaw served(runtime_, service);
  for (const int callers : {2, 32}) {
    std::atomic<int> right = 0;
    on_threads(callers, [&](int caller) {
      for (int i = 0; i < 100; ++i) {
        const Chain request = bytes(std::to_string(caller) + "." + std::to_string(i));
        right += text_of(served.unary(request).get()) == request.to_string();
      }
    });
    EXPECT_EQ(right, callers * 100);
  }
}

// A channel made by a handler runs on the handler's loop, with a server there: no other thread has a part in
// it.
TEST_P(Threads, AChannelLivesOnTheLoopThatDialsIt) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
      if (request.to_string() == "inner") {
        inside += inner->base().loop().leads();
        co_return Chain(request);
      }
      inner.emplace(dial(*runtime, "pipe:served").value());
      inside += inner->base().loop().leads();
      const Chain text = bytes("inner");
      co_return co_await inner->invoke(kUnary, text);
    }
    Runtime* runtime = nullptr;
    std::optional<Channel> inner;
    int inside = 0;
  } service;
  ServedRaw served(runtime_, service);
  service.runtime = &runtime_;
  const Chain request = bytes("outer");
  EXPECT_EQ(text_of(served.unary(request).get()), "inner");
  EXPECT_EQ(service.inside, 2);
  service.inner.reset();
}

// Whoever needs more than one loop's worth of calls to one target dials it several times.
TEST_P(Threads, ChannelsToOneTargetAreSpreadOverTheLoops) {
  RawService service;
  ServedRaw served(runtime_, service);
  std::mutex mutex;
  std::multiset<Loop*> homes;
  on_threads(4, [&](int) {
    const Channel channel = dial(runtime_, "pipe:served").value();
    const std::lock_guard lock(mutex);
    homes.insert(&channel.base().loop());
  });
  for (Loop* loop : runtime_.loops()) EXPECT_EQ(homes.count(loop), 4 / runtime_.loops().size());
}

TEST_P(Threads, ManyCallersMakeChannelsOfTheirOwn) {
  RawService service;
  ServedRaw served(runtime_, service);
  std::atomic<int> wrong = 0;
  on_threads(kCallers, [&](int i) {
    for (int round = 0; round < 3; ++round) {
      const Channel channel = dial(runtime_, "pipe:served").value();
      wrong += count_wrong_replies(channel, i, 3);
    }
  });
  EXPECT_EQ(wrong, 0);
}

// Whoever calls while servers come and go has a reply or UNAVAILABLE.
TEST_P(Threads, ServersAreDrainedUnderTheirCallers) {
  RawService service;
  const BackoffOptions backoff{.initial = 1us, .jitter = 0, .max = 1us};
  const Channel channel = dial(runtime_, "pipe:changing", {.backoff = backoff}).value();
  std::atomic<bool> over = false;
  std::atomic<int> replies = 0;
  std::thread servers([&] {
    for (int i = 0; i < 10; ++i) {
      Server server(runtime_);
      EXPECT_EQ(server.register_service(RawService::desc(), &service), Status());
      Result<std::unique_ptr<net::Listener>> listener = runtime_.listen("pipe:changing");
      ASSERT_TRUE(listener.ok()) << listener.status();
      EXPECT_EQ(server.serve(std::move(*listener)), Status());
      const int before = replies;
      while (replies < before + 20) std::this_thread::yield();
      if (i % 2 == 0) {
        EXPECT_EQ(server.drain().get(), Status());
      } else {
        const Result<StopReport> report = server.stop(runtime_.now() + 1h).get();
        EXPECT_TRUE(report.ok() && report->still_running.empty());
      }
    }
    over = true;
  });
  on_threads(4, [&](int) {
    const Chain request = bytes("m");
    while (!over) {
      const Result<Chain> reply = channel.invoke(kUnary, request).get();
      if (reply.ok()) {
        ++replies;
      } else {
        EXPECT_EQ(reply.status().code(), StatusCode::kUnavailable) << reply.status();
      }
    }
  });
  servers.join();
}

TEST_P(Threads, ChannelsAreClosedUnderTheirCallers) {
  RawService service;
  ServedRaw served(runtime_, service);
  for (int round = 0; round < 10; ++round) {
    Channel channel = dial(runtime_, "pipe:served").value();
    std::atomic<int> replies = 0;
    std::thread closer([&] {
      while (replies < 10) std::this_thread::yield();
      channel.close();
    });
    on_threads(4, [&](int) {
      const Chain request = bytes("m");
      for (;;) {
        auto stream = bidi(channel);
        if (stream.write(request).get().ok() && stream.read().get()) ++replies;
        const Result<Chain> reply = channel.invoke(kUnary, request).get();
        replies += reply.ok();
        if (reply.ok()) continue;
        expect_names(reply.status(), StatusCode::kCancelled, "channel is closed");
        break;
      }
    });
    closer.join();
  }
}

TEST_P(Threads, BlockingWorkMayCall) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
      if (request.to_string() == "inner") co_return Chain(request);
      std::string got = co_await runtime->run_blocking([this] {
        const Chain inner = bytes("inner");
        return text_of(channel.invoke(kUnary, inner).get());
      });
      co_return bytes(got);
    }
    Runtime* runtime = nullptr;
    Channel channel;
  } service;
  {
    ServedRaw served(runtime_, service);
    service.runtime = &runtime_;
    service.channel = served.channel();
    std::atomic<int> right = 0;
    on_threads(kCallers, [&](int) {
      const Chain request = bytes("outer");
      for (int i = 0; i < 10; ++i) right += text_of(served.unary(request).get()) == "inner";
    });
    EXPECT_EQ(right, kCallers * 10);
    EXPECT_GE(runtime_.threads_started(), GetParam() + 1);
    EXPECT_LE(runtime_.threads_started(), GetParam() + 4);
    service.channel = Channel();
  }
}

TEST_P(Threads, CallsThatAreStartedAndDroppedRaceWithThoseThatAreGot) {
  RawService service;
  ServedRaw served(runtime_, service);
  std::atomic<int> wrong = 0;
  on_threads(kCallers, [&](int caller) {
    const Chain request = bytes("m");
    for (int i = 0; i < 50; ++i) {
      Call<Chain> dropped = served.unary(request).start();
      Call<Chain> cancelled = served.unary(request).start();
      auto stream = served.bidi();
      if (caller % 2 == 0) (void)stream.write(request).get();
      wrong += text_of(served.unary(request).get()) != "m";
      cancelled.cancel();
      const StatusCode code = cancelled.get().status().code();
      wrong += code != StatusCode::kOk && code != StatusCode::kCancelled;
    }
  });
  EXPECT_EQ(wrong, 0);
}

// Two Runtimes, two threads, one network: neither knows of the other's loops.
class RuntimePairs : public ::testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(OfTheServer, RuntimePairs, ::testing::Values(1u, 2u),
                         ::testing::PrintToStringParamName());

TEST_P(RuntimePairs, MeetOverOneMemoryNetwork) {
  auto network = std::make_shared<net::MemoryNetwork>();
  support::LogCollector log;
  RawService service;
  Runtime server_side({.threads = GetParam(), .log = log.sink(), .memory_network = network});
  Runtime client_side({.log = log.sink(), .memory_network = network});
  {
    std::optional<Server> server(std::in_place, server_side);
    ASSERT_EQ(server->register_service(RawService::desc(), &service), Status());
    ASSERT_EQ(server->serve(server_side.listen("pipe:meet").value()), Status());
    expect_names(client_side.listen("pipe:meet").status(), StatusCode::kAlreadyExists, "pipe:meet");
    const Channel channel = dial(client_side, "pipe:meet").value();
    EXPECT_EQ(count_wrong_replies(channel, 0, 20), 0);
    const Chain large = support::pattern(3 << 20);
    const Result<Chain> reply = channel.invoke(kUnary, large).get();
    EXPECT_TRUE(reply.ok() && reply->to_string() == large.to_string());
    // The client's loop has no thread: it takes part in the drain while somebody calls.
    std::thread stopper([&] {
      const Result<StopReport> report = server->stop(server_side.now() + 1h).get();
      EXPECT_TRUE(report.ok() && report->still_running.empty());
    });
    const Chain request = bytes("m");
    Status status;
    while (status.ok()) status = channel.invoke(kUnary, request).get().status();
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
    while (client_side.live().sessions > 0) client_side.poll();
    stopper.join();
    server.reset();
  }
  support::expect_idle(client_side);
  support::expect_idle(server_side);
  EXPECT_EQ(log.at(LogLevel::kError), std::vector<std::string>());
}

// Callers on many threads, all of whose calls cross from loop to loop; with and without a thread of the
// client's own.
TEST_P(RuntimePairs, ManyCallersShareAChannel) {
  for (const unsigned threads : {0u, 1u}) {
    auto network = std::make_shared<net::MemoryNetwork>();
    RawService service;
    Runtime server_side({.threads = GetParam(), .spin = threads * 100us, .memory_network = network});
    Runtime client_side({.threads = threads, .spin = threads * 100us, .memory_network = network});
    {
      Server server(server_side);
      ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
      ASSERT_EQ(server.serve(server_side.listen("pipe:meet").value()), Status());
      const Channel channel = dial(client_side, "pipe:meet").value();
      std::atomic<int> wrong = 0;
      on_threads(kCallers, [&](int i) { wrong += count_wrong_replies(channel, i, 5); });
      EXPECT_EQ(wrong, 0);
    }
    while (support::live_on_loops(client_side).sessions > 0) client_side.poll();
    support::expect_idle(client_side);
    support::expect_idle(server_side);
  }
}

// A caller on each side, whose calls the other side serves: its own thread while nobody calls there, else the
// caller.
TEST(TwoRuntimesThatCallEachOther, BothHaveTheirReplies) {
  for (const unsigned threads : {0u, 1u, 2u}) {
    struct Side {
      Side(const std::shared_ptr<net::MemoryNetwork>& network, unsigned n, const std::string& addr)
          : runtime({.threads = n, .memory_network = network}), server(runtime) {
        EXPECT_EQ(server.register_service(RawService::desc(), &service), Status());
        EXPECT_EQ(server.serve(runtime.listen(addr).value()), Status());
      }
      RawService service;
      Runtime runtime;
      Server server;
    };
    auto network = std::make_shared<net::MemoryNetwork>();
    Side left(network, threads, "pipe:left"), right(network, threads, "pipe:right");
    const Channel to_right = dial(left.runtime, "pipe:right").value();
    const Channel to_left = dial(right.runtime, "pipe:left").value();
    std::atomic<int> calling = 2;
    on_threads(2, [&](int i) {
      EXPECT_EQ(count_wrong_replies(i == 0 ? to_right : to_left, i, 20), 0);
      --calling;
      // Without threads of their own, whoever is done first goes on to serve.
      while (calling > 0) (i == 0 ? left : right).runtime.poll();
    });
  }
}

TEST_P(RuntimePairs, ServerThatClosesEndsTheOthersCalls) {
  auto network = std::make_shared<net::MemoryNetwork>();
  HeldService service(2, HeldService::When::kLetGoOrCancelled);
  Runtime server_side({.threads = GetParam(), .memory_network = network});
  Runtime client_side({.memory_network = network});
  {
    std::optional<Server> server(std::in_place, server_side);
    ASSERT_EQ(server->register_service(RawService::desc(), &service), Status());
    ASSERT_EQ(server->serve(server_side.listen("pipe:meet").value()), Status());
    const Channel channel = dial(client_side, "pipe:meet").value();
    const Chain request = bytes("m");
    Call<Chain> unary = channel.invoke(kUnary, request).start();
    auto stream = bidi(channel);
    // The client's loop has no thread: somebody has to run it until the calls have left.
    Call<Status> written = stream.write(request).start();
    EXPECT_EQ(written.get(), Status());
    std::thread closer([&] {
      server_side.run(service.running.wait());
      server.reset();
    });
    expect_names(unary.get().status(), StatusCode::kUnavailable, "");
    expect_names(stream.finish().get(), StatusCode::kUnavailable, "");
    closer.join();
    EXPECT_EQ(service.cancelled, 2);
  }
  support::expect_idle(client_side);
  support::expect_idle(server_side);
}

// The client side goes, Runtime and all, while the server's handlers run.
TEST_P(RuntimePairs, ClientThatGoesCancelsTheOthersHandlers) {
  auto network = std::make_shared<net::MemoryNetwork>();
  HeldService service(1, HeldService::When::kLetGoOrCancelled);
  Runtime server_side({.threads = GetParam(), .memory_network = network});
  {
    Server server(server_side);
    ASSERT_EQ(server.register_service(RawService::desc(), &service), Status());
    ASSERT_EQ(server.serve(server_side.listen("pipe:meet").value()), Status());
    {
      Runtime client_side({.threads = 1, .memory_network = network});
      const Channel channel = dial(client_side, "pipe:meet").value();
      const Chain request = bytes("m");
      Call<Chain> call = channel.invoke(kUnary, request).start();
      server_side.run(service.running.wait());
    }
    EXPECT_EQ(server.drain().get(), Status());
    EXPECT_EQ(service.cancelled, 1);
  }
  support::expect_idle(server_side);
}

}  // namespace
}  // namespace sluice::lifecycle
