// Retries on the client's side: only what is UNAVAILABLE, only as long as the caller cannot notice, a limited
// number of times, each wait longer than the one before (gRPC A6 has the reasons).
#pragma once

#include <sluice/sluice.h>

#include <algorithm>
#include <chrono>
#include <string>

struct RetryOptions {
  int max_attempts = 4;
  sluice::Duration initial_wait = std::chrono::milliseconds(10);
  double multiplier = 2;
  sluice::Duration max_wait = std::chrono::seconds(1);
  std::size_t keep_writes = 64 << 10;  // bytes of a stream that are kept to be sent again
};

class Retry final : public sluice::ClientInterceptor {
 public:
  explicit Retry(RetryOptions options = {}) : options_(options) {}

  sluice::Task<sluice::Status> intercept(sluice::ClientInvocation& call) override {
    call.keep_writes(options_.keep_writes);
    sluice::Duration wait = options_.initial_wait;
    for (int attempt = 1;; ++attempt) {
      sluice::Status status = co_await call.next();
      if (status.code() != sluice::StatusCode::kUnavailable) co_return status;
      if (attempt == options_.max_attempts || !call.can_restart()) co_return status;
      // Ends early when the caller cancels or its deadline passes: there is no use in another attempt then.
      const sluice::Status woken = co_await sluice::sleep(jittered(wait, call.loop()), call.context());
      if (!woken.ok()) co_return woken;
      wait = std::min(options_.max_wait, sluice::Duration(static_cast<sluice::Duration::rep>(
                                             static_cast<double>(wait.count()) * options_.multiplier)));
      call.metadata().erase("grpc-previous-rpc-attempts");
      call.metadata().add("grpc-previous-rpc-attempts", std::to_string(attempt));
    }
  }

 private:
  // Between half of it and all: clients that failed together do not come back together.
  static sluice::Duration jittered(sluice::Duration wait, sluice::Loop& loop) {
    const auto half = static_cast<std::uint64_t>(wait.count() / 2);
    return wait / 2 + sluice::Duration(static_cast<sluice::Duration::rep>(loop.random() % (half + 1)));
  }
  const RetryOptions options_;
};
