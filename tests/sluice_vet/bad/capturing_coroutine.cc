// Lambdas whose captures end before they do.
#include "sluice_vet/board.h"

namespace board::capturing_coroutine {

class Board {
 public:
  void start(sluice::Scope& scope) {
    scope.spawn([this]() -> sluice::Task<> { co_await by_value(name_); }());  // expect: capturing-coroutine
  }

 private:
  std::string name_;
};

sluice::Task<> spawned(sluice::Loop& loop) {
  sluice::Scope scope(loop);
  const std::string text = text_of(1);
  scope.spawn([text]() -> sluice::Task<> { co_await by_value(text); }());   // expect: capturing-coroutine
  scope.spawn([&]() -> sluice::Task<> { co_await by_reference(text); }());  // expect: capturing-coroutine
  const auto with = [&text](auto end) -> sluice::Task<> {                   // expect: capturing-coroutine
    co_await by_value(text + end);
  };
  scope.spawn(with("!"));
  co_await scope.join();
}

}  // namespace board::capturing_coroutine
