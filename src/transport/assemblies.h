// Assemblies: the messages of a connection that are longer than their streams' windows, while they are read.
// Part of Connection.
#pragma once

#include <cstddef>
#include <string_view>

#include "sluice/async/loop.h"
#include "sluice/base/limits.h"
#include "transport/link_windows.h"
#include "transport/patience.h"
#include "transport/stream_list.h"

namespace sluice::inline v0::transport {

// One of them, a part of its stream; Assemblies' own.
struct Assembly {
  std::size_t room = 0;    // bytes that the message may come to hold
  std::size_t marked = 0;  // bytes of it that had come at marked_at
  TimePoint marked_at;     // once it has room
  std::size_t seen;        // bytes of it that have been noted, while it is active
  bool waits_for_room = false;
  bool active = false;  // has room, or waits for it
};

// What they may hold together: the connection's budget, and the Runtime's. One message at a time may go
// beyond each: else all might have part of their room, and none the rest. An intermediary with one window for
// all streams may have filled it with messages that wait, and then cannot send the others. So while hardly
// anything comes, the waiting message that got least far is refused. So is one that has room and hardly uses
// it.
//
// Loop-only. Lifetime: the connection's; at rest when it is destroyed.
class Assemblies {
 public:
  Assemblies(Loop& loop, const Limits& limits, const StreamList& streams, const LinkWindows& windows,
             Patience& patience)
      : loop_(loop), limits_(limits), streams_(streams), windows_(windows), patience_(patience) {}

  // Room for the stream's message. False: the budgets have none left; the stream's want_more() is called when
  // they have.
  bool take_room(CallStream& stream, std::size_t bytes);
  void note_progress(CallStream& stream);
  void end(CallStream& stream);
  // Windows gave some of their growth back.
  void room_came_back() {
    if (waiting_ > 0 && !closing_) let_in();
  }
  // Awaited::kAssembly: some are to be looked at.
  [[gnu::cold]] void look();
  // The connection ends: nobody is let in any more.
  void close() { closing_ = true; }
  bool at_rest() const { return taken_ == 0 && !lacks_memory_; }

 private:
  MemoryBudget& memory() const { return loop_.group().memory(); }
  [[gnu::noinline]] bool find_room(CallStream& stream, std::size_t more);
  [[gnu::cold]] void wait_for_room(CallStream& stream);
  void stop_waiting(CallStream& stream);
  void look_from_now();
  void look_in_time();
  [[gnu::cold]] void let_in();
  CallStream* one_to_refuse(bool refuse_waiting, TimePoint now) const;
  [[gnu::cold]] void refuse(CallStream& stream);

  Loop& loop_;
  const Limits& limits_;
  const StreamList& streams_;
  const LinkWindows& windows_;
  Patience& patience_;
  std::size_t taken_ = 0;      // bytes
  std::size_t waiting_ = 0;    // messages
  TimePoint look_at_{};        // when what came is looked at next
  unsigned idle_looks_ = 0;    // in a row that saw hardly anything come while some waited
  bool refused_ = false;       // the last time that room was asked for
  bool lacks_memory_ = false;  // some wait for the Runtime's; counted there
  bool closing_ = false;
  std::size_t came_ = 0;          // bytes since it was last looked
  CallStream* beyond_ = nullptr;  // beyond the connection's budget
};

}  // namespace sluice::inline v0::transport
