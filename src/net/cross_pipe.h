// The pipe across loops: each end lives on its own, and what one tells the other travels in parcels. No mutex
// and no thread of its own; a loop that is awake is not woken.
#pragma once

#include <atomic>
#include <cstddef>

#include "net/pipe.h"

namespace sluice::inline v0::net {

class CrossEnd;

// What one end tells the other, in this order: data, room, the end of either. Returned to use by its
// receiver.
struct Parcel {
  Parcel* next = nullptr;
  Chain data;
  std::size_t room = 0;
  bool eof = false;
  bool closed = false;
};

// The letter-box of one end, which its peer fills and its loop empties.
//
// It is posted to its loop by the push that finds it empty, and emptied when it runs, so it is in at most one
// queue at a time and never needs a flag for that.
// Lifetime: outlives its end: a node that was posted must run, and a push that is under way when the end goes
// is waited for. Then it is settled, and only then does the end stop counting as a conn of its loop; so a
// loop whose counts are zero is not posted to any more.
class Mailbox : public Runnable {
 public:
  Mailbox(Loop& loop, class Crossing& crossing) : Runnable(&arrive), loop_(loop), crossing_(crossing) {}
  ~Mailbox();

  // Before either loop knows of it.
  void set_end(CrossEnd& end) { end_ = &end; }
  // The peer's loop. Takes the parcel; null if it could not be delivered and is gone.
  void push(Parcel* parcel);
  // This loop: the end is being destroyed. `counted`: give back its count when all has settled.
  void shut(bool counted);

 private:
  static void arrive(Runnable& self) noexcept;
  void settle();

  Loop& loop_;
  Crossing& crossing_;
  // Newest first; a mark when shut.
  std::atomic<Parcel*> head_{nullptr};
  // The peer is within push(), perhaps before its Loop::post: until then this end must not settle.
  std::atomic<bool> posting_{false};
  // Loop-only.
  CrossEnd* end_ = nullptr;
  bool counted_ = false;
};

// Both mailboxes. Shared by two ends on two threads that end in either order, each with a node that may still
// be in a queue: so it is counted, one reference a mailbox that has not settled.
class Crossing {
 public:
  Crossing(Loop& a, Loop& b) : a_(a, *this), b_(b, *this) {}
  Mailbox& a() { return a_; }
  Mailbox& b() { return b_; }
  void unref() {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 private:
  ~Crossing() = default;
  Mailbox a_, b_;
  std::atomic<int> refs_{2};
};

// An end whose peer is on another loop.
class CrossEnd final : public PipeEnd {
 public:
  CrossEnd(Loop& loop, Addr local, Addr peer, std::size_t capacity, Mailbox& mine, Mailbox& theirs);
  ~CrossEnd() override;
  // One parcel of the peer; takes it.
  void receive(Parcel* parcel);

 private:
  void send_data(Chain&& data) override;
  void send_room(std::size_t n) override;
  void send_eof() override;
  void send_closed() override;

  Parcel* blank();
  void give_back(Parcel* parcel);

  Mailbox& mine_;
  Mailbox& theirs_;
  const std::size_t room_step_;
  std::size_t room_owed_ = 0;  // read here, not told to the peer yet
  Parcel* spare_ = nullptr;
  int num_spare_ = 0;
};

}  // namespace sluice::inline v0::net
