// Runnable: the intrusive node that everything which waits for its turn on a Loop derives from.
#pragma once

#include <cstdint>

namespace sluice::inline v0 {

namespace detail {
class ReadyQueue;
class RemoteQueue;
}  // namespace detail

// A function that a Loop calls once for each time the node was posted.
//
// Lifetime: alive and unmoved from post() until it runs. Thread: runs on its loop. Must not throw.
class Runnable {
 public:
  using Run = void (*)(Runnable& self) noexcept;

  explicit Runnable(Run run) : run_(run) {}
  Runnable(const Runnable&) = delete;
  Runnable& operator=(const Runnable&) = delete;

  void run() { run_(*this); }

 protected:
  ~Runnable() = default;
  // For nodes that mean one thing first and another later. Not while posted.
  void set_run(Run run) { run_ = run; }

 private:
  friend class detail::ReadyQueue;
  friend class detail::RemoteQueue;
  Runnable* next_ = nullptr;
  Run run_;
};

}  // namespace sluice::inline v0
