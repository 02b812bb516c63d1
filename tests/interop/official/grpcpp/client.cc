// The cases of the interop service by grpc++ (synchronous API; callbacks where a thousand calls run at once):
// for what the official clients of grpc-go and Ruby leave out, and for one foreign client that has all of
// them.
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>

#include "inspect.h"

namespace {

using namespace official;
using namespace std::chrono_literals;
using grpc::Status;
using grpc::StatusCode;
using grpc::testing::TestService;
using grpc::testing::UnimplementedService;
using Clock = std::chrono::steady_clock;

// A context with the deadline of every call.
struct Context : grpc::ClientContext {
  explicit Context(Clock::duration timeout = 60s) {
    set_deadline(std::chrono::system_clock::now() + timeout);
  }
  bool compressed() { return message_compressed(c_call()); }
};

void check_code(const Status& status, StatusCode code, std::string_view what) {
  check(status.error_code() == code, what, ": want code ", static_cast<int>(code), ", got ",
        static_cast<int>(status.error_code()), " ", status.error_message());
}
void check_ok(const Status& status, std::string_view what) { check_code(status, StatusCode::OK, what); }
void check_message(const Status& status, const std::string& message, std::string_view what) {
  check_code(status, StatusCode::UNKNOWN, what);
  check(status.error_message() == message, what, ": want message ", message, ", got ",
        status.error_message());
}
void check_large(const Status& status, const SimpleResponse& reply) {
  check_ok(status, "UnaryCall");
  check_payload(reply.payload(), kLargeReply, "UnaryCall");
}

class Client {
 public:
  Client(std::string target, const Settings& settings)
      : target_(std::move(target)),
        settings_(settings),
        channel_(dial()),
        stub_(TestService::NewStub(channel_)) {}

  using Case = std::pair<std::string, std::function<void()>>;
  std::vector<Case> cases();

 private:
  std::shared_ptr<grpc::Channel> dial() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a channel of channel_soak is a connection
    return grpc::CreateCustomChannel(target_, grpc::InsecureChannelCredentials(), arguments);
  }
  void unary(const SimpleRequest& request, grpc_compression_algorithm algorithm, StatusCode code) {
    Context context;
    context.set_compression_algorithm(algorithm);
    SimpleResponse reply;
    const Status status = stub_->UnaryCall(&context, request, &reply);
    check_code(status, code, "UnaryCall");
    if (status.ok()) check_large(status, reply);
  }
  template <class Stream>
  void read(Stream& stream, int size) {
    StreamingOutputCallResponse reply;
    if (!stream.Read(&reply)) check_ok(stream.Finish(), "a read");
    check_payload(reply.payload(), size, "a reply");
  }
  template <class Stream>
  Status end(Stream& stream) {
    StreamingOutputCallResponse reply;
    check(!stream.Read(&reply), "a reply more than expected");
    return stream.Finish();
  }

  void large_unary() { unary(large_request(), GRPC_COMPRESS_NONE, StatusCode::OK); }
  void empty_unary();
  void client_compressed_unary();
  void server_compressed_unary();
  void client_streaming();
  void client_compressed_streaming();
  void server_streaming();
  void server_compressed_streaming();
  void ping_pong();
  void empty_stream();
  void custom_metadata();
  void status_code_and_message();
  void special_status_message();
  template <class Stub>
  void unimplemented(Stub& stub);
  void cancel_after_begin();
  void cancel_after_first_response();
  void timeout_on_sleeping_server();
  void concurrent_large_unary();
  void soak_call(TestService::Stub& stub);
  void run_soak(const std::function<void()>& one);
  void long_lived_channel();

  const std::string target_;
  const Settings settings_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<TestService::Stub> stub_;
};

void Client::empty_unary() {
  Context context;
  Empty reply;
  check_ok(stub_->EmptyCall(&context, Empty(), &reply), "EmptyCall");
}

void Client::client_compressed_unary() {
  SimpleRequest request = large_request();
  request.mutable_expect_compressed()->set_value(true);
  unary(request, GRPC_COMPRESS_NONE, StatusCode::INVALID_ARGUMENT);
  unary(request, GRPC_COMPRESS_GZIP, StatusCode::OK);
  unary(request, GRPC_COMPRESS_DEFLATE, StatusCode::OK);
  request.mutable_expect_compressed()->set_value(false);
  unary(request, GRPC_COMPRESS_NONE, StatusCode::OK);
}

void Client::server_compressed_unary() {
  for (const bool want : {true, false}) {
    SimpleRequest request = large_request();
    request.mutable_response_compressed()->set_value(want);
    Context context;
    SimpleResponse reply;
    check_large(stub_->UnaryCall(&context, request, &reply), reply);
    check(context.compressed() == want, "the reply is ", want ? "not " : "", "compressed");
  }
}

void Client::client_streaming() {
  Context context;
  StreamingInputCallResponse reply;
  auto stream = stub_->StreamingInputCall(&context, &reply);
  for (const int size : kRequestSizes) check(stream->Write(input_request(size)), "a write failed");
  stream->WritesDone();
  check_ok(stream->Finish(), "StreamingInputCall");
  check(reply.aggregated_payload_size() == 74922, "of 74922 bytes ", reply.aggregated_payload_size());
}

void Client::client_compressed_streaming() {
  {
    Context context;
    StreamingInputCallResponse reply;
    auto probe = stub_->StreamingInputCall(&context, &reply);
    probe->Write(input_request(27182, true));
    probe->WritesDone();
    check_code(probe->Finish(), StatusCode::INVALID_ARGUMENT, "the probe");
  }
  Context context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  StreamingInputCallResponse reply;
  auto stream = stub_->StreamingInputCall(&context, &reply);
  check(stream->Write(input_request(27182, true)), "the compressed write failed");
  check(stream->Write(input_request(45904, false), grpc::WriteOptions().set_no_compression()),
        "the plain write failed");
  stream->WritesDone();
  check_ok(stream->Finish(), "StreamingInputCall");
  check(reply.aggregated_payload_size() == 73086, "of 73086 bytes ", reply.aggregated_payload_size());
}

void Client::server_streaming() {
  Context context;
  auto stream = stub_->StreamingOutputCall(&context, output_request());
  for (const int size : kReplySizes) read(*stream, size);
  check_ok(end(*stream), "StreamingOutputCall");
}

void Client::server_compressed_streaming() {
  Context context;
  auto stream = stub_->StreamingOutputCall(&context, compressed_output_request());
  read(*stream, 31415);
  check(context.compressed(), "the first reply is not compressed");
  read(*stream, 92653);
  check(!context.compressed(), "the second reply is compressed");
  check_ok(end(*stream), "StreamingOutputCall");
}

void Client::ping_pong() {
  Context context;
  auto stream = stub_->FullDuplexCall(&context);
  for (std::size_t i = 0; i < kRequestSizes.size(); ++i) {
    check(stream->Write(turn_request(kRequestSizes[i], kReplySizes[i])), "a write failed");
    read(*stream, kReplySizes[i]);
  }
  stream->WritesDone();
  check_ok(end(*stream), "FullDuplexCall");
}

void Client::empty_stream() {
  Context context;
  auto stream = stub_->FullDuplexCall(&context);
  stream->WritesDone();
  check_ok(end(*stream), "FullDuplexCall");
}

void Client::custom_metadata() {
  const auto prepare = [](Context& context) {
    context.AddMetadata(kEchoInitial, kInitialValue);
    context.AddMetadata(kEchoTrailing, kTrailingValue);
  };
  const auto check_echoes = [](const Context& context) {
    const auto& header = context.GetServerInitialMetadata();
    const auto initial = header.find(kEchoInitial);
    check(initial != header.end() && text_of(initial->second) == kInitialValue, kEchoInitial,
          " is not in the header");
    const auto& trailer = context.GetServerTrailingMetadata();
    const auto trailing = trailer.find(kEchoTrailing);
    check(trailing != trailer.end() && text_of(trailing->second) == kTrailingValue, kEchoTrailing,
          " is not in the trailer");
  };
  Context unary_context, context;
  prepare(unary_context);
  SimpleResponse reply;
  check_large(stub_->UnaryCall(&unary_context, large_request(), &reply), reply);
  check_echoes(unary_context);
  prepare(context);
  auto stream = stub_->FullDuplexCall(&context);
  check(stream->Write(turn_request(kLargeRequest, kLargeReply)), "a write failed");
  stream->WritesDone();
  read(*stream, kLargeReply);
  check_ok(end(*stream), "FullDuplexCall");
  check_echoes(context);
}

void Client::status_code_and_message() {
  Context unary_context, context;
  SimpleResponse reply;
  const SimpleRequest request = status_request(kStatusMessage);
  check_message(stub_->UnaryCall(&unary_context, request, &reply), kStatusMessage, "UnaryCall");
  StreamingOutputCallRequest turn;
  *turn.mutable_response_status() = request.response_status();
  auto stream = stub_->FullDuplexCall(&context);
  check(stream->Write(turn), "a write failed");
  stream->WritesDone();
  check_message(end(*stream), kStatusMessage, "FullDuplexCall");
}

void Client::special_status_message() {
  Context context;
  SimpleResponse reply;
  check_message(stub_->UnaryCall(&context, status_request(kSpecialMessage), &reply), kSpecialMessage,
                "UnaryCall");
}

template <class Stub>
void Client::unimplemented(Stub& stub) {
  Context context;
  Empty reply;
  check_code(stub.UnimplementedCall(&context, Empty(), &reply), StatusCode::UNIMPLEMENTED,
             "UnimplementedCall");
}

void Client::cancel_after_begin() {
  Context context;
  StreamingInputCallResponse reply;
  auto stream = stub_->StreamingInputCall(&context, &reply);
  context.TryCancel();
  check_code(stream->Finish(), StatusCode::CANCELLED, "StreamingInputCall");
}

void Client::cancel_after_first_response() {
  Context context;
  auto stream = stub_->FullDuplexCall(&context);
  check(stream->Write(turn_request(kRequestSizes[0], kReplySizes[0])), "a write failed");
  read(*stream, kReplySizes[0]);
  context.TryCancel();
  check_code(end(*stream), StatusCode::CANCELLED, "FullDuplexCall");
}

void Client::timeout_on_sleeping_server() {
  Context context(1ms);
  auto stream = stub_->FullDuplexCall(&context);
  stream->Write(turn_request(kRequestSizes[0], -1));
  check_code(end(*stream), StatusCode::DEADLINE_EXCEEDED, "FullDuplexCall");
}

void Client::concurrent_large_unary() {
  struct Call {
    grpc::ClientContext context;
    SimpleResponse reply;
    Status status;
  };
  const SimpleRequest request = large_request();
  std::vector<std::unique_ptr<Call>> calls;
  std::mutex mutex;
  std::condition_variable ended;
  int left = settings_.concurrent_calls;
  for (int i = 0; i < settings_.concurrent_calls; ++i) {
    Call* call = calls.emplace_back(std::make_unique<Call>()).get();
    stub_->async()->UnaryCall(&call->context, &request, &call->reply, [&, call](Status status) {
      const std::lock_guard lock(mutex);
      call->status = std::move(status);
      if (--left == 0) ended.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  ended.wait(lock, [&] { return left == 0; });
  for (const auto& call : calls) check_large(call->status, call->reply);
}

void Client::soak_call(TestService::Stub& stub) {
  grpc::ClientContext context;
  SimpleResponse reply;
  check_ok(stub.UnaryCall(&context, large_request(settings_.soak_request_size, settings_.soak_response_size),
                          &reply),
           "UnaryCall");
  check_payload(reply.payload(), settings_.soak_response_size, "UnaryCall");
}

void wait_until(Clock::time_point time) { std::promise<void>().get_future().wait_until(time); }

void Client::run_soak(const std::function<void()>& one) {
  const Clock::time_point epoch;
  soak(
      settings_, [&] { return Millis(Clock::now() - epoch); },
      [&](Millis time) { wait_until(epoch + std::chrono::duration_cast<Clock::duration>(time)); }, one);
}

void Client::long_lived_channel() {
  for (int i = 0; i < settings_.soak_iterations; ++i) {
    if (i > 0)
      wait_until(Clock::now() + std::chrono::duration_cast<Clock::duration>(settings_.iteration_interval));
    large_unary();
  }
}

std::vector<Client::Case> Client::cases() {
  return {
      {"empty_unary", [this] { empty_unary(); }},
      {"large_unary", [this] { large_unary(); }},
      {"client_compressed_unary", [this] { client_compressed_unary(); }},
      {"server_compressed_unary", [this] { server_compressed_unary(); }},
      {"client_streaming", [this] { client_streaming(); }},
      {"client_compressed_streaming", [this] { client_compressed_streaming(); }},
      {"server_streaming", [this] { server_streaming(); }},
      {"server_compressed_streaming", [this] { server_compressed_streaming(); }},
      {"ping_pong", [this] { ping_pong(); }},
      {"empty_stream", [this] { empty_stream(); }},
      {"custom_metadata", [this] { custom_metadata(); }},
      {"status_code_and_message", [this] { status_code_and_message(); }},
      {"special_status_message", [this] { special_status_message(); }},
      {"unimplemented_method", [this] { unimplemented(*stub_); }},
      {"unimplemented_service", [this] { unimplemented(*UnimplementedService::NewStub(channel_)); }},
      {"cancel_after_begin", [this] { cancel_after_begin(); }},
      {"cancel_after_first_response", [this] { cancel_after_first_response(); }},
      {"timeout_on_sleeping_server", [this] { timeout_on_sleeping_server(); }},
      {"concurrent_large_unary", [this] { concurrent_large_unary(); }},
      {"rpc_soak", [this] { run_soak([this] { soak_call(*stub_); }); }},
      {"channel_soak", [this] { run_soak([this] { soak_call(*TestService::NewStub(dial())); }); }},
      {"long_lived_channel", [this] { long_lived_channel(); }},
  };
}

int run(const Flags& flags) {
  if (flags.is("version")) return std::printf("%s\n", grpc::Version().c_str()) > 0 ? 0 : 1;
  check_no_tls(flags);
  Client client(host_and_port(flags), Settings(flags));
  const std::vector<Client::Case> cases = client.cases();
  std::vector<std::string> names;
  for (const auto& [name, unused] : cases) names.push_back(name);
  return run_cases(flags, names, [&](const std::string& name) {
    for (const auto& [known, one] : cases) {
      if (known == name) one();
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(Flags(argc, argv, kClientFlags));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
}
