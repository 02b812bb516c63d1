// The server of gRPC's interop service, with the official flags: `--port=PORT --use_tls=false`. Ours are
// `--listen=ADDR` instead of a port and `--threads=N`; it prints `listening ADDR` and drains at SIGTERM.
#include <pthread.h>
#include <unistd.h>

#include <csignal>

#include "service.h"

namespace {

using namespace official;
using namespace std::chrono_literals;

int serve(const Flags& flags) {
  check_no_tls(flags);
  const std::string addr = flags.get("listen", "tcp:0.0.0.0:" + flags.get("port", "10000"));
  // Blocked in every thread; main waits for it.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  sluice::Runtime runtime({.threads = static_cast<unsigned>(flags.count("threads", 1)),
                           .log = [](sluice::LogLevel, std::string_view text) {
                             std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
                           }});
  TestService service("sluice-" + std::to_string(getpid()));
  sluice::Server server(runtime, server_options());
  if (sluice::Status s = server.register_service(service); !s.ok()) throw sluice::StatusError(s);
  auto listener = runtime.listen(addr).value();
  const std::string bound = listener->addr().to_string();
  if (sluice::Status s = server.serve(std::move(listener)); !s.ok()) throw sluice::StatusError(s);
  std::printf("listening %s\n", bound.c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  const sluice::StopReport report = server.stop(runtime.now() + 10s).get().value();
  for (const auto& call : report.still_running)
    std::fprintf(stderr, "still running: %s of %s, %s\n", call.method.c_str(), call.peer.c_str(),
                 call.state.c_str());
  return report.still_running.empty() ? 0 : 1;
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
