// sluice's server of the interop matrix; README.md has its command line.
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "sluice_service.h"

namespace {

using namespace interop;
using namespace std::chrono_literals;

int serve(const Args& args) {
  // Blocked in every thread; main waits for it.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  sluice::Runtime runtime({.threads = static_cast<unsigned>(std::stoi(args.get("--threads", "1"))),
                           .log = [](sluice::LogLevel, std::string_view text) {
                             std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
                           }});
  SluiceService service([] { kill(getpid(), SIGTERM); });
  const auto number = [&](const std::string& flag, const std::string& otherwise) {
    return static_cast<std::uint32_t>(std::stoul(args.get(flag, otherwise)));
  };
  sluice::ServerOptions options;
  options.max_concurrent_streams = number("--max-streams", "2000");
  options.max_receive_message_size = number("--max-message", "4194304");
  if (args.has("--max-headers"))
    options.limits.header_list_size = options.limits.header_list_hard_limit = number("--max-headers", "");
  sluice::Server server(runtime, options);
  if (sluice::Status status = server.register_service(service); !status.ok())
    throw sluice::StatusError(status);
  auto listener = runtime.listen(args.get("--listen")).value();
  const std::string addr = listener->addr().to_string();
  if (sluice::Status status = server.serve(std::move(listener)); !status.ok())
    throw sluice::StatusError(status);
  std::printf("listening %s\n", addr.c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  const sluice::StopReport report = server.stop(runtime.now() + 30s).get().value();
  tell_peaks(server.limit_peaks());
  for (const auto& call : report.still_running) {
    std::fprintf(stderr, "still running: %s of %s, %s\n", call.method.c_str(), call.peer.c_str(),
                 call.state.c_str());
  }
  return report.still_running.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return serve(Args(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "interop_sluice_server: %s\n", error.what());
    return 1;
  }
}
