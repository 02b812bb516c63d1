// The interop service by grpc++ (synchronous API): what the official servers of grpc-go and Ruby leave out is
// compression, and our client's cases of it want a server that others wrote.
#include <unistd.h>

#include <csignal>
#include <future>

#include "inspect.h"

namespace {

using namespace official;
using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;

void echo_metadata(ServerContext& context) {
  for (const auto& [key, value] : context.client_metadata()) {
    if (text_of(key) == kEchoInitial) context.AddInitialMetadata(kEchoInitial, text_of(value));
    if (text_of(key) == kEchoTrailing) context.AddTrailingMetadata(kEchoTrailing, text_of(value));
  }
}

template <class Request>
Status check_compression(ServerContext& context, const Request& request) {
  if (!request.has_expect_compressed()) return Status::OK;
  if (request.expect_compressed().value() == message_compressed(context.c_call())) return Status::OK;
  return {StatusCode::INVALID_ARGUMENT, "the request is compressed, or is not, against its own word"};
}

template <class Request>
Status wanted_status(const Request& request) {
  return {static_cast<StatusCode>(request.response_status().code()), request.response_status().message()};
}

// Until the time has come or the call has been cancelled.
void pause(std::chrono::microseconds time) {
  if (time.count() > 0) std::promise<void>().get_future().wait_for(time);
}

template <class Stream>
Status write_replies(const StreamingOutputCallRequest& request, Stream& stream) {
  StreamingOutputCallResponse reply;
  for (const auto& parameters : request.response_parameters()) {
    pause(std::chrono::microseconds(parameters.interval_us()));
    fill(*reply.mutable_payload(), parameters.size());
    grpc::WriteOptions options;
    if (!parameters.compressed().value()) options.set_no_compression();
    if (!stream.Write(reply, options)) return {StatusCode::CANCELLED, "the call is over"};
  }
  return Status::OK;
}

class Service final : public grpc::testing::TestService::Service {
 public:
  Status EmptyCall(ServerContext* context, const Empty*, Empty*) override {
    echo_metadata(*context);
    return Status::OK;
  }
  Status UnaryCall(ServerContext* context, const SimpleRequest* request, SimpleResponse* reply) override {
    echo_metadata(*context);
    if (Status s = check_compression(*context, *request); !s.ok()) return s;
    if (Status s = wanted_status(*request); !s.ok()) return s;
    context->set_compression_algorithm(request->response_compressed().value() ? GRPC_COMPRESS_GZIP
                                                                              : GRPC_COMPRESS_NONE);
    fill(*reply->mutable_payload(), request->response_size());
    return Status::OK;
  }
  Status StreamingOutputCall(ServerContext* context, const StreamingOutputCallRequest* request,
                             grpc::ServerWriter<StreamingOutputCallResponse>* writer) override {
    echo_metadata(*context);
    if (Status s = wanted_status(*request); !s.ok()) return s;
    context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    return write_replies(*request, *writer);
  }
  Status StreamingInputCall(ServerContext* context, grpc::ServerReader<StreamingInputCallRequest>* reader,
                            StreamingInputCallResponse* reply) override {
    echo_metadata(*context);
    int size = 0;
    for (StreamingInputCallRequest request; reader->Read(&request);) {
      if (Status s = check_compression(*context, request); !s.ok()) return s;
      size += static_cast<int>(request.payload().body().size());
    }
    reply->set_aggregated_payload_size(size);
    return Status::OK;
  }
  Status FullDuplexCall(
      ServerContext* context,
      grpc::ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>* stream) override {
    echo_metadata(*context);
    context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    for (StreamingOutputCallRequest request; stream->Read(&request);) {
      if (Status s = wanted_status(request); !s.ok()) return s;
      if (Status s = write_replies(request, *stream); !s.ok()) return s;
    }
    return Status::OK;
  }
};

int serve(const Flags& flags) {
  if (flags.is("version")) return std::printf("%s\n", grpc::Version().c_str()) > 0 ? 0 : 1;
  check_no_tls(flags);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  Service service;
  grpc::ServerBuilder builder;
  const std::string addr = flags.get("listen", "tcp:0.0.0.0:" + flags.get("port", "10000")).substr(4);
  int port = 0;
  builder.AddListeningPort(addr, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  check(server && port > 0, "cannot listen at ", addr);
  std::printf("listening tcp:127.0.0.1:%d\n", port);
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return serve(Flags(argc, argv, kServerFlags));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
}
