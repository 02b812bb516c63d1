// The guide's calls: one that blocks, one in a coroutine, several at once, options, deadlines. Service and
// client are in this process, over a pipe and in virtual time.
#include <sluice/sluice.h>
#include <sluice/testing/client_of.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "notes.sluice.h"

using namespace std::chrono_literals;

namespace {

// [service]
// Takes a second for each note.
class Notebook final : public notes::Notes::Service {
  sluice::Task<sluice::Result<notes::Note>> Get(sluice::ServerContext& context,
                                                const notes::GetRequest& request) override {
    if (sluice::Status s = co_await sluice::sleep(1s, context.context()); !s.ok()) co_return s;
    notes::Note note;
    note.set_id(request.id());
    note.set_text("note " + std::to_string(request.id()));
    co_return note;
  }
};
// [/service]

void print(const char* what, const sluice::Result<notes::Note>& note) {
  std::printf("%s: %s\n", what, note.ok() ? note->text().c_str() : note.status().to_string().c_str());
}

notes::GetRequest request_of(std::int64_t id) {
  notes::GetRequest request;
  request.set_id(id);
  return request;
}

// [get]
void blocking(const notes::Notes::Stub& stub) {
  sluice::Result<notes::Note> note = stub.Get(request_of(1), {.timeout = 5s}).get();
  print("get", note);
}
// [/get]

// [await]
sluice::Task<> in_a_coroutine(const notes::Notes::Stub& stub) {
  sluice::Result<notes::Note> note = co_await stub.Get(request_of(2), {.timeout = 5s});
  print("co_await", note);
}
// [/await]

// [start]
void begun_now_looked_at_later(const notes::Notes::Stub& stub) {
  sluice::Call<notes::Note> first = stub.Get(request_of(3)).start();
  sluice::Call<notes::Note> second = stub.Get(request_of(4)).start();
  print("start", first.get());
  print("start", second.get());
  std::printf("from %s\n", second.peer().to_string().c_str());
}
// [/start]

// [when_all]
sluice::Task<> at_the_same_time(const notes::Notes::Stub& stub) {
  const notes::GetRequest five = request_of(5), six = request_of(6);
  auto [a, b] = co_await sluice::when_all(stub.Get(five), stub.Get(six));
  print("when_all", a);
  print("when_all", b);
}
// [/when_all]

// [deadline]
void too_late(const notes::Notes::Stub& stub, sluice::Runtime& runtime) {
  print("timeout", stub.Get(request_of(7), {.timeout = 100ms}).get());
  const sluice::TimePoint deadline = runtime.now() + 1500ms;  // of both calls together
  print("deadline", stub.Get(request_of(8), {.deadline = deadline}).get());
  print("deadline", stub.Get(request_of(9), {.deadline = deadline}).get());
}
// [/deadline]

}  // namespace

int main() {
  // [client_of]
  Notebook notebook;
  auto client = sluice::testing::client_of<notes::Notes>(notebook, {.runtime = {.simulation_seed = 1}});
  sluice::Runtime& runtime = client.runtime();
  // [/client_of]
  blocking(*client);
  // [run]
  runtime.run(in_a_coroutine(*client));
  // [/run]
  begun_now_looked_at_later(*client);
  runtime.run(at_the_same_time(*client));
  too_late(*client, runtime);
  return 0;
}
