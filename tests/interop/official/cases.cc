// What each case of gRPC's interop service sends and checks.
#include "cases.h"

#include <optional>
#include <utility>

#include "sluice/compression/compressors.h"

namespace official {

using namespace std::chrono_literals;
using sluice::Result;
using sluice::Status;
using sluice::StatusCode;

namespace {

constexpr sluice::Duration kCallTimeout = 60s;

void check_ok(const Status& status, std::string_view what) { check(status.ok(), what, ": ", status); }
void check_code(const Status& status, StatusCode code, std::string_view what) {
  check(status.code() == code, what, ": want ", code, ", got ", status);
}
void check_status(const Status& status, StatusCode code, std::string_view message, std::string_view what) {
  check_code(status, code, what);
  check(status.message() == message, what, ": want message ", message, ", got ", status.message());
}
void check_large(const Result<SimpleResponse>& reply, std::string_view what) {
  check_ok(reply.status(), what);
  check_payload(reply->payload(), kLargeReply, what);
}
// That the stream has ended; its status.
template <class Stream>
Status end(Stream& stream) {
  check(!stream.read().get(), "a reply more than expected");
  return stream.finish().get();
}
template <class Stream>
void read(Stream& stream, int size, std::string_view what) {
  const auto reply = stream.read().get();
  if (!reply) check(false, what, ": the stream ended, ", stream.finish().get());
  check_payload(reply->payload(), size, what);
}
void check_echoes(const sluice::Metadata& header, const sluice::Metadata& trailer, std::string_view what) {
  check(header.get(kEchoInitial) == kInitialValue, what, ": ", kEchoInitial, " is not in the header");
  check(trailer.get(kEchoTrailing) == kTrailingValue, what, ": ", kEchoTrailing, " is not in the trailer");
}

sluice::Task<void> sleep_for(sluice::Duration time) {
  const Status slept = co_await sluice::sleep(time);
  check_ok(slept, "sleep");
}

}  // namespace

Cases::Cases(sluice::Runtime& runtime, std::string target, std::string authority, const Settings& settings)
    : runtime_(runtime),
      target_(std::move(target)),
      authority_(std::move(authority)),
      settings_(settings),
      channel_(dial()),
      stub_(channel_) {}

sluice::Channel Cases::dial() const {
  return sluice::dial(runtime_, target_, {.authority = authority_, .compressors = sluice::all_compressors()})
      .value();
}

Result<SimpleResponse> Cases::call(const SimpleRequest& request, std::string_view algorithm) const {
  return stub_.UnaryCall(request, {.timeout = kCallTimeout, .compression_algorithm = algorithm}).get();
}

void Cases::empty_unary() {
  check_ok(stub_.EmptyCall(Empty(), {.timeout = kCallTimeout}).get().status(), "EmptyCall");
}

void Cases::large_unary() { check_large(call(large_request()), "UnaryCall"); }

void Cases::client_compressed_unary() {
  SimpleRequest request = large_request();
  request.mutable_expect_compressed()->set_value(true);
  check_code(call(request).status(), StatusCode::kInvalidArgument, "the probe");
  check_large(call(request, "gzip"), "compressed");
  request.mutable_expect_compressed()->set_value(false);
  check_large(call(request), "not compressed");
}

void Cases::server_compressed_unary() {
  for (const bool want : {true, false}) {
    SimpleRequest request = large_request();
    request.mutable_response_compressed()->set_value(want);
    bool compressed = !want;
    const auto reply =
        stub_.UnaryCall(request, {.timeout = kCallTimeout, .reply_compressed = &compressed}).get();
    check_large(reply, "UnaryCall");
    check(compressed == want, "the reply is ", compressed ? "" : "not ", "compressed");
  }
}

void Cases::client_streaming() {
  auto stream = stub_.StreamingInputCall({.timeout = kCallTimeout});
  for (const int size : kRequestSizes) check_ok(stream.write(input_request(size)).get(), "write");
  const Result<StreamingInputCallResponse> reply = stream.finish().get();
  check_ok(reply.status(), "StreamingInputCall");
  check(reply->aggregated_payload_size() == 74922, "of 74922 bytes ", reply->aggregated_payload_size());
}

void Cases::client_compressed_streaming() {
  {
    auto probe = stub_.StreamingInputCall({.timeout = kCallTimeout});
    check_ok(probe.write(input_request(27182, true)).get(), "the probe's write");
    check_code(probe.finish().get().status(), StatusCode::kInvalidArgument, "the probe");
  }
  auto stream = stub_.StreamingInputCall({.timeout = kCallTimeout, .compression_algorithm = "gzip"});
  check_ok(stream.write(input_request(27182, true)).get(), "compressed write");
  check_ok(stream.write(input_request(45904, false), {.no_compression = true}).get(), "plain write");
  const Result<StreamingInputCallResponse> reply = stream.finish().get();
  check_ok(reply.status(), "StreamingInputCall");
  check(reply->aggregated_payload_size() == 73086, "of 73086 bytes ", reply->aggregated_payload_size());
}

void Cases::server_streaming() {
  auto stream = stub_.StreamingOutputCall(output_request(), {.timeout = kCallTimeout});
  for (const int size : kReplySizes) read(stream, size, "StreamingOutputCall");
  check_ok(end(stream), "StreamingOutputCall");
}

void Cases::server_compressed_streaming() {
  auto stream = stub_.StreamingOutputCall(compressed_output_request(), {.timeout = kCallTimeout});
  read(stream, 31415, "the compressed reply");
  check(stream.message_compressed(), "the first reply is not compressed");
  read(stream, 92653, "the plain reply");
  check(!stream.message_compressed(), "the second reply is compressed");
  check_ok(end(stream), "StreamingOutputCall");
}

void Cases::ping_pong() {
  auto stream = stub_.FullDuplexCall({.timeout = kCallTimeout});
  for (std::size_t i = 0; i < kRequestSizes.size(); ++i) {
    check_ok(stream.write(turn_request(kRequestSizes[i], kReplySizes[i])).get(), "write");
    read(stream, kReplySizes[i], "FullDuplexCall");
  }
  check_ok(stream.close_write().get(), "close_write");
  check_ok(end(stream), "FullDuplexCall");
}

void Cases::empty_stream() {
  auto stream = stub_.FullDuplexCall({.timeout = kCallTimeout});
  check_ok(stream.close_write().get(), "close_write");
  check_ok(end(stream), "FullDuplexCall");
}

void Cases::custom_metadata() {
  const sluice::Metadata sent{{kEchoInitial, kInitialValue}, {kEchoTrailing, kTrailingValue}};
  sluice::Metadata header, trailer;
  const auto reply =
      stub_
          .UnaryCall(large_request(),
                     {.timeout = kCallTimeout, .metadata = &sent, .header = &header, .trailer = &trailer})
          .get();
  check_large(reply, "UnaryCall");
  check_echoes(header, trailer, "UnaryCall");

  auto stream = stub_.FullDuplexCall({.timeout = kCallTimeout, .metadata = &sent});
  check_ok(stream.write(turn_request(kLargeRequest, kLargeReply), {.last = true}).get(), "write");
  read(stream, kLargeReply, "FullDuplexCall");
  check_ok(end(stream), "FullDuplexCall");
  check_echoes(stream.header(), stream.trailer(), "FullDuplexCall");
}

void Cases::status_code_and_message() {
  check_status(call(status_request(kStatusMessage)).status(), StatusCode::kUnknown, kStatusMessage,
               "UnaryCall");
  StreamingOutputCallRequest request;
  *request.mutable_response_status() = status_request(kStatusMessage).response_status();
  auto stream = stub_.FullDuplexCall({.timeout = kCallTimeout});
  check_ok(stream.write(request, {.last = true}).get(), "write");
  check_status(end(stream), StatusCode::kUnknown, kStatusMessage, "FullDuplexCall");
}

void Cases::special_status_message() {
  check_status(call(status_request(kSpecialMessage)).status(), StatusCode::kUnknown, kSpecialMessage,
               "UnaryCall");
}

void Cases::unimplemented_method() {
  check_code(stub_.UnimplementedCall(Empty(), {.timeout = kCallTimeout}).get().status(),
             StatusCode::kUnimplemented, "TestService/UnimplementedCall");
}

void Cases::unimplemented_service() {
  const grpc::testing::UnimplementedService::Stub stub(channel_);
  check_code(stub.UnimplementedCall(Empty(), {.timeout = kCallTimeout}).get().status(),
             StatusCode::kUnimplemented, "UnimplementedService/UnimplementedCall");
}

void Cases::cancel_after_begin() {
  empty_unary();  // so that there is a connection, and the call's header is sent
  auto stream = stub_.StreamingInputCall({.timeout = kCallTimeout});
  runtime_.poll();
  stream.cancel();
  check_code(stream.finish().get().status(), StatusCode::kCancelled, "StreamingInputCall");
}

void Cases::cancel_after_first_response() {
  auto stream = stub_.FullDuplexCall({.timeout = kCallTimeout});
  check_ok(stream.write(turn_request(kRequestSizes[0], kReplySizes[0])).get(), "write");
  read(stream, kReplySizes[0], "FullDuplexCall");
  stream.cancel();
  check_code(end(stream), StatusCode::kCancelled, "FullDuplexCall");
}

void Cases::timeout_on_sleeping_server() {
  auto stream = stub_.FullDuplexCall({.timeout = 1ms});
  // Fails if the time is up already.
  const Status written = stream.write(turn_request(kRequestSizes[0], -1)).get();
  (void)written;
  check_code(end(stream), StatusCode::kDeadlineExceeded, "FullDuplexCall");
}

void Cases::concurrent_large_unary() {
  const SimpleRequest request = large_request();
  std::vector<sluice::Call<SimpleResponse>> calls;
  // Without a deadline: under a sanitizer all of them together take a minute.
  for (int i = 0; i < settings_.concurrent_calls; ++i) calls.push_back(stub_.UnaryCall(request).start());
  for (auto& one : calls) check_large(one.get(), "UnaryCall");
}

void Cases::soak_call(const sluice::Channel& channel) const {
  // Without a deadline: how long it took is judged afterwards.
  const auto reply =
      Stub(channel).UnaryCall(large_request(settings_.soak_request_size, settings_.soak_response_size)).get();
  check_ok(reply.status(), "UnaryCall");
  check_payload(reply->payload(), settings_.soak_response_size, "UnaryCall");
}

void Cases::rpc_soak() {
  soak(
      settings_, [this] { return now(); }, [this](Millis time) { pause_until(time); },
      [this] { soak_call(channel_); });
}

void Cases::channel_soak() {
  soak(
      settings_, [this] { return now(); }, [this](Millis time) { pause_until(time); },
      [this] { soak_call(dial()); });
}

void Cases::long_lived_channel() {
  for (int i = 0; i < settings_.soak_iterations; ++i) {
    if (i > 0) pause_until(now() + settings_.iteration_interval);
    large_unary();
  }
}

Millis Cases::now() const { return runtime_.now().time_since_epoch(); }

void Cases::pause_until(Millis time) {
  const Millis left = time - now();
  if (left.count() > 0) runtime_.run(sleep_for(std::chrono::duration_cast<sluice::Duration>(left)));
}

struct Cases::Case {
  std::string_view name;
  void (Cases::*run)();
};

const std::vector<Cases::Case>& Cases::all() {
  static const std::vector<Case> kCases = {
      {"empty_unary", &Cases::empty_unary},
      {"large_unary", &Cases::large_unary},
      {"client_compressed_unary", &Cases::client_compressed_unary},
      {"server_compressed_unary", &Cases::server_compressed_unary},
      {"client_streaming", &Cases::client_streaming},
      {"client_compressed_streaming", &Cases::client_compressed_streaming},
      {"server_streaming", &Cases::server_streaming},
      {"server_compressed_streaming", &Cases::server_compressed_streaming},
      {"ping_pong", &Cases::ping_pong},
      {"empty_stream", &Cases::empty_stream},
      {"custom_metadata", &Cases::custom_metadata},
      {"status_code_and_message", &Cases::status_code_and_message},
      {"special_status_message", &Cases::special_status_message},
      {"unimplemented_method", &Cases::unimplemented_method},
      {"unimplemented_service", &Cases::unimplemented_service},
      {"cancel_after_begin", &Cases::cancel_after_begin},
      {"cancel_after_first_response", &Cases::cancel_after_first_response},
      {"timeout_on_sleeping_server", &Cases::timeout_on_sleeping_server},
      {"concurrent_large_unary", &Cases::concurrent_large_unary},
      {"rpc_soak", &Cases::rpc_soak},
      {"channel_soak", &Cases::channel_soak},
      {"long_lived_channel", &Cases::long_lived_channel},
  };
  return kCases;
}

std::vector<std::string> Cases::names() {
  std::vector<std::string> names;
  for (const Case& one : all()) names.emplace_back(one.name);
  return names;
}

void Cases::run(const std::string& name) {
  for (const Case& one : all()) {
    if (one.name == name) return (this->*one.run)();
  }
  throw Failure("no such case: " + name);
}

}  // namespace official
