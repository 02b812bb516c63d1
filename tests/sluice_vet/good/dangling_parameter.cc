// Temporaries that live as long as the coroutine, and coroutines that copy.
#include "sluice_vet/board.h"

namespace board::dangling_parameter {

sluice::Task<> awaited(sluice::Loop& loop, const Stub& stub, std::vector<std::string> names) {
  co_await by_reference(text_of(1));
  co_await by_view(text_of(2));
  Note note = (co_await fetch(stub, Note())).value();
  sluice::Scope scope(loop);
  for (const std::string& name : names) {
    scope.spawn(by_reference(name));
    scope.spawn(by_view(name));
    scope.spawn(by_value(name + "!"));
    scope.spawn(by_view("a literal lives for ever"));
    scope.spawn(by_pointer("so does this"));
    scope.spawn(by_note(note));
  }
  const std::vector<int> numbers = numbers_of(3);
  Worker worker(4);
  scope.spawn(worker.work());
  scope.spawn(by_span(numbers));
  scope.spawn([](std::string text) -> sluice::Task<> { co_await by_reference(text); }(text_of(5)));
  co_await scope.join();
}

void run(sluice::Runtime& runtime) { runtime.run(by_reference(text_of(6))); }

sluice::Task<> moved(sluice::Task<> task) {
  sluice::Task<> other = std::move(task);
  co_await std::exchange(other, sluice::Task<>());
}

// Copies before it returns; no coroutine itself.
sluice::Task<> copying(const std::string& text) { return by_value(text); }
sluice::Task<> keeps_copy() {
  auto task = copying(text_of(7));
  co_await std::move(task);
}

class Handler {
 public:
  sluice::Task<sluice::Result<Note>> get(sluice::ServerContext& context, const Note& request) {
    sluice::Scope own(context.loop());
    own.spawn(by_note(request));
    scope_.spawn(by_reference(name_));
    scope_.spawn(by_value(request.text()));
    co_await own.join();
    co_return request;
  }

 private:
  sluice::Scope& scope_;
  std::string name_;
};

}  // namespace board::dangling_parameter
