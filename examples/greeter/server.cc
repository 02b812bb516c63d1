// A server by address: it greets until SIGTERM or SIGINT, then drains, and says what it was doing.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "flags.h"
#include "greeter.h"

namespace {

constexpr const char* kUsage =
    "usage: greeter_server --listen ADDR [--listen ADDR]... [--threads N] [--grace SECONDS]\n"
    "  ADDR is tcp:127.0.0.1:50051, tcp:[::1]:0, unix:/run/greeter.sock, ...; port 0 is any free port\n"
    "  --threads  loops with a thread of their own (1); 0: one loop, run by the main thread\n"
    "  --grace    how long calls may go on after SIGTERM or SIGINT (10); a second one kills\n";

struct Options {
  std::vector<std::string> listen;
  unsigned threads = 1;
  unsigned grace = 10;  // seconds
};

bool parse(int argc, char** argv, Options& options) {
  const auto take = [&options](std::string_view name, std::string_view value) {
    if (name == "--listen") return options.listen.emplace_back(value), true;
    if (name == "--threads") return greeter::parse_number(value, options.threads);
    if (name == "--grace") return greeter::parse_number(value, options.grace);
    return false;
  };
  return greeter::parse_flags(argc, argv, take) && !options.listen.empty();
}

void check(const sluice::Status& status) {
  if (!status.ok()) throw sluice::StatusError(status);
}

// Also when stdout is a pipe: whoever started the server waits for these lines.
void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

constexpr sluice::SignalSet kStop{SIGTERM, SIGINT};

void report(const sluice::StopReport& report, std::uint64_t calls) {
  for (const sluice::StopReport::Call& call : report.still_running) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(call.age).count();
    say("still running: " + call.method + " from " + call.peer + ", " + std::to_string(ms) + " ms, " +
        call.state);
  }
  say("stopped: " + std::to_string(calls) + " calls, " + std::to_string(report.calls_cancelled) +
      " cancelled, " + std::to_string(report.still_running.size()) + " still running");
}

void serve(const Options& options) {
  sluice::Runtime runtime({.threads = options.threads, .log = [](sluice::LogLevel, std::string_view line) {
                             std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
                           }});
  greeter::Greeter greeter;
  sluice::Server server(runtime);
  check(server.register_service(greeter));
  for (const std::string& addr : options.listen) {
    std::unique_ptr<sluice::net::Listener> listener = runtime.listen(addr).value();
    const std::string bound = listener->addr().to_string();
    check(server.serve(std::move(listener)));
    say("listening on " + bound);
  }
  // Without threads it serves in here.
  const int signal = runtime.run(sluice::wait_signal(kStop)).value();
  say(std::string(signal == SIGINT ? "SIGINT" : "SIGTERM") + ": draining");
  check(sluice::unblock_signals(kStop));  // the next one kills
  report(server.stop(runtime.now() + std::chrono::seconds(options.grace)).get().value(), greeter.calls());
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  try {
    check(sluice::block_signals(kStop));  // before the Runtime starts its threads
    serve(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "greeter_server: %s\n", error.what());
    return 1;
  }
  return 0;
}
