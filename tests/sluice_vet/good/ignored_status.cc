// Outcomes that somebody looks at, or says that he does not.
#include "sluice_vet/board.h"

namespace board::ignored_status {

sluice::Task<sluice::Status> looked_at(const Stub& stub, sluice::ServerWriter<Note>& writer,
                                       sluice::ServerReader<Note>& reader) {
  const Note note;
  if (sluice::Status s = co_await writer.write(note); !s.ok()) co_return s;
  (void)co_await stub.Get(note);
  static_cast<void>(co_await sluice::sleep(1ms));
  co_await by_value("gives nothing");
  Note read;
  while (co_await reader.read_into(read)) (void)co_await writer.write(read);
  auto last = co_await reader.read();
  if (!last) co_return sluice::Status();
  co_return co_await check(3);
}

}  // namespace board::ignored_status
