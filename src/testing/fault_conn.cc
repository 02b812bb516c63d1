// What FaultConn does to the bytes of each direction. An op of the conn below is in flight only while one of
// the owner's is, so that whoever has waited for their own ops may destroy both.
#include "sluice/testing/fault_conn.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/splitmix64.h"

namespace sluice::inline v0::testing {
namespace {

constexpr const char* kReadExpired = "read deadline exceeded";
constexpr const char* kWriteExpired = "write deadline exceeded";

Status closed_status() { return Status(StatusCode::kCancelled, "conn closed"); }

}  // namespace

FaultConn::FaultConn(std::unique_ptr<net::Conn> below, FaultOptions options)
    : options_(std::move(options)), below_(std::move(below)), random_(options_.seed) {
  loop().add_reporter(*this);
}

FaultConn::~FaultConn() {
  assert(!read_op_ && !write_op_ && "a conn is destroyed with an op in flight");
  close();
  loop().remove_reporter(*this);
}

std::uint64_t FaultConn::random() { return splitmix64(random_); }

void FaultConn::tell(const Way& way, FaultKind kind, std::size_t size, Duration time) {
  if (options_.observe) options_.observe({kind, way.direction, way.passed, size, time});
}

void FaultConn::describe(std::string& out) const {
  if (read_op_ && in_.black) out += "a read on " + local_addr().to_string() + " is in a black hole";
}

// --- What both directions share.

Status FaultConn::refusal(TimePoint deadline, const char* expired) const {
  if (closed_) return closed_status();
  if (!broken_.ok()) return broken_;
  if (deadline != kNever && deadline <= loop().now()) return Status(StatusCode::kDeadlineExceeded, expired);
  return {};
}

// What the owner is told when the conn below failed: its own close or the cut come first.
Status FaultConn::failure(Status below) const {
  if (closed_) return closed_status();
  return broken_.ok() ? std::move(below) : broken_;
}

// Lets the faults happen that this direction has come to; those that happen to a byte wait for it. False: the
// conn has been cut.
bool FaultConn::reach_faults(Way& way, Data data) {
  const std::vector<Fault>& faults = way.plan.faults;
  for (; way.next < faults.size() && faults[way.next].at <= way.passed; ++way.next) {
    const Fault& fault = faults[way.next];
    if (fault.kind == FaultKind::kCut) {
      tell(way, fault.kind, 0, {});
      cut(way, fault.at);
      return false;
    }
    if (fault.kind == FaultKind::kBlackHole) {
      way.black = true;
      tell(way, fault.kind, 0, {});
      continue;
    }
    if (data == Data::kNone) return true;
    if (fault.kind == FaultKind::kStall) {
      way.hold = after(loop().now(), fault.time);
      tell(way, fault.kind, 0, fault.time);
    } else if (fault.kind == FaultKind::kCorrupt) {
      way.corrupt = true;
      tell(way, fault.kind, 0, {});
    }
  }
  return true;
}

// True: way.piece bytes may pass now. False: the timer brings us here again, or to the op's deadline.
bool FaultConn::may_pass(Way& way, std::size_t available, TimePoint deadline) {
  if (way.piece == 0) {
    std::size_t n = available;
    if (way.plan.max_piece > 0) n = std::min<std::size_t>(n, 1 + random() % way.plan.max_piece);
    if (way.next < way.plan.faults.size()) {
      n = static_cast<std::size_t>(std::min<std::uint64_t>(n, way.plan.faults[way.next].at - way.passed));
    }
    if (n < available) tell(way, FaultKind::kSplit, n, {});
    way.piece = n;
    if (way.plan.max_delay > Duration::zero()) {
      const Duration delay(random() % static_cast<std::uint64_t>(way.plan.max_delay.count() + 1));
      way.hold = std::max(way.hold, after(loop().now(), delay));
      tell(way, FaultKind::kDelay, n, delay);
    }
  }
  if (way.hold <= loop().now()) return true;
  loop().arm(way, std::min(way.hold, deadline));
  return false;
}

void FaultConn::pass(Way& way, std::size_t n) {
  way.passed += n;
  if (!options_.progress) return;
  (way.direction == Direction::kRead ? options_.progress->bytes_read : options_.progress->bytes_written) =
      way.passed;
}

Chain FaultConn::corrupted(Chain data) {
  std::string text = data.to_string();
  text[0] = static_cast<char>(text[0] ^ static_cast<char>(1 + random() % 255));
  return Chain::copy(text);
}

void FaultConn::cut(Way& way, std::uint64_t at) {
  broken_ = Status(StatusCode::kUnavailable, "conn to " + peer_addr().to_string() + " cut at byte " +
                                                 std::to_string(at) + " of its " +
                                                 (way.direction == Direction::kRead ? "reads" : "writes"));
  inbox_.clear();
  below_->close();
  end_waiting(&way == &in_ ? out_ : in_, broken_);
}

// Ends the op of this direction if nothing else is going to: one with an op below ends with that.
void FaultConn::end_waiting(Way& way, const Status& why) {
  if (way.armed()) loop().disarm(way);
  if (way.below) return;
  if (way.direction == Direction::kRead) {
    if (net::ReadOp* op = std::exchange(read_op_, nullptr)) op->status = why, loop().post(*op);
  } else if (net::WriteOp* op = std::exchange(write_op_, nullptr)) {
    op->data.clear();
    op->status = why;
    loop().post(*op);
  }
}

void FaultConn::held_until(Runnable& timer) noexcept {
  auto& way = static_cast<Way&>(timer);
  FaultConn& conn = way.conn;
  if (way.direction == Direction::kRead) {
    net::ReadOp& op = *conn.read_op_;
    op.status = conn.refusal(op.deadline, kReadExpired);
    if (!op.status.ok() || conn.read_on()) conn.run_read();
  } else {
    net::WriteOp& op = *conn.write_op_;
    op.status = conn.refusal(op.deadline, kWriteExpired);
    if (!op.status.ok()) op.data.clear(), way.piece = 0, conn.note_cut_write(op);
    if (!op.status.ok() || conn.write_on()) conn.run_write();
  }
}

void FaultConn::close_write() {
  if (std::exchange(write_closed_, true) || closed_ || !broken_.ok() || out_.black) return;
  below_->close_write();
}

void FaultConn::close() {
  if (std::exchange(closed_, true)) return;
  inbox_.clear();
  below_->close();
  end_waiting(in_, closed_status());
  end_waiting(out_, closed_status());
}

// --- Reads.

bool FaultConn::start_read(net::ReadOp& op) {
  assert(read_op_ == nullptr && "a read is in flight already");
  op.result = net::ReadResult();
  op.status = refusal(op.deadline, kReadExpired);
  if (!op.status.ok()) return loop().done_inline(op);
  read_op_ = &op;
  if (!read_on()) return false;
  read_op_ = nullptr;
  return loop().done_inline(op);
}

// True: the read is done.
bool FaultConn::read_on() {
  net::ReadOp& op = *read_op_;
  for (;;) {
    if (!reach_faults(in_, inbox_.empty() ? Data::kNone : Data::kThere)) {
      op.status = broken_;
      return true;
    }
    if (in_.black) {
      inbox_.clear();
      if (op.deadline != kNever) loop().arm(in_, op.deadline);
      return false;
    }
    if (!inbox_.empty()) break;
    if (eof_) return op.result.eof = true;
    read_below_.deadline = op.deadline;
    in_.below = true;
    if (!below_->start_read(read_below_)) return false;
    if (!take_read()) return true;
  }
  if (!may_pass(in_, inbox_.size(), op.deadline)) return false;
  deliver(op);
  return true;
}

// False: the read has failed.
bool FaultConn::take_read() {
  in_.below = false;
  if (closed_ || !broken_.ok() || !read_below_.status.ok()) {
    read_op_->status = failure(std::move(read_below_.status));
    read_below_.result.data.clear();
    return false;
  }
  eof_ = read_below_.result.eof;
  inbox_ = std::move(read_below_.result.data);
  inbox_.keep();
  return true;
}

void FaultConn::read_below(Runnable& op) noexcept {
  FaultConn& conn = static_cast<ReadBelow&>(op).conn;
  if (!conn.take_read() || conn.read_on()) conn.run_read();
}

void FaultConn::run_read() { std::exchange(read_op_, nullptr)->run(); }

void FaultConn::deliver(net::ReadOp& op) {
  const std::size_t n = std::exchange(in_.piece, 0);
  Chain data = inbox_.take_front(n);
  if (std::exchange(in_.corrupt, false)) {
    Chain first = corrupted(data.take_front(1));
    first.append(std::move(data));
    data = std::move(first);
  }
  pass(in_, n);
  if (!op.hint.into.empty()) {
    op.result.into_n = std::min(n, op.hint.into.size());
    data.copy_prefix_to(op.hint.into.data(), op.result.into_n);
    data.remove_prefix(op.result.into_n);
  }
  op.result.data = std::move(data);
  // What ends the conn here does so now, not at the next read; this one has succeeded.
  static_cast<void>(reach_faults(in_, Data::kNone));
}

// --- Writes.

bool FaultConn::start_write(net::WriteOp& op) {
  assert(write_op_ == nullptr && "a write is in flight already");
  op.status = refusal(op.deadline, kWriteExpired);
  if (op.status.ok() && write_closed_) {
    op.status = Status(StatusCode::kFailedPrecondition, "write after close_write");
  } else if (write_cut_ && !closed_ && broken_.ok()) {
    op.status = Status(StatusCode::kUnavailable,
                       "a write to " + peer_addr().to_string() + " was cut off by its deadline before");
  }
  if (!op.status.ok()) {
    op.data.clear();
    return loop().done_inline(op);
  }
  write_op_ = &op;
  write_began_ = out_.passed;
  if (!write_on()) return false;
  write_op_ = nullptr;
  return loop().done_inline(op);
}

// Of a write that failed. Pieces of it may have passed before one that the conn below accepted nothing of.
void FaultConn::note_cut_write(const net::WriteOp& op) {
  if (out_.passed != write_began_ && op.deadline <= loop().now()) write_cut_ = true;
}

// True: the write is done.
bool FaultConn::write_on() {
  net::WriteOp& op = *write_op_;
  do {
    if (!reach_faults(out_, op.data.empty() ? Data::kNone : Data::kThere)) {
      op.data.clear();
      op.status = broken_;
      return true;
    }
    if (out_.black) {
      pass(out_, op.data.size());
      op.data.clear();
      return true;
    }
    if (!op.data.empty() && !may_pass(out_, op.data.size(), op.deadline)) return false;
    write_below_.data = op.data.take_front(out_.piece);
    if (std::exchange(out_.corrupt, false)) {
      Chain first = corrupted(write_below_.data.take_front(1));
      first.append(std::move(write_below_.data));
      write_below_.data = std::move(first);
    }
    write_below_.deadline = op.deadline;
    out_.below = true;
    if (!below_->start_write(write_below_)) return false;
    if (!take_written()) return true;
  } while (!op.data.empty());
  return true;
}

// False: the write has failed.
bool FaultConn::take_written() {
  out_.below = false;
  const std::size_t n = std::exchange(out_.piece, 0);
  net::WriteOp& op = *write_op_;
  if (write_below_.status.ok()) {
    pass(out_, n);  // closed meanwhile or not: the peer gets them
    // What ends the conn here does so now; the bytes before it were accepted.
    static_cast<void>(reach_faults(out_, Data::kNone));
    if (!closed_ && (broken_.ok() || op.data.empty())) return true;
  }
  op.status = failure(std::move(write_below_.status));
  op.data.clear();
  note_cut_write(op);
  return false;
}

void FaultConn::written_below(Runnable& op) noexcept {
  FaultConn& conn = static_cast<WriteBelow&>(op).conn;
  if (!conn.take_written() || conn.write_op_->data.empty() || conn.write_on()) conn.run_write();
}

void FaultConn::run_write() { std::exchange(write_op_, nullptr)->run(); }

}  // namespace sluice::inline v0::testing
