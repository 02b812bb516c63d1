// Scopes that nothing leaves early.
#include <sluice/async/task_scope.h>

#include "sluice_vet/board.h"

namespace board::scope_in_handler {

sluice::Task<sluice::Status> beat(sluice::ServerReaderWriter<Note, Note>& stream);

sluice::Task<sluice::Status> serve(sluice::TaskScope& scope, sluice::ServerReaderWriter<Note, Note>& stream,
                                   std::size_t& count) {
  if (!scope.spawn(beat(stream))) co_return sluice::Status();
  while (auto note = co_await stream.read()) count += note->text().size();
  co_return sluice::Status();
}

sluice::Task<sluice::Status> talk(sluice::ServerContext& context,
                                  sluice::ServerReaderWriter<Note, Note>& stream) {
  std::size_t count = 0;
  co_return co_await sluice::with_scope(context.context(), &serve, stream, count);
}

// No handler: nothing of a peer's leaves it.
sluice::Task<> spawned(sluice::Loop& loop) {
  sluice::Scope scope(loop);
  (void)scope.spawn(by_value("text"));
  co_await scope.join();
}

}  // namespace board::scope_in_handler
