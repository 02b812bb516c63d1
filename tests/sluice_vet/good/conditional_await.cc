// The same with if, and a conditional whose arms do not wait.
#include "sluice_vet/board.h"

namespace board::conditional_await {

sluice::Task<> chosen(const Stub& stub, bool which) {
  const Note a, b;
  sluice::Result<Note> one = co_await stub.Get(which ? a : b);
  if (which) one = co_await stub.Get(a);
  const std::string text = one.ok() ? one->text() : one.status().to_string();
  const auto coroutine = [](std::string t) -> sluice::Task<> { co_await by_value(t); };
  auto task = which ? coroutine(text) : by_value(text);
  co_await std::move(task);
}

}  // namespace board::conditional_await
