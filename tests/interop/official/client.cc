// The client of gRPC's interop service, with the official flags. Ours are `--target=ADDR` instead of a host
// and a port, `--threads=N`, and `--concurrent_calls=N`; a target `pipe:NAME` brings up the server in this
// process.
#include <optional>

#include "cases.h"
#include "service.h"

namespace {

using namespace official;

struct PipeServer {
  PipeServer(sluice::Runtime& runtime, const std::string& addr)
      : service("pipe"), server(runtime, server_options()) {
    if (sluice::Status s = server.register_service(service); !s.ok()) throw sluice::StatusError(s);
    if (sluice::Status s = server.serve(runtime.listen(addr).value()); !s.ok()) throw sluice::StatusError(s);
  }
  TestService service;
  sluice::Server server;
};

int run(const Flags& flags) {
  check_no_tls(flags);
  sluice::Runtime runtime({.threads = static_cast<unsigned>(flags.count("threads", 0))});
  std::string target = flags.get("target");
  if (target.empty()) target = "tcp:" + host_and_port(flags);
  std::optional<PipeServer> server;
  if (target.starts_with("pipe:")) server.emplace(runtime, target);
  Cases cases(runtime, target, flags.get("server_host_override"), Settings(flags));
  return run_cases(flags, Cases::names(), [&](const std::string& name) { cases.run(name); });
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
