// Ops that send nothing, and calls that are cancelled.
#include "sluice_vet/board.h"

namespace board::discarded_op {

sluice::Task<> forgotten(const Stub& stub, sluice::ServerWriter<Note>& writer) {
  const Note request;
  stub.Get(request);                                  // expect: discarded-op
  writer.write(request);                              // expect: discarded-op
  (void)stub.Get(request).start();                    // expect: discarded-op
  for (int i = 0; i < 3; ++i) writer.write(request);  // expect: discarded-op
  co_return;
}

}  // namespace board::discarded_op
