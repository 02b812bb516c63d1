// Ops that outlive what they borrow.
#include "sluice_vet/board.h"

namespace board::named_op {

sluice::Task<> named(const Stub& stub, sluice::ClientReaderWriter<Note, Note>& stream) {
  const Note request;
  const sluice::CallOptions options;
  auto first = stub.Get(Note(), options);           // expect: named-op
  auto second = stub.Get(request);                  // expect: named-op
  auto third = stub.Get(request, {.timeout = 1s});  // expect: named-op
  auto fourth = stream.write(Note());               // expect: named-op
  (void)co_await std::move(first);
  (void)co_await std::move(second);
  (void)co_await std::move(third);
  (void)co_await std::move(fourth);
}
sluice::Op<Note> given_on(const Stub& stub, const Note& request) {
  return stub.Get(request);  // expect: named-op
}
sluice::Op<Note> of_local(const Stub& stub, const sluice::CallOptions& options) {
  const Note request;
  return stub.Get(request, options);  // expect: named-op
}

sluice::Call<bool> into_local(sluice::ClientReaderWriter<Note, Note>& stream) {
  Note note;
  return stream.read_into(note).start();  // expect: named-op
}

}  // namespace board::named_op
