// LinkWindows: how large the flow-control windows of a connection's streams are, which grow with what the
// link brings. Part of Connection.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "sluice/async/memory_budget.h"
#include "transport/round_trip_meter.h"

namespace sluice::inline v0::transport {

// All windows together grow by half of the budget at most; the other half is for large messages.
//
// Loop-only.
class LinkWindows {
 public:
  // `largest`: 0 where no window grows. `budget`: Limits::assembly_budget.
  LinkWindows(std::size_t stream_window, std::size_t largest, std::size_t budget, MemoryBudget& memory)
      : stream_window_(stream_window),
        largest_(largest),
        budget_(budget / 2),
        memory_(memory),
        meter_(stream_window) {}

  // The window that each stream of the peer starts with.
  std::size_t of_stream() const { return stream_window_; }
  // What the link has been seen to bring ahead of an answer: as much of a message that somebody waits for may
  // be let in at once. 0: nothing is known.
  std::size_t of_link() const { return std::min(2 * meter_.per_round_trip(), largest_); }
  bool grow() const { return largest_ > 0; }
  // For a stream that is read as it comes: so many bytes more may be sent ahead than its window of today.
  std::size_t grow(std::size_t window);
  void shrink(std::size_t bytes);
  std::size_t grown() const { return grown_; }  // bytes

  // After each read. `received`: all bytes so far. True: a PING is to leave, whose acknowledgement is told to
  // on_ack().
  bool ask(std::uint64_t received) { return meter_.asks(received); }
  void on_ack(std::uint64_t received) { meter_.on_ack(received); }

 private:
  const std::size_t stream_window_;
  const std::size_t largest_;
  const std::size_t budget_;
  MemoryBudget& memory_;
  RoundTripMeter meter_;
  std::size_t grown_ = 0;
};

}  // namespace sluice::inline v0::transport
