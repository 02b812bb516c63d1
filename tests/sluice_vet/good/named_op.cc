// Ops that are used where they are made, and named ones whose arguments have names.
#include "sluice_vet/board.h"

namespace board::named_op {

sluice::Task<> named(const Stub& stub, sluice::ClientReaderWriter<Note, Note>& stream) {
  const Note request;
  const sluice::CallOptions options{.timeout = 1s};
  auto op = stub.Get(request, options);
  (void)co_await std::move(op);
  auto read = stream.read();
  (void)co_await std::move(read);
  auto write = stream.write(request);
  (void)co_await std::move(write);
  (void)co_await stub.Get(Note(), {.timeout = 1s});
  auto call = stub.Get(Note()).start();
  sluice::Result<Note> note = co_await call;
}
sluice::Op<Note> given_on(const Stub& stub, const Note& request, const sluice::CallOptions& options) {
  return stub.Get(request, options);
}
sluice::Call<Note> started(const Stub& stub) {
  const Note request;
  return stub.Get(request).start();
}
sluice::Call<bool> into(sluice::ClientReaderWriter<Note, Note>& stream, Note& note) {
  return stream.read_into(note).start();
}
void blocking(const Stub& stub) {
  const Note note = stub.Get(Note()).get().value();
  const auto end = note.text().end();
  (void)end;
}

}  // namespace board::named_op
