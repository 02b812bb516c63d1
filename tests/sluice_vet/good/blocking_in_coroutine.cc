// The same where it may block: on a worker, and in plain functions.
#include "sluice_vet/board.h"

#include <thread>

namespace board::blocking_in_coroutine {

sluice::Task<> waits(const Stub& stub, sluice::Runtime& runtime) {
  const Note request;
  (void)co_await sluice::sleep(1ms);
  Note note = (co_await stub.Get(request)).value();
  note = co_await runtime.run_blocking([&] {
    std::this_thread::sleep_for(1ms);
    return stub.Get(request).get().value();
  });
}

Note plain(const Stub& stub, sluice::Runtime& runtime) {
  const Note request;
  runtime.run(waits(stub, runtime));
  std::this_thread::sleep_for(1ms);
  return stub.Get(request).get().value();
}

}  // namespace board::blocking_in_coroutine
