// Coroutines that hold up their loop.
#include "sluice_vet/board.h"

#include <future>
#include <thread>

namespace board::blocking_in_coroutine {

sluice::Task<> blocks(const Stub& stub, sluice::Runtime& runtime, std::future<int> answer) {
  const Note request;
  std::this_thread::sleep_for(1ms);             // expect: blocking-in-coroutine
  Note note = stub.Get(request).get().value();  // expect: blocking-in-coroutine
  auto call = stub.Get(request).start();
  sluice::Result<Note> result = call.get();  // expect: blocking-in-coroutine
  runtime.run(by_value("a"));                // expect: blocking-in-coroutine
  const int number = answer.get();           // expect: blocking-in-coroutine
  std::thread thread([] {});
  thread.join();  // expect: blocking-in-coroutine
  co_await by_value(std::to_string(number));
}

}  // namespace board::blocking_in_coroutine
