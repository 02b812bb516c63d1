// See grpcpp.h.
#include "grpcpp.h"

#include <grpcpp/create_channel_posix.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "support/crew.h"

namespace bench {
namespace {

constexpr int kStreamWindow = 8 << 20;  // as wide as sluice's over a pipe

}  // namespace

void prepare(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kStreamWindow);
}

std::shared_ptr<grpc::Channel> connect(grpc::Server& server, Carrier carrier) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  if (carrier == Carrier::kInProcess) return server.InProcessChannel(arguments);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kStreamWindow);
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    std::perror("socketpair");
    std::exit(1);
  }
  grpc::AddInsecureChannelFromFd(&server, ends[0]);
  return grpc::CreateCustomInsecureChannelFromFd("socketpair", ends[1], arguments);
}

}  // namespace bench

int main(int argc, char** argv) {
  return bench::subject_main(argc, argv, [](const bench::Options& options) {
    std::string_view api = options.api;
    bench::Carrier carrier = bench::Carrier::kInProcess;
    if (std::size_t at = api.find(" socketpair"); at != api.npos) {
      carrier = bench::Carrier::kSocketpair;
      api = api.substr(0, at);
    }
    if (api == "sync") return bench::make_grpcpp_sync(carrier);
    if (api == "callback") return bench::make_grpcpp_callback(carrier);
    if (api == "cq") return bench::make_grpcpp_cq(carrier);
    if (api == "cq-threads")
      return bench::make_grpcpp_cq_threads(carrier, options.pinning == bench::kTwoCores);
    std::fprintf(stderr,
                 "grpc++ has sync, callback and cq, each alone or followed by \" socketpair\", not \"%s\"\n",
                 options.api.c_str());
    std::exit(2);
  });
}
