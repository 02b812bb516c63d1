// What the tests of interceptors share: a journal, calls of all four kinds, a service that fails at first.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "support/raw_service.h"
#include "support/runtime_fixture.h"

namespace sluice::e2e {

using namespace support;
using Lines = std::vector<std::string>;

// What interceptors and handlers note down, from whatever thread.
class Journal {
 public:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;  // under mutex_
};

// All four kinds, one after the other; the texts of what came of them.
inline Lines outcomes_of_all_kinds(ServedRaw& served, const std::string& text,
                                   const CallOptions& options = {}) {
  const Chain request = bytes(text);
  Lines got;
  got.push_back(text_of(served.unary(request, options).get()));
  {
    auto stream = served.reply_stream(request, options);
    std::string all;
    Chain reply;
    while (stream.read_into(reply).get()) all += reply.to_string() + ",";
    got.push_back(all + stream.finish().get().to_string());
  }
  {
    auto stream = served.request_stream(options);
    for (int i = 0; i < 2; ++i) (void)stream.write(request).get();
    got.push_back(text_of(stream.finish().get()));
  }
  auto stream = served.bidi(options);
  std::string all;
  for (int i = 0; i < 2; ++i) {
    (void)stream.write(request).get();
    if (Read<Chain> reply = stream.read().get()) all += reply->to_string() + ",";
  }
  got.push_back(all + stream.finish().get().to_string());
  return got;
}

inline std::string content_of(const Message& message) {
  return decode_as<Chain>(message).value().to_string();
}

// Fails the first calls with UNAVAILABLE, then echoes; tells what it was sent.
class Shaky : public RawService {
 public:
  explicit Shaky(int failures) : failures_(failures) {}
  Task<Result<Chain>> unary(ServerContext& context, const Chain& request) override {
    if (Status s = enter(context); !s.ok()) co_return s;
    co_return Chain(request);
  }
  Task<Status> reply_stream(ServerContext& context, const Chain& request,
                            ServerWriter<Chain>& writer) override {
    if (Status s = enter(context); !s.ok()) co_return s;
    co_return co_await RawService::reply_stream(context, request, writer);
  }
  Task<Result<Chain>> request_stream(ServerContext& context, ServerReader<Chain>& reader) override {
    if (Status s = enter(context); !s.ok()) co_return s;
    co_return co_await RawService::request_stream(context, reader);
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    if (Status s = enter(context); !s.ok()) co_return s;
    co_return co_await RawService::bidi(context, stream);
  }

  std::atomic<int> calls = 0;
  Journal seen;

 private:
  Status enter(ServerContext& context) {
    seen.add(std::string(context.metadata().get("attempt").value_or("")));
    if (++calls <= failures_) return {StatusCode::kUnavailable, "not yet"};
    return {};
  }
  const int failures_;
};

// Notes what it is asked.
class NotingClient : public ClientInterceptor {
 public:
  NotingClient(std::string name, Journal& journal) : name_(std::move(name)), journal_(journal) {}
  Status on_headers(OutgoingHeaders&) override {
    journal_.add(name_ + " headers");
    return {};
  }
  Task<Status> intercept(ClientInvocation& call) override {
    journal_.add(name_ + " begins");
    Status status = co_await call.next();
    journal_.add(name_ + " ends " + status.to_string());
    co_return status;
  }

 private:
  const std::string name_;
  Journal& journal_;
};

// Repeats what is UNAVAILABLE.
class Retry : public ClientInterceptor {
 public:
  explicit Retry(int max_attempts, Duration wait = std::chrono::milliseconds(1), std::size_t keep = 1000)
      : max_attempts_(max_attempts), wait_(wait), keep_(keep) {}
  Task<Status> intercept(ClientInvocation& call) override {
    call.keep_writes(keep_);
    for (int attempt = 1;; ++attempt) {
      call.metadata().erase("attempt");
      call.metadata().add("attempt", std::to_string(attempt));
      Status status = co_await call.next();
      if (status.code() != StatusCode::kUnavailable || attempt == max_attempts_ || !call.can_restart())
        co_return status;
      if (Status woken = co_await sleep(wait_, call.context()); !woken.ok()) co_return woken;
    }
  }

 private:
  const int max_attempts_;
  const Duration wait_;
  const std::size_t keep_;
};

}  // namespace sluice::e2e
