// An await in an arm of a conditional.
#include "sluice_vet/board.h"

namespace board::conditional_await {

sluice::Task<> chosen(const Stub& stub, bool which) {
  const Note a, b;
  sluice::Result<Note> one =
      which ? co_await stub.Get(a) : co_await stub.Get(b);  // expect: conditional-await
  sluice::Result<Note> two =
      which ? sluice::Result<Note>(a) : co_await stub.Get(b);  // expect: conditional-await
}

}  // namespace board::conditional_await
