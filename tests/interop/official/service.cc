// The handlers of gRPC's interop service.
#include "service.h"

#include <unistd.h>

#include <utility>

#include "sluice/compression/compressors.h"

namespace official {

using sluice::Result;
using sluice::ServerContext;
using sluice::Status;
using sluice::StatusCode;
using sluice::Task;

namespace {

constexpr int kMaxPayload = 64 << 20;

// What every method does first.
Status echo_metadata(ServerContext& context) {
  Status status;
  for (const std::string_view value : context.metadata().get_all(kEchoInitial)) {
    if (status.ok()) status = context.add_header(kEchoInitial, value);
  }
  for (const std::string_view value : context.metadata().get_all(kEchoTrailing)) {
    if (status.ok()) status = context.add_trailer(kEchoTrailing, value);
  }
  return status;
}

// INVALID_ARGUMENT when the message read last did not come as it says it does.
template <class Request>
Status check_compression(const ServerContext& context, const Request& request) {
  if (!request.has_expect_compressed()) return {};
  const bool want = request.expect_compressed().value();
  if (want == context.message_compressed()) return {};
  return {StatusCode::kInvalidArgument, want ? "the request is not compressed" : "the request is compressed"};
}

Status check_reply(int type, int size) {
  if (type != grpc::testing::COMPRESSABLE)
    return {StatusCode::kInvalidArgument, "no payload of type " + std::to_string(type)};
  if (size < 0 || size > kMaxPayload)
    return {StatusCode::kInvalidArgument, "no payload of " + std::to_string(size) + " bytes"};
  return {};
}

template <class Request>
Status wanted_status(const Request& request) {
  const auto& status = request.response_status();
  if (status.code() == 0) return {};
  return {static_cast<StatusCode>(status.code()), status.message()};
}

// A stream's replies say one by one whether they are compressed, and the header must have the algorithm
// before the first of them is seen. A client that accepts none gets them as they are.
void prepare_compression(ServerContext& context) {
  const Status accepted = context.set_compression_algorithm("gzip");
  (void)accepted;
}

// The replies that one request asks for, each as long after the one before as it says.
template <class Stream>
Task<Status> write_replies(ServerContext& context, const StreamingOutputCallRequest& request,
                           Stream& stream) {
  StreamingOutputCallResponse reply;
  for (const auto& parameters : request.response_parameters()) {
    if (Status s = check_reply(request.response_type(), parameters.size()); !s.ok()) co_return s;
    if (parameters.interval_us() > 0) {
      const Status slept =
          co_await sluice::sleep(std::chrono::microseconds(parameters.interval_us()), context.context());
      if (!slept.ok()) co_return slept;
    }
    fill(*reply.mutable_payload(), parameters.size());
    const sluice::WriteOptions options{.no_compression = !parameters.compressed().value()};
    const Status written = co_await stream.write(reply, options);
    if (!written.ok()) co_return written;
  }
  co_return Status();
}

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace

TestService::TestService(std::string id) : id_(std::move(id)), desc_(Service::service_desc()) {
  for (const sluice::MethodDesc& method : desc_.methods) {
    if (method.name != "UnimplementedCall" && method.name != "CacheableUnaryCall") methods_.push_back(method);
  }
  desc_.methods = methods_;
}

Task<Result<Empty>> TestService::EmptyCall(ServerContext& context, const Empty&) {
  if (Status s = echo_metadata(context); !s.ok()) co_return s;
  co_return Empty();
}

Task<Result<SimpleResponse>> TestService::UnaryCall(ServerContext& context, const SimpleRequest& request) {
  if (Status s = echo_metadata(context); !s.ok()) co_return s;
  if (Status s = check_compression(context, request); !s.ok()) co_return s;
  if (Status s = wanted_status(request); !s.ok()) co_return s;
  if (Status s = check_reply(request.response_type(), request.response_size()); !s.ok()) co_return s;
  if (request.response_compressed().value()) prepare_compression(context);
  SimpleResponse reply;
  fill(*reply.mutable_payload(), request.response_size());
  if (request.fill_server_id()) {
    reply.set_server_id(id_);
    reply.set_hostname(host_name());
  }
  co_return reply;
}

Task<Status> TestService::StreamingOutputCall(ServerContext& context,
                                              const StreamingOutputCallRequest& request,
                                              sluice::ServerWriter<StreamingOutputCallResponse>& writer) {
  if (Status s = echo_metadata(context); !s.ok()) co_return s;
  if (Status s = wanted_status(request); !s.ok()) co_return s;
  prepare_compression(context);
  co_return co_await write_replies(context, request, writer);
}

Task<Result<StreamingInputCallResponse>> TestService::StreamingInputCall(
    ServerContext& context, sluice::ServerReader<StreamingInputCallRequest>& reader) {
  if (Status s = echo_metadata(context); !s.ok()) co_return s;
  StreamingInputCallResponse reply;
  StreamingInputCallRequest request;
  while (co_await reader.read_into(request)) {
    if (Status s = check_compression(context, request); !s.ok()) co_return s;
    reply.set_aggregated_payload_size(reply.aggregated_payload_size() +
                                      static_cast<int>(request.payload().body().size()));
  }
  co_return reply;
}

Task<Status> TestService::FullDuplexCall(
    ServerContext& context,
    sluice::ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>& stream) {
  if (Status s = echo_metadata(context); !s.ok()) co_return s;
  prepare_compression(context);
  StreamingOutputCallRequest request;
  while (co_await stream.read_into(request)) {
    if (Status s = wanted_status(request); !s.ok()) co_return s;
    const Status written = co_await write_replies(context, request, stream);
    if (!written.ok()) co_return written;
  }
  co_return Status();
}

Task<Status> TestService::HalfDuplexCall(
    ServerContext& context,
    sluice::ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>& stream) {
  if (Status s = echo_metadata(context); !s.ok()) co_return s;
  prepare_compression(context);
  std::vector<StreamingOutputCallRequest> requests;
  StreamingOutputCallRequest request;
  while (co_await stream.read_into(request)) requests.push_back(request);
  for (const StreamingOutputCallRequest& one : requests) {
    if (Status s = wanted_status(one); !s.ok()) co_return s;
    const Status written = co_await write_replies(context, one, stream);
    if (!written.ok()) co_return written;
  }
  co_return Status();
}

sluice::ServerOptions server_options() {
  sluice::ServerOptions options;
  options.max_concurrent_streams = 1000;  // as many as concurrent_large_unary has
  options.compressors = sluice::all_compressors();
  return options;
}

}  // namespace official
