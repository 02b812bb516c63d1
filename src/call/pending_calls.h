// PendingCalls: the calls of a channel that wait for a connection, or for one of the streams that its server
// allows.
#pragma once

#include <cstddef>
#include <string>

#include "sluice/async/loop.h"
#include "sluice/async/timer.h"

namespace sluice::inline v0::call {

class MadeCall;

// First come, first served. Tells its owner of each call that has waited for a stream for a second.
//
// Thread: loop-only. Lifetime: empty when it is destroyed.
class PendingCalls final : private Timer {
 public:
  static constexpr Duration kLongWait = std::chrono::seconds(1);

  class Owner {
   public:
    virtual Loop& loop() const = 0;
    // What the calls wait for, such as "for a connection to pipe:greeter".
    virtual std::string awaited() const = 0;
    // There is a connection, and all the streams that its server allows are in use.
    virtual bool streams_are_awaited() const = 0;
    // `first` and the `count` - 1 calls behind it have waited for a stream for as long as kLongWait.
    virtual void on_long_wait(const MadeCall& first, std::size_t count) = 0;

   protected:
    ~Owner() = default;
  };

  explicit PendingCalls(Owner& owner) : Timer(&expired), owner_(owner) {}

  void push(MadeCall& call);
  MadeCall* pop();  // null: none waits
  void remove(MadeCall& call);
  // From now on they wait for streams: a connection has come that has none for them.
  void await_streams();
  MadeCall* first() const { return first_; }
  bool empty() const { return first_ == nullptr; }
  std::string awaited() const { return owner_.awaited(); }

 private:
  static void expired(Runnable& self) noexcept;
  void watch();

  Owner& owner_;
  MadeCall* first_ = nullptr;
  MadeCall* last_ = nullptr;
  MadeCall* untold_ = nullptr;  // the first of which the owner has not been told
};

}  // namespace sluice::inline v0::call
