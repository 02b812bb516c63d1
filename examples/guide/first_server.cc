// The guide's first server: a notebook behind an address, until Ctrl-C. Its client is first_client.cc.
// [server.cc]
#include <sluice/sluice.h>

#include <csignal>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>

#include "notes.sluice.h"

using namespace std::chrono_literals;

// [service]
class Notebook final : public notes::Notes::Service {
  sluice::Task<sluice::Result<notes::Note>> Add(sluice::ServerContext&, const notes::Note& request) override {
    notes::Note note = request;
    note.set_id(static_cast<std::int64_t>(notes_.size()) + 1);
    notes_[note.id()] = note;
    co_return note;
  }

  sluice::Task<sluice::Result<notes::Note>> Get(sluice::ServerContext&,
                                                const notes::GetRequest& request) override {
    const auto found = notes_.find(request.id());
    if (found == notes_.end()) {
      co_return {sluice::StatusCode::kNotFound, "there is no note " + std::to_string(request.id())};
    }
    co_return found->second;
  }

  std::map<std::int64_t, notes::Note> notes_;
};
// [/service]

int main(int argc, char** argv) {
  const std::string addr = argc > 1 ? argv[1] : "tcp:127.0.0.1:50051";
  // [block]
  sluice::Status status = sluice::block_signals({SIGINT, SIGTERM});  // before there are threads
  // [/block]

  // [main]
  sluice::Runtime runtime;
  Notebook notebook;
  sluice::Server server(runtime);
  if (status.ok()) status = server.register_service(notebook);
  if (status.ok()) status = server.serve(runtime.listen(addr).value());
  // [/main]
  if (!status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  std::cout << "listening on " << server.addrs().front().to_string() << std::endl;

  // [stop]
  const auto signal = runtime.run(sluice::wait_signal({SIGINT, SIGTERM}));  // serves meanwhile
  status = sluice::unblock_signals({SIGINT, SIGTERM});                      // the second Ctrl-C kills
  const auto report = server.stop(runtime.now() + 5s).get();
  // [/stop]
  std::cout << "stopped" << std::endl;
  return signal.ok() && status.ok() && report.ok() ? 0 : 1;
}
// [/server.cc]
