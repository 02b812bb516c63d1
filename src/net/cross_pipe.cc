// Parcels between two loops, and how an end goes while its peer still posts to it.
#include "net/cross_pipe.h"

#include <algorithm>
#include <cassert>
#include <thread>
#include <utility>

namespace sluice::inline v0::net {
namespace {

// Parcels travel back and forth and are used again; what one end gathers beyond these is freed.
constexpr int kMaxSpare = 16;

// The mark of a mailbox that is shut: an address that no parcel has.
Parcel* shut_mark(Mailbox& mailbox) { return reinterpret_cast<Parcel*>(&mailbox); }

void free_list(Parcel* parcel) {
  while (parcel != nullptr) delete std::exchange(parcel, parcel->next);
}

}  // namespace

Mailbox::~Mailbox() {
  [[maybe_unused]] Parcel* const left = head_.load();
  assert((left == nullptr || left == shut_mark(*this)) && "a mailbox goes empty");
}

void Mailbox::push(Parcel* parcel) {
  // Sequentially consistent with shut(), which marks the head and then looks here: either it sees that a post
  // may be under way, or this sees the mark.
  posting_.store(true);
  Parcel* head = head_.load();
  do {
    if (head == shut_mark(*this)) {
      posting_.store(false);
      delete parcel;
      return;
    }
    parcel->next = head;
  } while (!head_.compare_exchange_weak(head, parcel));
  if (head == nullptr) loop_.post(*this);
  posting_.store(false);
}

void Mailbox::arrive(Runnable& self) noexcept {
  auto& box = static_cast<Mailbox&>(self);
  if (box.end_ == nullptr) return box.settle();
  Parcel* newest_first = box.head_.exchange(nullptr);
  Parcel* in_order = nullptr;
  while (newest_first != nullptr) {
    Parcel* parcel = std::exchange(newest_first, newest_first->next);
    parcel->next = std::exchange(in_order, parcel);
  }
  while (in_order != nullptr) box.end_->receive(std::exchange(in_order, in_order->next));
}

void Mailbox::shut(bool counted) {
  end_ = nullptr;
  counted_ = counted;
  Parcel* unread = head_.exchange(shut_mark(*this));
  // The peer may be held up between its push and the post that belongs to it, and nothing on this loop would
  // tell that the post is still to come: the loop could go before. So what is left of the push, a few
  // instructions, is waited for here.
  while (posting_.load()) std::this_thread::yield();
  // Not empty: it is posted, and settles when it runs.
  if (unread != nullptr) return free_list(unread);
  settle();
}

// No push posts any more, and none is under way that does.
void Mailbox::settle() {
  if (counted_) --loop_.counts().conns;
  crossing_.unref();
}

CrossEnd::CrossEnd(Loop& loop, Addr local, Addr peer, std::size_t capacity, Mailbox& mine, Mailbox& theirs)
    : PipeEnd(loop, std::move(local), std::move(peer), capacity),
      mine_(mine),
      theirs_(theirs),
      // Telling the peer of every byte that was read would wake it for nothing. It waits only once it has
      // used up the whole capacity, and half of that is then read or on its way here.
      room_step_(std::max<std::size_t>(1, capacity / 2)) {
  mine_.set_end(*this);
}

CrossEnd::~CrossEnd() {
  close();
  free_list(spare_);
  mine_.shut(forget());
}

Parcel* CrossEnd::blank() {
  Parcel* parcel = spare_;
  if (parcel == nullptr) {
    parcel = new Parcel;
  } else {
    spare_ = parcel->next;
    --num_spare_;
  }
  parcel->room = std::exchange(room_owed_, 0);
  parcel->eof = parcel->closed = false;
  return parcel;
}

void CrossEnd::give_back(Parcel* parcel) {
  if (num_spare_ == kMaxSpare) {
    delete parcel;
    return;
  }
  parcel->next = std::exchange(spare_, parcel);
  ++num_spare_;
}

void CrossEnd::receive(Parcel* parcel) {
  Chain data = std::move(parcel->data);
  const std::size_t room = parcel->room;
  const bool eof = parcel->eof;
  const bool closed = parcel->closed;
  give_back(parcel);  // first: what follows may send, and use it
  if (!data.empty()) on_data(std::move(data));
  if (room > 0) on_room(room);
  if (eof) on_eof();
  if (closed) on_closed();
}

void CrossEnd::send_data(Chain&& data) {
  Parcel* parcel = blank();
  parcel->data = std::move(data);
  theirs_.push(parcel);
}

void CrossEnd::send_room(std::size_t n) {
  room_owed_ += n;
  if (room_owed_ >= room_step_) theirs_.push(blank());
}

void CrossEnd::send_eof() {
  Parcel* parcel = blank();
  parcel->eof = true;
  theirs_.push(parcel);
}

void CrossEnd::send_closed() {
  Parcel* parcel = blank();
  parcel->closed = true;
  theirs_.push(parcel);
}

PipeEnds make_cross_pipe_ends(Loop& a, Loop& b, Addr addr_a, Addr addr_b, std::size_t capacity) {
  auto* crossing = new Crossing(a, b);  // its two mailboxes own it
  auto end_a = std::make_unique<CrossEnd>(a, addr_a, addr_b, capacity, crossing->a(), crossing->b());
  auto end_b = std::make_unique<CrossEnd>(b, std::move(addr_b), std::move(addr_a), capacity, crossing->b(),
                                          crossing->a());
  return {std::move(end_a), std::move(end_b)};
}

}  // namespace sluice::inline v0::net
