// Values that are kept, or used up in the expression.
#include "sluice_vet/board.h"

namespace board::dangling_value {

sluice::Task<> keep(const Stub& stub) {
  const Note request;
  const Note note = (co_await stub.Get(request)).value();
  for (const Note& reply : note.replies()) co_await by_note(reply);
  const sluice::Result<Note> result = co_await stub.Get(request);
  const Note& same = result.value();
  const std::string text = (co_await stub.Get(request)).value().text();
  const std::string_view view = text;
  const sluice::Result<Note>& extended = co_await stub.Get(request);
  const std::string& copy = (co_await stub.Get(request)).value().text() + "!";
  const char* tail = view.substr(view.size()).data();
  const std::size_t size = (co_await stub.Get(request))->text().size();
  for (const Note& reply : std::vector<Note>(same.replies())) co_await by_note(reply);
  co_await by_value(copy + std::string(view) + extended->text() + tail + std::to_string(size));
}

}  // namespace board::dangling_value
