// Aggregates around an await, and inside what is awaited.
#include "sluice_vet/board.h"

namespace board::await_in_braces {

struct Pair {
  sluice::Result<Note> first, second;
};
struct Options {
  std::string name;
  int limit = 0;
};
sluice::Task<> take(const Options& options);

sluice::Task<> both(const Stub& stub) {
  const Note a, b;
  Pair pair{co_await stub.Get(a), sluice::Result<Note>(b)};  // expect: await-in-braces
  co_await take({.name = text_of(1), .limit = 3});           // expect: await-in-braces
}

}  // namespace board::await_in_braces
