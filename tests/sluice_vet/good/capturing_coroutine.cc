// Lambdas that are coroutines without captures, and lambdas with captures that are none.
#include "sluice_vet/board.h"

namespace board::capturing_coroutine {

sluice::Task<> spawned(sluice::Loop& loop) {
  sluice::Scope scope(loop);
  const std::string text = text_of(1);
  const auto start = [&] {
    scope.spawn([](std::string copy) -> sluice::Task<> { co_await by_reference(copy); }(text));
  };
  start();
  co_await [&] { return by_value(text); }();
  co_await [](const std::string& same) -> sluice::Task<> { co_await by_reference(same); }(text);
  co_await scope.join();
}

}  // namespace board::capturing_coroutine
