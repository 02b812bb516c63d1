// The guide's shutting down: a server gets SIGTERM while four of its handlers run, each of another kind. In
// virtual time; the signal is the simulation's.
#include <sluice/sluice.h>
#include <sluice/testing/client_of.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "notes.sluice.h"

using namespace std::chrono_literals;

namespace {

class Notebook final : public notes::Notes::Service {
  // Short work needs nothing: it ends in time.
  sluice::Task<sluice::Result<notes::Note>> Get(sluice::ServerContext& context,
                                                const notes::GetRequest&) override {
    if (sluice::Status s = co_await sluice::sleep(4s, context.context()); !s.ok()) co_return s;
    co_return notes::Note();
  }

  // [watch]
  // What goes on for as long as its client likes looks at draining().
  sluice::Task<sluice::Status> Watch(sluice::ServerContext& context, const notes::WatchRequest&,
                                     sluice::ServerWriter<notes::Note>& writer) override {
    notes::Note note;
    for (int second = 1;; ++second) {
      auto next = co_await sluice::when_any(sluice::sleep(1s, context.context()), context.draining().done());
      if (next.index() == 1) co_return {sluice::StatusCode::kUnavailable, "the server is going down"};
      if (const sluice::Status& s = std::get<0>(next); !s.ok()) co_return s;
      note.set_id(second);
      if (sluice::Status s = co_await writer.write(note); !s.ok()) co_return s;
    }
  }
  // [/watch]

  // Waits for its client and nothing else: cancelled when stop()'s time is up.
  sluice::Task<sluice::Result<notes::ImportReply>> Import(
      sluice::ServerContext&, sluice::ServerReader<notes::Note>& reader) override {
    while (auto note = co_await reader.read()) continue;
    co_return notes::ImportReply();
  }

  // Takes no notice of anything, for a minute.
  sluice::Task<sluice::Status> List(sluice::ServerContext&, const notes::ListRequest&,
                                    sluice::ServerWriter<notes::Note>&) override {
    (void)co_await sluice::sleep(60s);
    co_return sluice::Status();
  }
};

void print(const char* who, const sluice::Status& status) {
  std::printf("%s: %s\n", who, status.to_string().c_str());
}

// [serve]
sluice::Task<> serve(sluice::Runtime& runtime, sluice::Server& server) {
  const sluice::Result<int> signal = co_await sluice::wait_signal({SIGINT, SIGTERM});
  std::printf("signal %d: draining\n", signal.value_or(0));
  const auto report = co_await server.stop(runtime.now() + 10s);
  if (!report.ok()) co_return print("stop", report.status());
  std::printf("stopped: %zu cancelled\n", report->calls_cancelled);
  for (const sluice::StopReport::Call& call : report->still_running) {
    std::printf("  still running: %s, %s\n", call.method.c_str(), call.state.c_str());
  }
}
// [/serve]

sluice::Task<> sigterm_after(sluice::Runtime& runtime, sluice::Duration time) {
  (void)co_await sluice::sleep(time);
  print("kill", runtime.simulation()->raise_signal(SIGTERM));
}

sluice::Task<> get(const notes::Notes::Stub& stub) {
  const notes::GetRequest request;
  const auto note = co_await stub.Get(request);
  print("get", note.status());
}

sluice::Task<> watch(const notes::Notes::Stub& stub) {
  auto stream = stub.Watch(notes::WatchRequest());
  while (auto note = co_await stream.read()) std::printf("second %d\n", static_cast<int>(note->id()));
  print("watch", co_await stream.finish());
}

sluice::Task<> import(const notes::Notes::Stub& stub) {
  auto stream = stub.Import();
  const notes::Note note;
  for (;;) {
    if (sluice::Status s = co_await stream.write(note); !s.ok()) break;
    (void)co_await sluice::sleep(1s);
  }
  const auto reply = co_await stream.finish();
  print("import", reply.status());
}

sluice::Task<> list(const notes::Notes::Stub& stub) {
  auto stream = stub.List(notes::ListRequest());
  const sluice::Status status = co_await stream.finish();
  (void)co_await sluice::sleep(1ms);  // so that the server has its say first
  print("list", status);
}

sluice::Task<> late(const notes::Notes::Stub& stub) {
  (void)co_await sluice::sleep(3s);
  const notes::GetRequest request;
  const auto note = co_await stub.Get(request);
  print("late", note.status());
}

sluice::Task<> everything(sluice::Runtime& runtime, sluice::Server& server, const notes::Notes::Stub& stub) {
  (void)co_await sluice::when_all(serve(runtime, server), sigterm_after(runtime, 2500ms), get(stub),
                                  watch(stub), import(stub), list(stub), late(stub));
}

}  // namespace

int main() {
  Notebook notebook;
  auto client = sluice::testing::client_of<notes::Notes>(notebook, {.runtime = {.simulation_seed = 1}});
  client.runtime().run(everything(client.runtime(), client.server(), *client));
  return 0;
}
