// Coroutines with a variable.
#include "sluice_vet/board.h"

namespace board::await_in_condition {

sluice::Task<sluice::Status> write(sluice::ServerWriter<Note>& writer, const Note& note) {
  if (sluice::Status s = co_await writer.write(note); !s.ok()) co_return s;
  co_return sluice::Status();
}
sluice::Task<> skip(sluice::ServerReader<Note>& reader) {
  Note note;
  while (co_await reader.read_into(note)) {
  }
}
sluice::Task<> count(int& left) {
  const bool again = co_await more(left);
  if (again) ++left;
}
sluice::Task<> until_end(sluice::ServerReader<Note>& reader) {
  while (auto note = co_await reader.read()) {
  }
}

}  // namespace board::await_in_condition
