// The guide's cancellation: who ends a call early, what its handler sees of it, and how it reaches the
// servers behind. Two services in this process, over pipes and in virtual time.
#include <sluice/sluice.h>
#include <sluice/testing/client_of.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "notes.sluice.h"

using namespace std::chrono_literals;

namespace {

notes::GetRequest request_of(std::int64_t id) {
  notes::GetRequest request;
  request.set_id(id);
  return request;
}

void print(const char* who, const sluice::Status& status) {
  std::printf("%s: %s\n", who, status.to_string().c_str());
}

// Gives note N after N seconds.
class Back final : public notes::Notes::Service {
 public:
  int ended_early() const { return ended_early_; }

 private:
  // [handler]
  sluice::Task<sluice::Result<notes::Note>> Get(sluice::ServerContext& context,
                                                const notes::GetRequest& request) override {
    if (request.id() > 5) co_return {sluice::StatusCode::kNotFound, "there are five"};
    const sluice::Duration work = request.id() * 1s;
    if (sluice::Status s = co_await sluice::sleep(work, context.context()); !s.ok()) {
      // [/handler]
      ++ended_early_;
      // [handler]
      co_return s;  // nobody reads it any more
    }
    notes::Note note;
    note.set_id(request.id());
    co_return note;
  }
  // [/handler]

  // [watch]
  sluice::Task<sluice::Status> Watch(sluice::ServerContext& context, const notes::WatchRequest&,
                                     sluice::ServerWriter<notes::Note>& writer) override {
    const sluice::Context either = context.context().joined_with(context.draining());
    notes::Note note;
    for (int second = 1;; ++second) {
      if (sluice::Status s = co_await sluice::sleep(1s, either); !s.ok()) co_return s;
      note.set_id(second);
      if (sluice::Status s = co_await writer.write(note); !s.ok()) co_return s;
    }
  }
  // [/watch]

  int ended_early_ = 0;
};

// [hand_on]
// Asks the one behind for its own callers.
class Front final : public notes::Notes::Service {
 public:
  explicit Front(notes::Notes::Stub back) : back_(std::move(back)) {}

 private:
  sluice::Task<sluice::Result<notes::Note>> Get(sluice::ServerContext& context,
                                                const notes::GetRequest& request) override {
    co_return co_await back_.Get(request, {.context = &context.context()});
  }

  const notes::Notes::Stub back_;
};
// [/hand_on]

// [context]
sluice::Task<> tired_after_a_second(const sluice::Context& context) {
  (void)co_await sluice::sleep(1s);
  context.cancel("the user has closed the window");
}

sluice::Task<> two_calls_one_context(const notes::Notes::Stub& stub) {
  const sluice::Context context = sluice::Context().with_cancel();
  const sluice::CallOptions options{.context = &context};
  const notes::GetRequest three = request_of(3), four = request_of(4);
  auto [a, b, nothing] = co_await sluice::when_all(stub.Get(three, options), stub.Get(four, options),
                                                   tired_after_a_second(context));
  print("first", a.status());
  print("second", b.status());
  // [/context]
  (void)co_await sluice::sleep(1ms);  // the handlers learn of it a moment later
  // [context]
}
// [/context]

void one_call(const notes::Notes::Stub& stub) {
  sluice::Call<notes::Note> call = stub.Get(request_of(5)).start();
  call.cancel();
  print("cancelled", call.get().status());
}

sluice::Task<> enough_after_three(const notes::Notes::Stub& stub) {
  auto stream = stub.Watch(notes::WatchRequest());
  while (auto note = co_await stream.read()) {
    std::printf("second %d\n", static_cast<int>(note->id()));
    if (note->id() == 3) stream.cancel();
  }
  print("watch", co_await stream.finish());
}

// [scope]
sluice::Task<sluice::Status> fetch(const notes::Notes::Stub& stub, std::int64_t id, notes::Note& out,
                                   sluice::Context context) {
  const notes::GetRequest request = request_of(id);
  sluice::Result<notes::Note> note = co_await stub.Get(request, {.context = &context});
  if (!note.ok()) co_return note.status();
  out = *std::move(note);
  co_return sluice::Status();
}

sluice::Task<sluice::Status> fetch_all(sluice::TaskScope& scope, const notes::Notes::Stub& stub,
                                       const std::vector<std::int64_t>& ids, std::vector<notes::Note>& out) {
  out.resize(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!scope.spawn(fetch(stub, ids[i], out[i], scope.context()))) break;  // one has failed already
  }
  co_return sluice::Status();
}

sluice::Task<> all_or_nothing(const notes::Notes::Stub& stub, std::vector<std::int64_t> ids) {
  std::vector<notes::Note> notes;
  const sluice::Context context = sluice::Context().with_cancel();
  print("all", co_await sluice::with_scope(context, &fetch_all, stub, ids, notes));
}
// [/scope]

}  // namespace

int main() {
  Back back;
  auto behind = sluice::testing::client_of<notes::Notes>(back, {.runtime = {.simulation_seed = 1}});
  sluice::Runtime& runtime = behind.runtime();
  Front front(*behind);
  sluice::Server server(runtime);
  sluice::Status status = server.register_service(front);
  if (status.ok()) status = server.serve(runtime.listen("pipe:front").value());
  const notes::Notes::Stub stub(sluice::dial(runtime, "pipe:front").value());
  if (!status.ok()) return 1;

  runtime.run(two_calls_one_context(stub));
  std::printf("handlers that ended early: %d\n", back.ended_early());
  one_call(stub);
  print("timeout", stub.Get(request_of(2), {.timeout = 1s}).get().status());
  runtime.run(enough_after_three(*behind));
  runtime.run(all_or_nothing(stub, {1, 2, 3}));
  runtime.run(all_or_nothing(stub, {4, 5, 6}));
  return 0;
}
