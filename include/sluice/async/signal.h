// Waiting for the process's signals in a coroutine: a server that stops at SIGTERM, a configuration that is
// read again at SIGHUP. A wait reads a descriptor of the kernel (signalfd) that its loop watches; there is no
// signal handler.
//
//     int main() {
//       sluice::Status blocked = sluice::block_signals({SIGINT, SIGTERM});  // before threads exist
//       sluice::Runtime runtime({.threads = 2});
//       ...
//       sluice::Result<int> signal = runtime.run(sluice::wait_signal({SIGINT, SIGTERM}));
//       sluice::Status unblocked = sluice::unblock_signals({SIGINT, SIGTERM});  // a second Ctrl-C kills
//       sluice::Result<sluice::StopReport> report = server.stop(runtime.now() + 10s).get();
//     }
//
// Blocking. A signal that some thread does not block goes to that thread and does what it always does, which
// is for most of them to end the process. So main blocks the signals first of all; threads that are made
// later inherit that. Only block_signals() and unblock_signals() change a mask. A blocked signal that nobody
// waits for stays pending, and the next wait takes it at once; of one kind one is kept (real-time signals
// queue). So a second Ctrl-C does nothing while SIGINT is blocked everywhere: unblock it in one thread, or
// wait for it again beside the stop and call _exit().
//
// Handlers. Nothing in sluice is async-signal-safe: a handler of the program's own must call no function of
// it.
//
// Children inherit the mask, through fork and exec, and many programs do not reset it: nothing stops them
// then but SIGKILL. posix_spawn resets it with POSIX_SPAWN_SETSIGMASK and posix_spawnattr_setsigmask();
// between fork and exec sigprocmask() does.
//
// One thread's signals. Those sent to one thread, by raise(), pthread_kill() or the kernel (SIGPIPE), are
// seen by a wait only while that very thread leads the wait's loop. Send with kill().
#pragma once

#include <concepts>
#include <csignal>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "sluice/async/context.h"
#include "sluice/async/task.h"
#include "sluice/base/status.h"

namespace sluice::inline v0 {

// Some signals: `{SIGINT, SIGTERM}`. Takes any number; the functions below say which are none.
class SignalSet {
 public:
  template <std::same_as<int>... Signal>
  constexpr SignalSet(Signal... signals) {
    (add(signals), ...);
  }
  constexpr void add(int signal) {
    if (signal >= 1 && signal <= 64) {
      bits_ |= std::uint64_t{1} << (signal - 1);
    } else if (!misfit_) {
      misfit_ = signal;
    }
  }
  constexpr bool contains(int signal) const {
    return signal >= 1 && signal <= 64 && (bits_ >> (signal - 1) & 1) != 0;
  }
  // Bit n - 1 is signal n.
  constexpr std::uint64_t bits() const { return bits_; }
  // The first number that cannot be a signal.
  constexpr std::optional<int> misfit() const { return misfit_; }

 private:
  std::uint64_t bits_ = 0;
  std::optional<int> misfit_;
};
static_assert(std::is_trivially_destructible_v<SignalSet>, "it is written in braces inside a co_await");

// Blocks `signals` in the calling thread and those that it makes from now on. Call it at the start of main.
// Errors: INVALID_ARGUMENT as of wait_signal(); the mask is then as it was.
Status block_signals(SignalSet signals);
// The opposite. In one thread is enough for a signal of the process to do what it always does, now if it is
// pending. Errors: the same.
Status unblock_signals(SignalSet signals);

// The number of one of `signals` that is pending or comes: `Result<int> s = co_await wait_signal({SIGINT});`.
// Of several that are pending, the lowest number. It is taken: the next wait gets another one.
//
// In a simulation it waits, in virtual time, for Simulation::raise_signal(), and no signal needs to be
// blocked; those of the process are not seen.
//
// Overlap: of the coroutines of one Runtime one may wait for a signal at a time; others are refused. Runtimes
// do not see each other's waits: of several that wait for the same signal one gets it, any of them.
//
// Cancel: `context`, cancelled or past its deadline. A wait that fails has taken no signal.
//
// Errors: INVALID_ARGUMENT: no signal is named, or one is no signal, cannot be blocked (SIGKILL, SIGSTOP),
// tells of a fault of the thread itself (SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP), or is the C
// library's own. FAILED_PRECONDITION: a signal is not blocked in the thread that leads the loop, or another
// coroutine waits for it. CANCELLED, DEADLINE_EXCEEDED: the context's. RESOURCE_EXHAUSTED: no descriptor is
// left. UNAVAILABLE: the kernel refuses to watch it.
Task<Result<int>> wait_signal(SignalSet signals, Context context = {});

}  // namespace sluice::inline v0
