// Outcomes that nobody looks at.
#include "sluice_vet/board.h"

namespace board::ignored_status {

sluice::Task<> ignored(const Stub& stub, sluice::ServerWriter<Note>& writer,
                       sluice::ServerReader<Note>& reader) {
  const Note note;
  Note read;
  co_await writer.write(note);                              // expect: ignored-status
  co_await stub.Get(note);                                  // expect: ignored-status
  co_await reader.read();                                   // expect: ignored-status
  co_await sluice::sleep(1ms);                              // expect: ignored-status
  if (note.text().empty()) co_await check(3);               // expect: ignored-status
  for (int i = 0; i < 3; ++i) co_await writer.write(note);  // expect: ignored-status
  while (true) {
    (co_await reader.read_into(read));  // expect: ignored-status
    co_await check(1), read = Note();   // expect: ignored-status
  }
}

}  // namespace board::ignored_status
