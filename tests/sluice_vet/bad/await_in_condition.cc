// Coroutines that declare nothing and await in a condition.
#include "sluice_vet/board.h"

namespace board::await_in_condition {

sluice::Task<sluice::Status> write(sluice::ServerWriter<Note>& writer, const Note& note) {
  if (!(co_await writer.write(note)).ok()) co_return sluice::Status();  // expect: await-in-condition
  co_return sluice::Status();
}
sluice::Task<> skip(sluice::ServerReader<Note>& reader, Note& note) {
  while (co_await reader.read_into(note)) {  // expect: await-in-condition
  }
}
sluice::Task<> count(int& left) {
  if (left > 0) {
    if (co_await more(left)) ++left;  // expect: await-in-condition
  }
}

}  // namespace board::await_in_condition
