// Scope: keeps each spawned task until it has ended.
#include "sluice/async/scope.h"

#include <string>

namespace sluice::inline v0 {

struct Scope::Spawned : Runnable {
  Spawned(Scope& s, Task<void> t) : Runnable(&done), scope(s), task(std::move(t)) {}
  static void done(Runnable& self) noexcept {
    auto& spawned = static_cast<Spawned&>(self);
    spawned.scope.ended(spawned);
  }
  Scope& scope;
  Task<void> task;
};

bool Scope::spawn(Task<void> task) {
  if (closed_) return false;
  auto* spawned = new Spawned(*this, std::move(task));
  ++running_;
  if (spawned->task.start(loop_, *spawned)) ended(*spawned);
  return true;
}

void Scope::ended(Spawned& spawned) {
  try {
    spawned.task.take();
  } catch (const std::exception& e) {
    loop_.group().log(LogLevel::kError, std::string("a spawned task threw: ") + e.what());
  } catch (...) {
    loop_.group().log(LogLevel::kError, "a spawned task threw something that is no std::exception");
  }
  delete &spawned;
  if (--running_ == 0 && joined_) loop_.post(*std::exchange(joined_, nullptr));
}

void Scope::left_running() const noexcept {
  loop_.group().fail(
      "a Scope was left while " + std::to_string(running_) +
      " of its tasks run (by an exception or an early return?): co_await join() before it goes");
}

void Scope::on_joined(Runnable& r) {
  close();
  if (empty()) return loop_.post(r);
  joined_ = &r;
}

}  // namespace sluice::inline v0
