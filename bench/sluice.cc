// sluice itself: client and server on one Runtime without threads, over a pipe; every call runs on the
// calling thread. Also the program whose counts the gate holds to budgets.json.
#include <sluice/async/scope.h>
#include <sluice/sluice.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "echo.sluice.h"
#include "gate_calls.h"
#include "sluice_greeter.h"
#include "support/payload.h"
#include "support/subject.h"

namespace {

using sluice::ServerContext;
using sluice::Status;
using sluice::Task;

class Echo final : public echo::Echo::Service {
 public:
  explicit Echo(const bench::Payloads& payloads) : payloads_(payloads) {}

 private:
  Task<sluice::Result<echo::Payload>> Unary(ServerContext&, const echo::Payload& request) override {
    echo::Payload reply;
    reply.set_data(request.data());
    co_return reply;
  }

  Task<Status> Stream(ServerContext&, const echo::Order& order,
                      sluice::ServerWriter<echo::Payload>& writer) override {
    echo::Payload message;
    for (std::uint32_t i = 0; i < order.count(); ++i) {
      message.set_data(payloads_.text(i));
      Status written = co_await writer.write(message);
      if (!written.ok()) co_return written;
    }
    co_return Status();
  }

  Task<Status> Chat(ServerContext&,
                    sluice::ServerReaderWriter<echo::Payload, echo::Payload>& stream) override {
    echo::Payload in, out;
    while (co_await stream.read_into(in)) {
      out.set_data(in.data());
      Status written = co_await stream.write(out);
      if (!written.ok()) co_return written;
    }
    co_return Status();
  }

  const bench::Payloads& payloads_;
};

constexpr const char* kAddr = "pipe:bench";

using ChatStream = sluice::ClientReaderWriter<echo::Payload, echo::Payload>;

class Sluice final : public bench::Subject {
 public:
  explicit Sluice(const bench::Options& options) : tells_peaks_(options.peaks) {
    bench::require(server_.register_service(greeter_));
    bench::require(server_.register_service(echo_));
    bench::require(server_.serve(runtime_.listen(kAddr).value()));
  }

  ~Sluice() override {
    if (!tells_peaks_) return;
    chat_.reset();
    held_streams_.clear();
    bench::tell_peaks(server_);
    channel_.close();
    bench::tell_peaks(channel_.limit_peaks());
  }

  bool unary(std::uint64_t i) override { return bench::say_hello(greeter_stub_, payloads_, i); }
  bool unary_deadline(std::uint64_t i) override {
    return bench::say_hello(greeter_stub_, payloads_, i, {.timeout = std::chrono::minutes(1)});
  }

  bool unary_many(std::uint64_t calls, unsigned outstanding) override {
    return runtime_.run(call_many(calls, outstanding));
  }

  bool ping_pong(std::uint64_t i) override {
    if (!chat_) chat_.emplace(echo_stub_.Chat());
    return exchange(*chat_, i);
  }

  bool stream(std::uint64_t messages) override { return runtime_.run(read_stream(messages)); }

  bool large(std::uint64_t i) override { return echo_large(bench::kLargeSize, i); }

  bool gate_calls(const std::string& scenario, std::uint64_t calls) override {
    if (scenario != "unary_64k") return gate_calls_.run(scenario, calls);
    for (std::uint64_t i = 0; i < calls; ++i) {
      if (!echo_large(64 << 10, i)) return false;
    }
    return true;
  }

  void hold_connections(unsigned n) override {
    for (unsigned k = 0; k < n; ++k) {
      held_stubs_.emplace_back(sluice::dial(runtime_, kAddr).value());
      bench::say_hello(held_stubs_.back(), payloads_, k);
    }
  }

  void hold_crowd(unsigned connections, unsigned streams) override {
    for (unsigned k = 0; k < connections; ++k) {
      crowd_stubs_.emplace_back(sluice::dial(runtime_, kAddr).value());
      for (unsigned i = 0; i < streams; ++i) {
        held_streams_.push_back(crowd_stubs_.back().Chat());
        exchange(held_streams_.back(), k);
      }
    }
  }

  void hold_streams(unsigned n) override {
    for (unsigned k = 0; k < n; ++k) {
      held_streams_.push_back(echo_stub_.Chat());
      exchange(held_streams_.back(), k);
    }
  }

 private:
  bool exchange(ChatStream& chat, std::uint64_t i) {
    out_.set_data(payloads_.text(i));
    return chat.write(out_).get().ok() && chat.read_into(in_).get() && in_.data() == payloads_.text(i);
  }

  bool echo_large(std::size_t size, std::uint64_t i) {
    if (large_.data().size() != size) large_.set_data(bench::make_large(size));
    bench::stamp_large(*large_.mutable_data(), i);
    sluice::Result<echo::Payload> reply = echo_stub_.Unary(large_).get();
    return reply.ok() && bench::same_large(large_.data(), reply->data(), i);
  }

  // Calls one after the other until there are none left; as many of these run as calls are to be in flight.
  Task<void> call_while_any(std::uint64_t calls) {
    while (next_ < calls) {
      const std::uint64_t i = next_++;
      helloworld::HelloRequest request;
      request.set_name(payloads_.name(i));
      sluice::Result<helloworld::HelloReply> reply = co_await greeter_stub_.SayHello(request);
      right_ = right_ && reply.ok() && reply->message() == payloads_.greeting(i);
    }
  }

  Task<bool> call_many(std::uint64_t calls, unsigned outstanding) {
    next_ = 0;
    right_ = true;
    sluice::Scope scope(runtime_.loop());
    for (unsigned k = 0; k < outstanding; ++k) (void)scope.spawn(call_while_any(calls));
    co_await scope.join();
    co_return right_;
  }

  Task<bool> read_stream(std::uint64_t messages) {
    echo::Order order;
    order.set_count(static_cast<std::uint32_t>(messages));
    auto reader = echo_stub_.Stream(order);
    std::uint64_t i = 0;
    bool right = true;
    while (co_await reader.read_into(in_)) right = right && in_.data() == payloads_.text(i++);
    Status status = co_await reader.finish();
    co_return right&& status.ok() && i == messages;
  }

  // Destroyed from the bottom: streams before stubs, stubs before the server.
  const bool tells_peaks_;
  const bench::Payloads payloads_;
  sluice::Runtime runtime_;
  bench::Greeter greeter_;
  Echo echo_{payloads_};
  sluice::Server server_{runtime_, {.max_concurrent_streams = 1024}};
  sluice::Channel channel_ = sluice::dial(runtime_, kAddr).value();
  helloworld::Greeter::Stub greeter_stub_{channel_};
  echo::Echo::Stub echo_stub_{channel_};
  std::vector<helloworld::Greeter::Stub> held_stubs_;
  std::vector<echo::Echo::Stub> crowd_stubs_;
  std::vector<ChatStream> held_streams_;
  std::optional<ChatStream> chat_;
  echo::Payload out_, in_, large_;
  std::uint64_t next_ = 0;
  bool right_ = true;
  bench::GateCalls gate_calls_;
};

}  // namespace

int main(int argc, char** argv) {
  return bench::subject_main(argc, argv,
                             [](const bench::Options& options) { return std::make_unique<Sluice>(options); });
}
