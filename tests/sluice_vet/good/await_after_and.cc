// The same, looked at in the loop.
#include "sluice_vet/board.h"

namespace board::await_after_and {

sluice::Task<> reads(sluice::ServerReader<Note>& reader, int left) {
  Note note;
  while (left > 0) {
    if (!co_await reader.read_into(note)) break;
    --left;
  }
  while (co_await reader.read_into(note) && left > 0) --left;
  if (left > 0 && co_await reader.read_into(note)) --left;
  const bool last = left > 0 && co_await reader.read_into(note);
  while (last && left > 0) --left;
}

}  // namespace board::await_after_and
