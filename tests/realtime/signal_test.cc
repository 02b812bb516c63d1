// Signals of this process, waited for by Runtimes without and with threads.
#include <gtest/gtest.h>

#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "sluice/async/run_on.h"
#include "sluice/async/signal.h"
#include "sluice/runtime/runtime.h"

namespace sluice::realtime {
namespace {

using namespace std::chrono_literals;

constexpr SignalSet kUsed{SIGINT, SIGUSR1, SIGUSR2};

void send(int signal) { ASSERT_EQ(::kill(::getpid(), signal), 0); }

// The test's thread blocks signals as main would: no other thread of the process is there yet.
class Blocking {
 public:
  Blocking() { EXPECT_EQ(block_signals(kUsed), Status()); }
  ~Blocking() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGUSR1, SIGUSR2}) sigaddset(&set, signal);
    const timespec now{};
    while (::sigtimedwait(&set, nullptr, &now) > 0) {
    }
    EXPECT_EQ(unblock_signals(kUsed), Status());
  }
};

class Signals : public ::testing::TestWithParam<unsigned> {
 protected:
  // Of one of `signals` within ten seconds, which is for machines that are busy with others; 0 if there is
  // none.
  int wait(SignalSet signals, Duration limit = 10s) {
    const Result<int> signal =
        runtime.run(wait_signal(signals, Context().with_deadline(runtime.now() + limit)));
    if (!signal.ok()) {
      EXPECT_EQ(signal.status().code(), StatusCode::kDeadlineExceeded) << signal.status();
    }
    return signal.ok() ? *signal : 0;
  }
  // On a thread of its own, when the wait has long begun.
  template <class Fn>
  std::thread soon(Fn fn) {
    return std::thread([fn] {
      std::this_thread::sleep_for(20ms);
      fn();
    });
  }
  Blocking blocking;
  Runtime runtime{{.threads = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(On, Signals, ::testing::Values(0u, 2u),
                         [](const auto& info) { return info.param == 0 ? "NoThread" : "TwoThreads"; });

TEST_P(Signals, EndAWaitWhenTheyCome) {
  for (const int signal : {SIGUSR1, SIGUSR2}) {
    std::thread sender = soon([signal] { send(signal); });
    EXPECT_EQ(wait({SIGUSR1, SIGUSR2}), signal);
    sender.join();
  }
}

// Where the Runtime has threads, its own thread waits; otherwise poll() looks.
TEST_P(Signals, EndAWaitThatNoRunWaitsFor) {
  // Also takes the result where the coroutine belongs.
  struct Waiting : Runnable {
    Waiting() : Runnable(&end) {}
    static void end(Runnable& self) noexcept {
      auto& waiting = static_cast<Waiting&>(self);
      const Result<int> signal = Task(std::move(waiting.task)).take();
      EXPECT_TRUE(signal.ok() && *signal == SIGUSR2) << signal.status();
      waiting.ended = true;
    }
    Task<Result<int>> task = wait_signal({SIGUSR1, SIGUSR2});
    std::atomic<bool> ended{false};
  } waiting;
  run_on(runtime.loop(), [&] { EXPECT_FALSE(waiting.task.start(runtime.loop(), waiting)); });
  std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(waiting.ended);
  send(SIGUSR2);
  for (int i = 0; i < 10'000 && !waiting.ended; ++i) {
    std::this_thread::sleep_for(1ms);
    if (GetParam() == 0) runtime.poll();
  }
  ASSERT_TRUE(waiting.ended);
}

TEST_P(Signals, ThatCameBeforeTheWaitAreTakenOnceTheLowestFirst) {
  for (const int signal : {SIGUSR2, SIGUSR1, SIGUSR2}) send(signal);
  EXPECT_EQ(wait({SIGUSR1, SIGUSR2}), SIGUSR1);
  EXPECT_EQ(wait({SIGUSR1, SIGUSR2}), SIGUSR2);
  EXPECT_EQ(wait({SIGUSR1, SIGUSR2}, 5ms), 0);
}

TEST_P(Signals, ThatWereTakenOnceDoNotKillTheSecondTime) {
  send(SIGINT);
  EXPECT_EQ(wait(SIGINT), SIGINT);
  send(SIGINT);
  EXPECT_EQ(wait(SIGUSR1, 5ms), 0);
  EXPECT_EQ(wait(SIGINT), SIGINT);
}

TEST_P(Signals, StayPendingForTheNextWaitWhenOneIsCancelled) {
  const Context context = Context().with_cancel();
  std::thread canceller = soon([context] { context.cancel("enough"); });
  EXPECT_EQ(runtime.run(wait_signal(SIGUSR1, context)).status(), Status(StatusCode::kCancelled, "enough"));
  canceller.join();
  send(SIGUSR1);
  EXPECT_EQ(runtime.run(wait_signal(SIGUSR1, context)).status().code(), StatusCode::kCancelled);
  EXPECT_EQ(wait(SIGUSR1), SIGUSR1);
}

TEST_P(Signals, OrCancellationEndAWaitWhenBothComeAtOnce) {
  for (int i = 0; i < 100; ++i) {
    const Context context = Context().with_cancel();
    std::thread canceller([context] { context.cancel("enough"); });
    std::thread sender([] { send(SIGUSR1); });
    const Result<int> signal = runtime.run(wait_signal(SIGUSR1, context));
    canceller.join();
    sender.join();
    if (signal.ok()) continue;
    EXPECT_EQ(signal.status().code(), StatusCode::kCancelled);
    EXPECT_EQ(wait(SIGUSR1), SIGUSR1) << "it was not lost";
  }
}

TEST_P(Signals, ThatAreNotBlockedAreRefused) {
  EXPECT_EQ(unblock_signals(SIGUSR2), Status());
  const Status status = runtime.run(wait_signal({SIGUSR1, SIGUSR2})).status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("SIGUSR2 is not blocked"), std::string::npos) << status;
}

TEST_P(Signals, CannotBeReadWithoutADescriptor) {
  EXPECT_EQ(wait(SIGUSR1, 1ms), 0);  // the loop has its own descriptors now
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const Status status = runtime.run(wait_signal(SIGUSR1)).status();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
}

// One descriptor takes it; the other goes on waiting.
TEST_P(Signals, GoToOneOfTwoRuntimes) {
  Runtime other({.threads = GetParam()});
  std::atomic<int> ended{0};
  const auto wait_on = [&ended](Runtime& waiting) {
    const Result<int> signal = waiting.run(wait_signal(SIGUSR1));
    EXPECT_TRUE(signal.ok() && *signal == SIGUSR1) << signal.status();
    ++ended;
  };
  std::thread a([&] { wait_on(runtime); });
  std::thread b([&] { wait_on(other); });
  std::this_thread::sleep_for(20ms);
  for (int sent = 1; sent <= 2; ++sent) {
    send(SIGUSR1);
    for (int i = 0; i < 10'000 && ended < sent; ++i) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(5ms);
    EXPECT_EQ(ended, sent);
  }
  a.join();
  b.join();
}

// The shell kills its parent, then itself, which works as its mask was reset.
TEST_P(Signals, AreOfNoConcernToAChildWhoseMaskIsReset) {
  posix_spawnattr_t attributes;
  ASSERT_EQ(::posix_spawnattr_init(&attributes), 0);
  sigset_t none;
  sigemptyset(&none);
  ASSERT_EQ(::posix_spawnattr_setsigmask(&attributes, &none), 0);
  ASSERT_EQ(::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK), 0);
  std::string shell = "sh", option = "-c", script = "kill -USR1 $PPID; kill -USR1 $$; exit 3";
  char* const arguments[] = {shell.data(), option.data(), script.data(), nullptr};
  char* const environment[] = {nullptr};
  pid_t child = 0;
  ASSERT_EQ(::posix_spawn(&child, "/bin/sh", nullptr, &attributes, arguments, environment), 0);
  ::posix_spawnattr_destroy(&attributes);
  EXPECT_EQ(wait({SIGUSR1, SIGUSR2}), SIGUSR1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1) << status;
}

// In a child process.
TEST(SignalsDeathTest, KillTheSecondTimeOnceTheyAreUnblocked) {
  EXPECT_EXIT(
      {
        if (!block_signals(SIGINT).ok()) ::_exit(1);
        Runtime runtime;
        ::kill(::getpid(), SIGINT);
        if (!runtime.run(wait_signal(SIGINT)).ok()) ::_exit(2);
        if (!unblock_signals(SIGINT).ok()) ::_exit(3);
        ::kill(::getpid(), SIGINT);
        ::_exit(4);
      },
      ::testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace sluice::realtime
