// Aggregates of what has been awaited, and trivial ones.
#include "sluice_vet/board.h"

namespace board::await_in_braces {

struct Pair {
  sluice::Result<Note> first, second;
};
struct Options {
  std::string name;
  int limit = 0;
};
struct Point {
  int x = 0, y = 0;
};
sluice::Task<> take(const Options& options);
sluice::Task<> move_to(Point point);

sluice::Task<> both(const Stub& stub) {
  const Note a, b;
  sluice::Result<Note> first = co_await stub.Get(a, {.timeout = 1s});
  Pair pair{std::move(first), sluice::Result<Note>(b)};
  const Options options{.name = text_of(1), .limit = 3};
  co_await take(options);
  co_await move_to({.x = 1});
}

}  // namespace board::await_in_braces
