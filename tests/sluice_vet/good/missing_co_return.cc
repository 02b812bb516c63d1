// Coroutines that all end with a value, or have none to give.
#include "sluice_vet/board.h"

namespace board::missing_co_return {

sluice::Task<sluice::Result<Note>> find(std::string id) {
  if (id.empty()) co_return {sluice::StatusCode::kInvalidArgument, "no id"};
  co_await by_value(id);
  co_return Note(id);
}
sluice::Task<> nothing(std::string id) { co_await by_value(id); }
sluice::Task<sluice::Status> for_ever() {
  for (;;) co_await by_value("again");
}

}  // namespace board::missing_co_return
