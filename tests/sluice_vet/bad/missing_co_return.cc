// A coroutine whose end gives nothing.
#include "sluice_vet/board.h"

namespace board::missing_co_return {

sluice::Task<sluice::Result<Note>> find(std::string id) {
  if (id.empty()) co_return {sluice::StatusCode::kInvalidArgument, "no id"};
  co_await by_value(id);
}  // expect: missing-co-return

}  // namespace board::missing_co_return
