// Tasks that never run.
#include "sluice_vet/board.h"

namespace board::discarded_task {

sluice::Task<> forgotten(bool which) {
  by_value("a");        // expect: discarded-task
  (void)by_value("b");  // expect: discarded-task
  if (which) check(3);  // expect: discarded-task
  co_return;
}
void plain() { by_value("c"); }  // expect: discarded-task

}  // namespace board::discarded_task
