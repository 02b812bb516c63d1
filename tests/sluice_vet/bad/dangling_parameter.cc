// Tasks that outlive what their coroutines refer to.
#include "sluice_vet/board.h"

namespace board::dangling_parameter {

sluice::Task<> spawned(sluice::Loop& loop, const Stub& stub, const Note& request) {
  sluice::Scope scope(loop);
  for (int i = 0; i < 3; ++i) {
    scope.spawn(by_reference(text_of(i)));                              // expect: dangling-parameter
    scope.spawn(by_reference("a literal"));                             // expect: dangling-parameter
    scope.spawn(by_view(text_of(i)));                                   // expect: dangling-parameter
    scope.spawn(by_view(text_of(i).substr(1)));                         // expect: dangling-parameter
    scope.spawn(by_span(numbers_of(i)));                                // expect: dangling-parameter
    scope.spawn(by_pointer(text_of(i).c_str()));                        // expect: dangling-parameter
    scope.spawn(Worker(i).work());                                      // expect: dangling-parameter
    scope.spawn(by_note(Note()));                                       // expect: dangling-parameter
    scope.spawn(by_note((co_await stub.Get(request)).value()));         // expect: dangling-parameter
    scope.spawn(by_view((co_await stub.Get(request)).value().text()));  // expect: dangling-parameter
  }
  co_await scope.join();
}

sluice::Task<> kept(const Stub& stub) {
  auto task = fetch(stub, Note());  // expect: dangling-parameter
  sluice::Task<> other;
  other = by_view(text_of(1));  // expect: dangling-parameter
  std::vector<sluice::Task<>> tasks;
  tasks.push_back(by_reference(text_of(2)));  // expect: dangling-parameter
  Note note = (co_await std::move(task)).value();
  co_await std::move(other);
  for (auto& one : tasks) co_await std::move(one);
}

sluice::Task<> given_on() { return by_reference(text_of(3)); }  // expect: dangling-parameter
sluice::Task<> given_on_local() {
  const std::string text = text_of(4);
  return by_reference(text);  // expect: dangling-parameter
}

class Holder {
 public:
  Holder() : task_(by_reference(text_of(5))) {}  // expect: dangling-parameter

 private:
  sluice::Task<> task_;
};

class Handler {
 public:
  sluice::Task<sluice::Result<Note>> get(sluice::ServerContext&, const Note& request) {
    const std::string text = text_of(6);
    scope_.spawn(by_note(request));    // expect: dangling-parameter
    scope_.spawn(by_reference(text));  // expect: dangling-parameter
    co_return request;
  }

 private:
  sluice::Scope& scope_;
};

}  // namespace board::dangling_parameter
