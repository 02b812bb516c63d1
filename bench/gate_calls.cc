// See gate_calls.h. What a scenario asks of both ends stands in protos/cases.proto and echo.proto.
#include "gate_calls.h"

#include <sluice/async/sleep.h>
#include <sluice/sluice.h>

#include <array>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>

#include "cases.sluice.h"
#include "helloworld.sluice.h"
#include "support/payload.h"
#include "support/subject.h"

namespace bench {
namespace {

using sluice::ServerContext;
using sluice::Status;
using sluice::StatusCode;
using sluice::Task;

constexpr std::string_view kTenant = "bench";
constexpr std::string_view kRefused = "nothing is known of ";

// As long as a google.rpc.Status with one detail, and with bytes that text cannot hold.
std::string details_of(std::string_view name) {
  return std::string("\x08\x05\x12\x00\xff", 5) + std::string(name);
}

class Cases final : public cases::Cases::Service {
 public:
  std::uint64_t held = 0;       // calls that wait, or waited, for their cancellation
  std::uint64_t cancelled = 0;  // of these, the ones that it came to

 private:
  Task<sluice::Result<cases::Text>> Annotated(ServerContext& context, const cases::Text& request) override {
    const sluice::Metadata& sent = context.metadata();
    if (sent.get("x-tenant") != kTenant || sent.get("trace-bin").value_or("").size() != 16) {
      co_return Status(StatusCode::kInvalidArgument, "the metadata did not arrive");
    }
    Status added = context.add_header("x-request-id", sent.get("x-request-id").value_or(""));
    if (added.ok()) added = context.add_header("x-served-by", kTenant);
    if (added.ok()) added = context.add_trailer("x-cost", std::to_string(request.text().size()));
    if (!added.ok()) co_return added;
    co_return request;
  }

  Task<sluice::Result<cases::Sum>> Collect(ServerContext&,
                                           sluice::ServerReader<cases::Text>& reader) override {
    cases::Text in;
    cases::Sum sum;
    while (co_await reader.read_into(in)) {
      sum.set_messages(sum.messages() + 1);
      sum.set_bytes(sum.bytes() + in.text().size());
    }
    co_return sum;
  }

  Task<sluice::Result<cases::Text>> Hold(ServerContext& context, const cases::Text&) override {
    ++held;
    Status why = co_await sluice::sleep(std::chrono::hours(1), context.context());
    if (why.code() == StatusCode::kCancelled && context.cancelled()) ++cancelled;
    co_return why;
  }

  Task<sluice::Result<cases::Text>> Refuse(ServerContext&, const cases::Text& request) override {
    co_return Status(StatusCode::kNotFound, std::string(kRefused) + request.text(),
                     details_of(request.text()));
  }
};

class Greeter final : public helloworld::Greeter::Service {
  Task<sluice::Result<helloworld::HelloReply>> SayHello(ServerContext&,
                                                        const helloworld::HelloRequest& request) override {
    helloworld::HelloReply reply;
    reply.set_message("Hello " + request.name());
    co_return reply;
  }
};

void require(Status status) {
  if (!status.ok()) throw sluice::StatusError(std::move(status));
}

constexpr const char* kAddr = "pipe:gate";

}  // namespace

class GateCalls::Impl {
 public:
  Impl() {
    require(server_.register_service(cases_));
    require(server_.serve(runtime_.listen(kAddr).value()));
  }

  bool annotated(std::uint64_t i);
  bool collect(std::uint64_t messages);
  bool cancel(std::uint64_t i);
  bool refused(std::uint64_t i);
  bool two_loops(std::uint64_t i);

 private:
  // Two Runtimes that share pipes, as two loops with threads would; this thread runs them in turn.
  struct TwoLoops {
    TwoLoops() {
      require(server.register_service(greeter));
      require(server.serve(serving.listen(kAddr).value()));
    }
    const std::shared_ptr<sluice::net::MemoryNetwork> pipes = std::make_shared<sluice::net::MemoryNetwork>();
    sluice::Runtime serving{{.memory_network = pipes}}, calling{{.memory_network = pipes}};
    Greeter greeter;
    sluice::Server server{serving};
    sluice::Channel channel = sluice::dial(calling, kAddr).value();
    helloworld::Greeter::Stub stub{channel};
  };

  Task<bool> write_all(std::uint64_t messages);

  const Payloads payloads_;
  sluice::Runtime runtime_;
  Cases cases_;
  // "cancel" does nothing but open and reset streams.
  sluice::Server server_{runtime_, {.limits = {.resets = sluice::Limits::kOff}}};
  sluice::Channel channel_ = sluice::dial(runtime_, kAddr).value();
  cases::Cases::Stub stub_{channel_};
  std::unique_ptr<TwoLoops> two_loops_;
};

// Three pairs there, one of them new each time and one of bytes; three back.
bool GateCalls::Impl::annotated(std::uint64_t i) {
  std::array<char, 16> trace{};
  std::memcpy(trace.data(), &i, sizeof i);
  sluice::Metadata header, trailer;
  cases::Text request;
  request.set_text(payloads_.name(i));
  const sluice::CallOptions options{.metadata = {{"x-request-id", payloads_.greeting(i)},
                                                 {"x-tenant", kTenant},
                                                 {"trace-bin", std::string_view(trace.data(), trace.size())}},
                                    .header = &header,
                                    .trailer = &trailer};
  sluice::Result<cases::Text> reply = stub_.Annotated(request, options).get();
  return reply.ok() && reply->text() == payloads_.name(i) &&
         header.get("x-request-id") == payloads_.greeting(i) && header.get("x-served-by") == kTenant &&
         trailer.get("x-cost") == "10";
}

Task<bool> GateCalls::Impl::write_all(std::uint64_t messages) {
  auto writer = stub_.Collect();
  cases::Text out;
  for (std::uint64_t i = 0; i < messages; ++i) {
    out.set_text(payloads_.text(i));
    Status written = co_await writer.write(out);
    if (!written.ok()) co_return false;
  }
  sluice::Result<cases::Sum> sum = co_await writer.finish();
  co_return sum.ok() && sum->messages() == messages && sum->bytes() == messages* payloads_.text(0).size();
}

bool GateCalls::Impl::collect(std::uint64_t messages) { return runtime_.run(write_all(messages)); }

// Cancelled while its handler waits, which must hear of it.
bool GateCalls::Impl::cancel(std::uint64_t i) {
  cases::Text request;
  request.set_text(payloads_.name(i));
  const std::uint64_t held = cases_.held, cancelled = cases_.cancelled;
  sluice::Call<cases::Text> call = stub_.Hold(request).start();
  while (cases_.held == held) runtime_.poll();
  call.cancel();
  sluice::Result<cases::Text> reply = call.get();
  while (cases_.cancelled == cancelled && runtime_.poll() > 0) {
  }
  return reply.status().code() == StatusCode::kCancelled && cases_.cancelled == cancelled + 1;
}

bool GateCalls::Impl::refused(std::uint64_t i) {
  cases::Text request;
  request.set_text(payloads_.name(i));
  const Status status = stub_.Refuse(request).get().status();
  return status.code() == StatusCode::kNotFound && status.message().substr(0, kRefused.size()) == kRefused &&
         status.message().substr(kRefused.size()) == payloads_.name(i) &&
         status.details() == details_of(payloads_.name(i));
}

bool GateCalls::Impl::two_loops(std::uint64_t i) {
  if (!two_loops_) two_loops_ = std::make_unique<TwoLoops>();
  helloworld::HelloRequest request;
  request.set_name(payloads_.name(i));
  struct Done : sluice::Runnable {
    Done() : Runnable([](Runnable& r) noexcept { static_cast<Done&>(r).done = true; }) {}
    bool done = false;
  } done;
  sluice::Call<helloworld::HelloReply> call = two_loops_->stub.SayHello(request).start();
  call.on_done(done);
  while (!done.done) two_loops_->calling.poll(), two_loops_->serving.poll();
  sluice::Result<helloworld::HelloReply> reply = call.take();
  return reply.ok() && reply->message() == payloads_.greeting(i);
}

GateCalls::GateCalls() = default;
GateCalls::~GateCalls() = default;

bool GateCalls::run(const std::string& scenario, std::uint64_t calls) {
  using One = bool (Impl::*)(std::uint64_t);
  const One one = scenario == "unary_metadata"  ? &Impl::annotated
                  : scenario == "cancel"        ? &Impl::cancel
                  : scenario == "error_details" ? &Impl::refused
                  : scenario == "two_loops"     ? &Impl::two_loops
                                                : nullptr;
  if (one == nullptr && scenario != "client_message") throw Unsupported{};
  if (!impl_) impl_ = std::make_unique<Impl>();
  if (one == nullptr) return impl_->collect(calls);
  for (std::uint64_t i = 0; i < calls; ++i) {
    if (!(*impl_.*one)(i)) return false;
  }
  return true;
}

}  // namespace bench
