// Signals: the mask, the descriptor that reads them, and the wait, in which a signal, the context's
// cancellation and its deadline race.
#include "sluice/async/signal.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "sluice/async/simulation.h"

namespace sluice::inline v0 {
namespace {

constexpr SignalSet kUnblockable{SIGKILL, SIGSTOP};
// Those of a thread's own instruction end the process although they are blocked.
constexpr SignalSet kFaults{SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};

std::string name_of(int signal) {
  if (const char* name = ::sigabbrev_np(signal)) return std::string("SIG") + name;
  if (signal >= SIGRTMIN && signal <= SIGRTMAX) return "SIGRTMIN+" + std::to_string(signal - SIGRTMIN);
  return std::to_string(signal);
}

int lowest(std::uint64_t bits) { return std::countr_zero(bits) + 1; }

std::string names_of(std::uint64_t bits) {
  std::string names;
  for (; bits != 0; bits &= bits - 1) names += (names.empty() ? "" : ", ") + name_of(lowest(bits));
  return names;
}

Status refused(std::string text) { return Status(StatusCode::kInvalidArgument, std::move(text)); }

Status check(SignalSet signals) {
  if (signals.misfit()) return refused(std::to_string(*signals.misfit()) + " is no signal");
  if (signals.bits() == 0) return refused("no signal is named");
  if (const std::uint64_t found = signals.bits() & kUnblockable.bits()) {
    return refused(name_of(lowest(found)) + " cannot be blocked, and so not be waited for");
  }
  if (const std::uint64_t found = signals.bits() & kFaults.bits()) {
    return refused(name_of(lowest(found)) +
                   " tells of a fault of the thread itself, and cannot be waited for");
  }
  for (int signal = SIGSYS + 1; signal < SIGRTMIN; ++signal) {
    if (signals.contains(signal)) return refused("signal " + name_of(signal) + " is the C library's own");
  }
  return {};
}

// REQUIRES: check() is OK.
sigset_t to_sigset(SignalSet signals) {
  sigset_t set;
  sigemptyset(&set);
  for (std::uint64_t bits = signals.bits(); bits != 0; bits &= bits - 1) sigaddset(&set, lowest(bits));
  return set;
}

Status change_mask(int how, SignalSet signals) {
  if (Status status = check(signals); !status.ok()) return status;
  const sigset_t set = to_sigset(signals);
  const int error = pthread_sigmask(how, &set, nullptr);
  return error == 0 ? Status()
                    : Status(StatusCode::kInternal, std::string("pthread_sigmask: ") + std::strerror(error));
}

Status check_blocked(SignalSet signals) {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  for (std::uint64_t bits = signals.bits(); bits != 0; bits &= bits - 1) {
    if (sigismember(&mask, lowest(bits)) == 1) continue;
    return Status(StatusCode::kFailedPrecondition,
                  name_of(lowest(bits)) +
                      " is not blocked in the thread that waits for it: call block_signals() at the start of "
                      "main, before the Runtime is made");
  }
  return {};
}

// Claims signals for as long as it lives.
class Claim {
 public:
  Claim(detail::AwaitedSignals& awaited, SignalSet signals)
      : awaited_(awaited), signals_(signals.bits()), taken_(awaited.try_claim(signals_)) {}
  ~Claim() {
    if (taken_ == 0) awaited_.release(signals_);
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  Status status() const {
    if (taken_ == 0) return {};
    return Status(StatusCode::kFailedPrecondition,
                  "another coroutine of this Runtime waits for " + names_of(taken_) + " already");
  }

 private:
  detail::AwaitedSignals& awaited_;
  const std::uint64_t signals_;
  const std::uint64_t taken_;
};

// A descriptor that reads signals, unless it is of a simulation.
class SignalFd {
 public:
  SignalFd() = default;
  ~SignalFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  SignalFd(const SignalFd&) = delete;
  SignalFd& operator=(const SignalFd&) = delete;

  Status open(SignalSet signals) {
    const sigset_t set = to_sigset(signals);
    fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd_ >= 0) return {};
    const bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
    return Status(exhausted ? StatusCode::kResourceExhausted : StatusCode::kUnavailable,
                  std::string("signalfd: ") + std::strerror(errno));
  }
  int get() const { return fd_; }
  // 0: none is pending, or another reader was faster.
  int take() const {
    signalfd_siginfo info;
    return ::read(fd_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  int fd_ = -1;
};

class SignalWait final : FdWatch, detail::RaisedSignals::Wait, detail::StuckReporter, Timer {
 public:
  SignalWait(SignalSet signals, const SignalFd& fd, const Context& context)
      : FdWatch(fd.get(), EPOLLIN),
        Wait(signals.bits()),
        Timer(&expired),
        signals_(signals),
        fd_(fd),
        context_(context) {}
  bool await_ready() const noexcept { return false; }
  template <class P>
  SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
    return begin(h.promise());
  }
  Result<int> await_resume() {
    if (signal_ != 0) return signal_;
    return std::move(status_);
  }

 private:
  struct CancelWatch : Context::Watch {
    CancelWatch(SignalWait& w, Loop& loop) : Watch(&cancelled, loop), wait(w) {}
    SignalWait& wait;
  };

  bool begin(detail::PromiseBase& parent) {
    parent_ = &parent;
    if (Simulation* simulation = loop().simulation()) {
      simulation->signals().add(*this);
      loop().add_reporter(*this);
    } else {
      status_ = loop().watch(*this);
      if (!status_.ok()) return false;
    }
    if (context_) {
      watch_.emplace(*this, loop());
      watch_->arm(context_);
    }
    loop().arm(*this, context_.deadline());
    return true;
  }
  // What comes later means nothing.
  void end() {
    ended_ = true;
    loop().disarm(*this);
    if (Simulation* simulation = loop().simulation()) {
      simulation->signals().remove(*this);
      loop().remove_reporter(*this);
    } else {
      loop().unwatch(*this);
    }
  }
  void resume() {
    // A watch that has been posted already resumes the coroutine when it runs.
    if (!watch_ || watch_->disarm()) loop().post(*parent_);
  }

  void on_ready(std::uint32_t) override {
    if (const int signal = fd_.take()) on_signal(signal);
  }
  void on_signal(int signal) override {
    signal_ = signal;
    end();
    resume();
  }
  static void expired(Runnable& self) noexcept {
    auto& wait = static_cast<SignalWait&>(static_cast<Timer&>(self));
    wait.status_ = Status(StatusCode::kDeadlineExceeded, "context deadline exceeded");
    wait.end();
    wait.resume();
  }
  static void cancelled(Runnable& self) noexcept {
    auto& watch = static_cast<CancelWatch&>(static_cast<Context::Watch&>(self));
    SignalWait& wait = watch.wait;
    watch.ran();
    if (!wait.ended_) {
      wait.status_ = wait.context_.status();
      wait.end();
    }
    wait.parent_->run();
  }
  void describe(std::string& out) const override { out += "a wait for " + names_of(signals_.bits()); }
  Loop& loop() const { return parent_->loop(); }

  const SignalSet signals_;
  const SignalFd& fd_;
  const Context& context_;
  detail::PromiseBase* parent_ = nullptr;
  std::optional<CancelWatch> watch_;
  bool ended_ = false;
  int signal_ = 0;
  Status status_;
};

// Not wait_signal() itself, which others see: its frame holds types that are this file's.
Task<Result<int>> wait_for(SignalSet signals, Context context) {
  if (Status status = check(signals); !status.ok()) co_return status;
  Loop& loop = co_await this_loop();
  if (context.cancelled()) co_return context.status();
  if (context.deadline() <= loop.now()) {
    co_return Status(StatusCode::kDeadlineExceeded, "context deadline exceeded");
  }
  const Claim claim(loop.group().awaited_signals(), signals);
  if (Status status = claim.status(); !status.ok()) co_return status;
  SignalFd fd;
  int pending = 0;
  if (Simulation* simulation = loop.simulation()) {
    pending = simulation->signals().take(signals.bits());
  } else {
    if (Status status = check_blocked(signals); !status.ok()) co_return status;
    if (Status status = fd.open(signals); !status.ok()) co_return status;
    pending = fd.take();
  }
  if (pending != 0) co_return pending;
  co_return co_await SignalWait(signals, fd, context);
}

}  // namespace

Status block_signals(SignalSet signals) { return change_mask(SIG_BLOCK, signals); }

Status unblock_signals(SignalSet signals) { return change_mask(SIG_UNBLOCK, signals); }

Status Simulation::raise_signal(int signal) {
  Status status = check(signal);
  if (status.ok()) signals_.raise(signal);
  return status;
}

Task<Result<int>> wait_signal(SignalSet signals, Context context) {
  return wait_for(signals, std::move(context));
}

}  // namespace sluice::inline v0
