// What both ends of a pipe do, and the pipe on one loop: no atomics, slices are moved.
#include "net/pipe.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "sluice/net/memory_network.h"

namespace sluice::inline v0::net {
namespace {

// keep(), for chains of which nearly all own their bytes already.
void own(Chain& data) {
  for (const Bytes& slice : data) {
    if (!slice.owned()) return data.keep();
  }
}

}  // namespace

PipeEnd::PipeEnd(Loop& loop, Addr local, Addr peer, std::size_t capacity)
    : loop_(loop), room_(capacity), local_addr_(std::move(local)), peer_addr_(std::move(peer)) {}

PipeEnd::~PipeEnd() { assert(closed_ && !adopted_ && !read_op_ && !write_op_); }

void PipeEnd::adopt() {
  assert(!adopted_);
  adopted_ = true;
  ++loop_.counts().conns;
  loop_.add_reporter(*this);
}

bool PipeEnd::forget() {
  if (!std::exchange(adopted_, false)) return false;
  loop_.remove_reporter(*this);
  return true;
}

void PipeEnd::describe(std::string& out) const {
  if (write_op_) out += "a write on " + local_addr_.to_string() + " waits for room";
}

bool PipeEnd::start_read(ReadOp& op) {
  assert(read_op_ == nullptr && !read_timer_.armed() && "a read is in flight already");
  op.status = Status();
  op.result.into_n = 0;
  op.result.eof = false;
  if (closed_) {
    op.status = Status(StatusCode::kCancelled, "conn closed");
  } else if (op.deadline != kNever && op.deadline <= loop_.now()) {
    op.status = Status(StatusCode::kDeadlineExceeded, "read deadline exceeded");
  } else if (!inbox_.empty()) {
    take_into(op);
  } else if (eof_) {
    op.result.data.clear();
    op.result.eof = true;
  } else {
    read_op_ = &op;
    if (op.deadline != kNever) loop_.arm(read_timer_, op.deadline);
    return false;
  }
  return loop_.done_inline(op);
}

void PipeEnd::take_into(ReadOp& op) {
  op.result.data = std::move(inbox_);
  // A writer that waited for this room fills the inbox again at once.
  send_room(op.result.data.size());
}

void PipeEnd::end_read(Status status) {
  if (read_timer_.armed()) loop_.disarm(read_timer_);
  ReadOp& op = *std::exchange(read_op_, nullptr);
  op.status = std::move(status);
  loop_.post(op);
}

void PipeEnd::end_write(Status status) {
  if (write_timer_.armed()) loop_.disarm(write_timer_);
  WriteOp& op = *std::exchange(write_op_, nullptr);
  op.data.clear();
  op.status = std::move(status);
  loop_.post(op);
}

Status PipeEnd::write_refused(const WriteOp& op) {
  if (closed_) return Status(StatusCode::kCancelled, "conn closed");
  if (write_closed_) return Status(StatusCode::kFailedPrecondition, "write after close_write");
  if (peer_closed_)
    return Status(StatusCode::kUnavailable, "conn closed by its peer " + peer_addr_.to_string());
  if (write_cut_) {
    return Status(StatusCode::kUnavailable,
                  "a write to " + peer_addr_.to_string() + " was cut off by its deadline before");
  }
  if (op.deadline != kNever && op.deadline <= loop_.now())
    return Status(StatusCode::kDeadlineExceeded, "write deadline exceeded");
  return {};
}

bool PipeEnd::start_write(WriteOp& op) {
  assert(write_op_ == nullptr && !write_timer_.armed() && "a write is in flight already");
  if (write_closed_ || peer_closed_ || write_cut_ || op.deadline != kNever) {
    op.status = write_refused(op);
    if (!op.status.ok()) {
      op.none_accepted = true;
      op.data.clear();
      return loop_.done_inline(op);
    }
  } else {
    op.status = Status();
  }
  if (op.data.size() <= room_) {
    if (op.data.empty()) return loop_.done_inline(op);
    room_ -= op.data.size();
    own(op.data);
    send_data(std::move(op.data));
    return loop_.done_inline(op);
  }
  write_op_ = &op;
  write_begun_ = false;
  if (op.deadline != kNever) loop_.arm(write_timer_, op.deadline);
  if (room_ > 0) write_on();
  return false;
}

// Sends of the waiting write what fits. A reader that waits may give the room back from within send_data,
// which comes here again; so nothing is left to do behind it.
void PipeEnd::write_on() {
  Chain& rest = write_op_->data;
  const std::size_t n = std::min(room_, rest.size());
  room_ -= n;
  write_begun_ = true;
  Chain part = n == rest.size() ? std::move(rest) : rest.take_front(n);
  own(part);
  if (rest.empty()) end_write(Status());
  send_data(std::move(part));
}

void PipeEnd::close_write() {
  assert(write_op_ == nullptr && "close_write while a write is in flight");
  if (std::exchange(write_closed_, true)) return;
  send_eof();
}

void PipeEnd::close() {
  if (std::exchange(closed_, true)) return;
  write_closed_ = true;
  if (read_op_) end_read(Status(StatusCode::kCancelled, "conn closed"));
  if (write_op_) end_write(Status(StatusCode::kCancelled, "conn closed"));
  inbox_.clear();
  send_closed();
}

void PipeEnd::on_data(Chain&& data) {
  if (closed_) return data.clear();
  if (!read_op_)
    return inbox_.empty() ? inbox_.append(std::move(data)) : inbox_.append_tight(std::move(data));
  const std::size_t n = data.size();
  read_op_->result.data = std::move(data);
  end_read(Status());
  send_room(n);
}

void PipeEnd::on_room(std::size_t n) {
  room_ += n;
  if (write_op_) write_on();
}

void PipeEnd::on_eof() {
  eof_ = true;
  if (!read_op_) return;
  read_op_->result.data.clear();
  read_op_->result.eof = true;
  end_read(Status());
}

void PipeEnd::on_closed() {
  peer_closed_ = true;
  if (write_op_) {
    end_write(Status(StatusCode::kUnavailable, "conn closed by its peer " + peer_addr_.to_string()));
  }
  on_eof();
}

void PipeEnd::read_expired(Runnable& timer) noexcept {
  static_cast<Deadline&>(timer).end.end_read(Status(StatusCode::kDeadlineExceeded, "read deadline exceeded"));
}

void PipeEnd::write_expired(Runnable& timer) noexcept {
  PipeEnd& end = static_cast<Deadline&>(timer).end;
  // Bytes of a later write would stand where the rest of this one is missing.
  end.write_cut_ = end.write_begun_;
  end.end_write(Status(StatusCode::kDeadlineExceeded, "write deadline exceeded"));
}

namespace {

// An end whose peer is on the same loop.
class LocalEnd final : public PipeEnd {
 public:
  LocalEnd(Loop& loop, Addr local, Addr peer, std::size_t capacity)
      : PipeEnd(loop, std::move(local), std::move(peer), capacity) {}
  ~LocalEnd() override {
    close();
    if (mate_) mate_->mate_ = nullptr;
    if (forget()) --loop().counts().conns;
  }
  static void join(LocalEnd& a, LocalEnd& b) { a.mate_ = &b, b.mate_ = &a; }

 private:
  void send_data(Chain&& data) override {
    if (mate_) return mate_->on_data(std::move(data));
    data.clear();
  }
  void send_room(std::size_t n) override {
    if (mate_) mate_->on_room(n);
  }
  void send_eof() override {
    if (mate_) mate_->on_eof();
  }
  void send_closed() override {
    if (mate_) mate_->on_closed();
  }

  LocalEnd* mate_ = nullptr;  // null once it was destroyed
};

}  // namespace

PipeEnds make_pipe_ends(Loop& a, Loop& b, Addr addr_a, Addr addr_b, std::size_t capacity) {
  capacity = std::max<std::size_t>(capacity, 1);
  if (&a != &b) return make_cross_pipe_ends(a, b, std::move(addr_a), std::move(addr_b), capacity);
  auto end_a = std::make_unique<LocalEnd>(a, addr_a, addr_b, capacity);
  auto end_b = std::make_unique<LocalEnd>(b, std::move(addr_b), std::move(addr_a), capacity);
  LocalEnd::join(*end_a, *end_b);
  return {std::move(end_a), std::move(end_b)};
}

PipePair make_pipe(Loop& a, Loop& b, std::size_t capacity) {
  PipeEnds ends = make_pipe_ends(a, b, Addr{"pipe", "unnamed/a"}, Addr{"pipe", "unnamed/b"}, capacity);
  ends.a->adopt();
  ends.b->adopt();
  return {std::move(ends.a), std::move(ends.b)};
}

}  // namespace sluice::inline v0::net
