// The bridge to Asio and Boost.Asio: a sluice Loop that runs inside an io_context (AsioLoop), and sluice
// operations that Asio's code awaits (async_get). Opt-in and header-only: sluice's libraries know nothing of
// either.
//
// Which of the two: the one whose headers were included before, or else the one that is installed;
// SLUICE_ASIO_BOOST as 0 or 1 decides where both are. One translation unit has one of them.
#pragma once

#if !defined(SLUICE_ASIO_BOOST)
#if defined(ASIO_VERSION)
#define SLUICE_ASIO_BOOST 0
#elif defined(BOOST_ASIO_VERSION) || !__has_include(<asio.hpp>)
#define SLUICE_ASIO_BOOST 1
#else
#define SLUICE_ASIO_BOOST 0
#endif
#endif

#include <fcntl.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>  // Boost 1.74 forgets it

#if SLUICE_ASIO_BOOST
#include <boost/asio.hpp>
#define SLUICE_ASIO_VERSION BOOST_ASIO_VERSION
#else
#include <asio.hpp>
#define SLUICE_ASIO_VERSION ASIO_VERSION
#endif

#include "sluice/async/op.h"
#include "sluice/async/run_on.h"

namespace sluice::inline v0 {

// The name is part of every symbol, so that a program may have translation units of both kinds.
#if SLUICE_ASIO_BOOST
inline namespace with_boost_asio {
namespace aio = ::boost::asio;
using AioError = ::boost::system::error_code;
#else
inline namespace with_asio {
namespace aio = ::asio;
using AioError = ::asio::error_code;
#endif

// Runs a Loop inside an io_context: waits for the loop's descriptor and its next deadline, and polls it.
//
// Thread: any; several threads may run the io_context. Lifetime: the io_context outlives the loop's Runtime,
// and that the AsioLoop. While it is started the io_context does not run out of work.
class AsioLoop {
 public:
  AsioLoop(aio::any_io_executor executor, Loop& loop) : executor_(std::move(executor)), loop_(loop) {}
  AsioLoop(aio::io_context& io, Loop& loop) : AsioLoop(io.get_executor(), loop) {}
  ~AsioLoop() { stop(); }
  AsioLoop(const AsioLoop&) = delete;
  AsioLoop& operator=(const AsioLoop&) = delete;

  // From now on. FAILED_PRECONDITION for a simulation, which has no descriptor; UNAVAILABLE when the process
  // has none left.
  Status start();
  // No poll is running or comes when this returns; unless it is called from within one, which is then the
  // last. Idempotent; it may be started again.
  void stop();

 private:
  class Watch;
  const aio::any_io_executor executor_;
  Loop& loop_;
  std::shared_ptr<Watch> watch_;  // shared: with Asio's handlers in flight
};

// Waits for an operation as Asio's own ones are waited for; it starts at once, and has sent or copied what it
// borrows when this returns:
//
//   Result<HelloReply> r = co_await sluice::async_get(stub.SayHello(request), asio::use_awaitable);
//
// The completion's signature is void(OpResult<T>). It is posted to the handler's associated executor, which
// is the awaiting coroutine's; a plain function needs asio::bind_executor. Cancellation of any type, through
// the handler's slot, cancels the call (Asio 1.19, Boost 1.77; before those: CallOptions::context). Works
// with any Runtime: one whose loop an AsioLoop runs, and one with threads. The io_context outlives the
// Runtime.
template <class T, class CompletionToken>
auto async_get(Call<T> call, CompletionToken&& token);
template <class T, class CompletionToken>
auto async_get(Op<T>&& op, CompletionToken&& token) {
  return async_get(std::move(op).start(), std::forward<CompletionToken>(token));
}

// Everything runs on the strand, but for stop().
class AsioLoop::Watch : public std::enable_shared_from_this<Watch> {
 public:
  Watch(const aio::any_io_executor& executor, Loop& loop, int fd)
      : strand_(aio::make_strand(executor)), descriptor_(strand_, fd), timer_(strand_), loop_(&loop) {}

  void turn() {
    TimePoint next;
    {
      const std::lock_guard lock(mutex_);
      if (loop_) loop_->poll();
      if (!loop_) return;  // stopped, before or by what it ran
      next = loop_->next_deadline();
    }
    wait_for_descriptor();
    wait_until(next);
  }
  void begin() {
    aio::post(strand_, [self = shared_from_this()] { self->turn(); });
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      loop_ = nullptr;
    }
    aio::post(strand_, [self = shared_from_this()] {
      self->descriptor_.close();
      self->timer_.cancel();
    });
  }

 private:
  void wait_for_descriptor() {
    if (std::exchange(waits_for_descriptor_, true)) return;
    descriptor_.async_wait(aio::posix::stream_descriptor::wait_read,
                           aio::bind_executor(strand_, [self = shared_from_this()](const AioError& error) {
                             self->waits_for_descriptor_ = false;
                             if (!error) self->turn();
                           }));
  }
  void wait_until(TimePoint deadline) {
    if (std::exchange(waits_until_, deadline) == deadline) return;
    if (deadline == kNever) {
      timer_.cancel();
      return;
    }
    using SteadyTime = std::chrono::steady_clock::time_point;
    timer_.expires_at(
        SteadyTime(std::chrono::duration_cast<SteadyTime::duration>(deadline.time_since_epoch())));
    timer_.async_wait(aio::bind_executor(strand_, [self = shared_from_this()](const AioError& error) {
      if (error) return;  // another deadline, or stopped
      self->waits_until_ = kNever;
      self->turn();
    }));
  }

  const aio::strand<aio::any_io_executor> strand_;
  aio::posix::stream_descriptor descriptor_;  // a duplicate, for Asio closes it
  aio::steady_timer timer_;
  bool waits_for_descriptor_ = false;
  TimePoint waits_until_ = kNever;
  std::recursive_mutex mutex_;  // held while polling: recursive, for what a poll runs may stop
  Loop* loop_;                  // under mutex_; null once stopped
};

inline Status AsioLoop::start() {
  if (watch_) return {};
  if (loop_.simulation()) return Status(StatusCode::kFailedPrecondition, "a simulated loop runs by itself");
  const int fd = loop_.native_fd();
  const int own = fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return Status(StatusCode::kUnavailable, "no descriptor is left to wait for the loop with");
  watch_ = std::make_shared<Watch>(executor_, loop_, own);
  watch_->begin();
  return {};
}

inline void AsioLoop::stop() {
  if (const std::shared_ptr<Watch> watch = std::exchange(watch_, nullptr)) watch->stop();
}

namespace asio_detail {

// The Call, within reach of its cancellation, which comes on the handler's executor, until it ends on its
// loop.
template <class T>
class AsioCall {
 public:
  explicit AsioCall(Call<T> call) : call_(std::move(call)) {}
  Call<T>& started() { return *call_; }
  void cancel() {
    const std::lock_guard lock(mutex_);
    if (call_) call_->cancel();
  }
  detail::OpResult<T> finish() {
    const std::lock_guard lock(mutex_);
    detail::OpResult<T> result = call_->take();
    call_.reset();
    return result;
  }

 private:
  std::mutex mutex_;
  std::optional<Call<T>> call_;  // under mutex_, but for started()
};

// What is posted to the handler's executor.
template <class Handler, class Outcome>
struct AsioCompletion {
  Handler handler;
  Outcome outcome;
  aio::executor_work_guard<aio::associated_executor_t<Handler>> work;

  void operator()() {
#if SLUICE_ASIO_VERSION >= 101900
    if (auto slot = aio::get_associated_cancellation_slot(handler); slot.is_connected()) slot.clear();
#endif
    work.reset();
    std::move(handler)(std::move(outcome));
  }
};

// One operation that Asio's code waits for.
template <class T, class Handler>
class AsioGet final : Runnable {
 public:
  static void start(Call<T> call, Handler handler) {
    Loop& loop = call.loop();
    auto* get = new AsioGet(std::move(call), std::move(handler));
    // It may be gone as soon as the loop has it.
    run_on(loop, [get] { get->call_->started().on_done(*get); });
  }

 private:
  AsioGet(Call<T> call, Handler handler)
      : Runnable(&done),
        call_(std::make_shared<AsioCall<T>>(std::move(call))),
        handler_(std::move(handler)),
        work_(aio::make_work_guard(aio::get_associated_executor(handler_))) {
#if SLUICE_ASIO_VERSION >= 101900
    if (auto slot = aio::get_associated_cancellation_slot(handler_); slot.is_connected()) {
      slot.assign([call = call_](aio::cancellation_type) { call->cancel(); });
    }
#endif
  }
  static void done(Runnable& self) noexcept {
    const std::unique_ptr<AsioGet> get(static_cast<AsioGet*>(&self));
    const auto executor = get->work_.get_executor();
    aio::post(executor, AsioCompletion<Handler, detail::OpResult<T>>{
                            std::move(get->handler_), get->call_->finish(), std::move(get->work_)});
  }

  const std::shared_ptr<AsioCall<T>> call_;  // shared: with the handler's cancellation slot
  Handler handler_;
  aio::executor_work_guard<aio::associated_executor_t<Handler>> work_;
};

struct AsioGetInitiation {
  template <class Handler, class T>
  void operator()(Handler&& handler, Call<T> call) const {
    AsioGet<T, std::decay_t<Handler>>::start(std::move(call), std::forward<Handler>(handler));
  }
};

}  // namespace asio_detail

template <class T, class CompletionToken>
auto async_get(Call<T> call, CompletionToken&& token) {
  return aio::async_initiate<CompletionToken, void(detail::OpResult<T>)>(asio_detail::AsioGetInitiation(),
                                                                         token, std::move(call));
}

}  // inline namespace
}  // namespace sluice::inline v0
