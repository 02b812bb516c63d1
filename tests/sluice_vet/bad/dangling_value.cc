// References into values that have gone.
#include "sluice_vet/board.h"

namespace board::dangling_value {

sluice::Task<> refer(const Stub& stub) {
  const Note request;
  for (const Note& reply : (co_await stub.Get(request)).value().replies()) {  // expect: dangling-value
    co_await by_note(reply);
  }
  const Note& note = (co_await stub.Get(request)).value();                    // expect: dangling-value
  auto&& same = *co_await stub.Get(request);                                  // expect: dangling-value
  const std::string& text = (co_await stub.Get(request))->text();             // expect: dangling-value
  const std::string_view view = (co_await stub.Get(request)).value().text();  // expect: dangling-value
  const char* chars = (co_await stub.Get(request))->text().c_str();           // expect: dangling-value
  co_await by_value(note.text() + same.text() + text + std::string(view) + chars);
}
void plain(const Stub& stub) {
  const Note& note = stub.Get(Note()).get().value();                         // expect: dangling-value
  const std::string_view message = stub.Get(note).get().status().message();  // expect: dangling-value
  (void)message;
}

}  // namespace board::dangling_value
