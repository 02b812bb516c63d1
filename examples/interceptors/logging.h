// A line for each call that a server has ended: who, what, how it ended, how long it took, how many messages.
#pragma once

#include <sluice/sluice.h>

#include <chrono>
#include <cstdio>
#include <string>

// Put it first, so that it sees what the others make of a call. Any thread: a line is one fprintf.
class Log final : public sluice::ServerInterceptor {
 public:
  // The runtime's clock is read anew each time; a loop's stands still while the loop is at work.
  Log(std::FILE* out, const sluice::Runtime& runtime) : out_(out), runtime_(runtime) {}

  void on_refused(sluice::ServerContext& context, const sluice::Status& status) override {
    std::fprintf(out_, "%s %s: refused, %s\n", context.peer().to_string().c_str(),
                 std::string(context.method()).c_str(), status.to_string().c_str());
  }

  sluice::Task<sluice::Status> intercept(sluice::ServerInvocation& call) override {
    const sluice::TimePoint begin = runtime_.now();
    Count count;
    sluice::Status status = co_await call.next(count);
    const std::chrono::duration<double, std::milli> took = runtime_.now() - begin;
    std::fprintf(out_, "%s %s: %s in %.3f ms, %d in, %d out\n", call.context().peer().to_string().c_str(),
                 std::string(call.method().path).c_str(), status.to_string().c_str(), took.count(),
                 count.requests, count.replies);
    co_return status;
  }

 private:
  struct Count final : sluice::MessageFilter {
    sluice::Status on_request(sluice::Message&) override { return ++requests, sluice::Status(); }
    sluice::Status on_reply(sluice::Message&) override { return ++replies, sluice::Status(); }
    int requests = 0;
    int replies = 0;
  };
  std::FILE* const out_;
  const sluice::Runtime& runtime_;
};
