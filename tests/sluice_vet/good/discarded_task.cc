// Tasks that do.
#include "sluice_vet/board.h"

namespace board::discarded_task {

sluice::Task<> remembered(sluice::Scope& scope) {
  co_await by_value("a");
  scope.spawn(by_value("b"));
  sluice::Task<> task = by_value("c");
  task = by_value("d");
  (void)co_await check(3);
}

}  // namespace board::discarded_task
