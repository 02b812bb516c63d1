// Scopes that a client can make a handler leave.
#include "sluice_vet/board.h"

namespace board::scope_in_handler {

sluice::Task<> beat(sluice::ServerReaderWriter<Note, Note>& stream);

struct Service {
  sluice::Task<sluice::Status> talk(sluice::ServerContext& context,
                                    sluice::ServerReaderWriter<Note, Note>& stream) {
    sluice::Scope scope(context.loop());  // expect: scope-in-handler
    if (!scope.spawn(beat(stream))) co_return sluice::Status();
    while (auto note = co_await stream.read()) count += note->text().size();
    co_await scope.join();
    co_return sluice::Status();
  }
  std::size_t count = 0;
};

}  // namespace board::scope_in_handler
