// Ops and calls that go their way.
#include "sluice_vet/board.h"

namespace board::discarded_op {

void remembered(const Stub& stub) {
  const Note request;
  (void)stub.Get(request).get();
  auto call = stub.Get(request).start();
  call = stub.Get(request).start();
  std::optional<sluice::Call<Note>> later;
  later.emplace(stub.Get(request).start());
  auto stream = stub.Talk();
  stream.cancel();
  (void)call.get();
}

}  // namespace board::discarded_op
