// From a typed method to a handler: what comes of its exceptions, of requests that do not decode, and of
// methods that nobody wrote. The server is a recorder.
#include "sluice/stub/handlers.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/loop_fixture.h"

namespace sluice::inline v0 {
namespace {

Status status_of(void (*throws)()) {
  try {
    throws();
  } catch (...) {
    return detail::status_of_exception();
  }
  return {};
}

TEST(StatusOfException, IsTheStatusThatWasThrown) {
  const Status status = status_of([] { throw StatusError({StatusCode::kNotFound, "no such file"}); });
  EXPECT_EQ(status, Status(StatusCode::kNotFound, "no such file"));
}

TEST(StatusOfException, IsUnknownWithTheTextOfAnException) {
  const Status status = status_of([] { throw std::runtime_error("disk full"); });
  EXPECT_EQ(status, Status(StatusCode::kUnknown, "handler threw: disk full"));
}

TEST(StatusOfException, IsUnknownForWhatIsNoException) {
  const Status status = status_of([] { throw 42; });
  EXPECT_EQ(status, Status(StatusCode::kUnknown, "handler threw something that is no std::exception"));
}

TEST(StatusOfException, IsNeverOk) {
  const Status status = status_of([] { throw StatusError(Status()); });
  EXPECT_EQ(status, Status(StatusCode::kUnknown, "handler threw a StatusError that is OK"));
}

// A context that allocates frames and knows nothing else.
class FakeContext final : public ServerContext {
 public:
  explicit FakeContext(Loop& loop) : loop_(loop) {}
  std::string_view method() const override { return "/test.Echo/Say"; }
  const Metadata& metadata() const override { return metadata_; }
  TimePoint deadline() const override { return kNever; }
  bool cancelled() const override { return false; }
  const Addr& peer() const override { return addr_; }
  const Addr& local() const override { return addr_; }
  std::optional<PeerCredentials> peer_credentials() const override { return std::nullopt; }
  const Context& context() override { return context_; }
  const Context& draining() const override { return context_; }
  Loop& loop() const override { return loop_; }
  void set_context(Context context) override { context_ = std::move(context); }
  Status add_header(std::string_view, std::string_view) override { return {}; }
  Status add_trailer(std::string_view, std::string_view) override { return {}; }
  Status set_compression_algorithm(std::string_view) override { return {}; }
  bool message_compressed() const override { return false; }
  void* allocate_frame(std::size_t size) override { return ++frames, ::operator new(size); }
  void free_frame(void* frame, std::size_t) override { --frames, ::operator delete(frame); }
  int frames = 0;

 private:
  Loop& loop_;
  Metadata metadata_;
  Addr addr_;
  Context context_;
};

// Runs handlers that end at once, on a loop that is led, and keeps what came of them.
class FakeCall final : public ServerCall {
 public:
  FakeCall(Loop& loop, Chain request) : loop_(loop), context_(loop), request_(std::move(request)) {}
  ServerContext& context() override { return context_; }
  ServerStream& stream() override { throw std::logic_error("no streams here"); }
  const Message& request() const override { return request_; }
  void run(Handler& handler) override {
    struct Nobody : Runnable {
      Nobody() : Runnable([](Runnable&) noexcept {}) {}
    } nobody;
    frames_while_running = context_.frames;
    ended_at_once = handler.start(loop_, nobody);
    Message reply;
    status = handler.finish(reply);
    if (status.ok()) status = reply.ops()->encode(reply.object(), bytes);
    handler.~Handler();
    frames_left = context_.frames;
  }
  void drop(Handler& handler) override { handler.~Handler(); }
  void reject(Status why) override { rejected = true, status = std::move(why); }

  bool ended_at_once = false, rejected = false;
  int frames_while_running = 0, frames_left = 0;
  Status status{StatusCode::kUnknown, "never run"};
  Chain bytes;

 private:
  void* allocate(std::size_t size, std::size_t align) override {
    memory_.resize(size + align);
    const auto at = reinterpret_cast<std::uintptr_t>(memory_.data());
    return memory_.data() + (align - at % align) % align;
  }
  Loop& loop_;
  FakeContext context_;
  const Message request_;
  std::vector<std::byte> memory_;
};

class Echo {
 public:
  virtual ~Echo() = default;
  virtual Task<Result<Chain>> say(ServerContext&, const Chain& request) {
    if (request.to_string() == "throw") throw std::runtime_error("thrown");
    if (request.to_string() == "fail") co_return {StatusCode::kAborted, "failed"};
    co_return request;
  }
  virtual Task<Result<Chain>> unwritten(ServerContext&, const Chain&) {
    return unimplemented<Result<Chain>>("test.Echo/unwritten");
  }
};

void run(support::TestLoop& loop, MethodDesc method, FakeCall& call) {
  Echo echo;
  loop.lead_and([&] { method.handler(static_cast<Echo*>(&echo), call); });
}

constexpr MethodDesc kSay = {"say", &unary_method<Echo, Chain, Chain, &Echo::say>};
constexpr MethodDesc kUnwritten = {"unwritten", &unary_method<Echo, Chain, Chain, &Echo::unwritten>};

TEST(UnaryMethod, AnswersWithWhatTheMethodReturned) {
  support::TestLoop loop;
  FakeCall call(loop.loop(), Chain::copy("hello"));
  run(loop, kSay, call);
  EXPECT_TRUE(call.ended_at_once);
  EXPECT_TRUE(call.status.ok()) << call.status;
  EXPECT_EQ(call.bytes.to_string(), "hello");
}

TEST(UnaryMethod, TakesItsFrameFromTheCallAndGivesItBack) {
  support::TestLoop loop;
  FakeCall call(loop.loop(), Chain::copy("hello"));
  run(loop, kSay, call);
  EXPECT_EQ(call.frames_while_running, 1);
  EXPECT_EQ(call.frames_left, 0);
}

TEST(UnaryMethod, AnswersWithTheStatusTheMethodReturned) {
  support::TestLoop loop;
  FakeCall call(loop.loop(), Chain::copy("fail"));
  run(loop, kSay, call);
  EXPECT_EQ(call.status, Status(StatusCode::kAborted, "failed"));
}

TEST(UnaryMethod, AnswersUnknownWhenTheMethodThrows) {
  support::TestLoop loop;
  FakeCall call(loop.loop(), Chain::copy("throw"));
  run(loop, kSay, call);
  EXPECT_EQ(call.status, Status(StatusCode::kUnknown, "handler threw: thrown"));
}

TEST(UnaryMethod, AnswersUnimplementedWhenNobodyWroteIt) {
  support::TestLoop loop;
  FakeCall call(loop.loop(), Chain::copy("hello"));
  run(loop, kUnwritten, call);
  EXPECT_EQ(call.status, Status(StatusCode::kUnimplemented, "method test.Echo/unwritten is not implemented"));
}

}  // namespace
}  // namespace sluice::inline v0
