// Patience: what a connection waits for its peer to do, each until a deadline of its own. Part of Connection.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "sluice/async/loop.h"

namespace sluice::inline v0::transport {

enum class Awaited : std::uint8_t {
  kHandshake,
  kSettingsAck,
  kHeaderBlock,
  kWrite,   // that the peer takes something of what is being written
  kOutput,  // that it reads what its frames made us queue
  kDrainPing,
  kAssembly,  // that large messages get on while others wait
  kGoodbye,   // that the last frames leave
};

// One timer for all of them, armed for the first; none while nothing is awaited.
//
// Loop-only. Lifetime: stop_all() before destruction.
class Patience : private Timer {
 public:
  class Owner {
   public:
    // It took too long, and is awaited no more.
    virtual void on_impatient(Awaited what) = 0;

   protected:
    ~Owner() = default;
  };

  Patience(Loop& loop, Owner& owner) : Timer(&expired), loop_(loop), owner_(owner) {
    deadlines_.fill(kNever);
  }

  void await(Awaited what, TimePoint deadline) { set(what, deadline); }
  void stop(Awaited what) {
    if (awaits(what)) set(what, kNever);
  }
  void stop_all() {
    deadlines_.fill(kNever);
    loop_.disarm(*this);
  }
  bool awaits(Awaited what) const { return deadline(what) != kNever; }
  TimePoint deadline(Awaited what) const { return deadlines_[index(what)]; }

 private:
  static constexpr std::size_t kCount = static_cast<std::size_t>(Awaited::kGoodbye) + 1;
  static constexpr std::size_t index(Awaited what) { return static_cast<std::size_t>(what); }

  void set(Awaited what, TimePoint deadline);
  static void expired(Runnable& self) noexcept;

  Loop& loop_;
  Owner& owner_;
  std::array<TimePoint, kCount> deadlines_;
};

}  // namespace sluice::inline v0::transport
