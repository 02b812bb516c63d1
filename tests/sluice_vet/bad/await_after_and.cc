// Awaits that g++ 12 evaluates too early.
#include "sluice_vet/board.h"

namespace board::await_after_and {

sluice::Task<> reads(sluice::ServerReader<Note>& reader, int left) {
  Note note;
  while (left > 0 && co_await reader.read_into(note)) --left;       // expect: await-after-and
  while (!(left == 0 || !co_await reader.read_into(note))) --left;  // expect: await-after-and
  for (; left > 0 && co_await reader.read_into(note);) --left;      // expect: await-after-and
  do {
    --left;
  } while (left > 0 && co_await reader.read_into(note));  // expect: await-after-and
}

}  // namespace board::await_after_and
