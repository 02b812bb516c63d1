// When each piece arrives, and who waits for it.
#include "testing/link_conn.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace sluice::inline v0::testing::detail {
namespace {

constexpr std::size_t kPiece = 16 << 10;

Status closed_status() { return Status(StatusCode::kCancelled, "conn closed"); }

}  // namespace

LinkConn::LinkConn(std::unique_ptr<net::Conn> below, const LinkOptions& options, std::uint64_t seed)
    : Timer(&due), options_(options), source_(new Source(std::move(below))), random_(seed) {
  source_->owner = this;
  fetch();
}

LinkConn::~LinkConn() {
  assert(!op_ && "a conn is destroyed with an op in flight");
  close();
  source_->owner = nullptr;
  if (!source_->active) delete source_;
}

void LinkConn::Source::done(Runnable& self) noexcept {
  auto& source = static_cast<Source&>(static_cast<net::ReadOp&>(self));
  source.active = false;
  if (!source.owner) {
    delete &source;
    return;
  }
  source.owner->take();
  source.owner->fetch();
  source.owner->wake();
}

// When what is sent now arrives.
TimePoint LinkConn::time_of(std::size_t bytes) {
  free_at_ = std::max(free_at_, loop().now());
  if (options_.bytes_per_second > 0) {
    free_at_ = after(free_at_, Duration(static_cast<std::int64_t>(bytes * std::uint64_t{1'000'000'000} /
                                                                  options_.bytes_per_second)));
  }
  Duration late = options_.latency;
  if (options_.jitter > Duration::zero()) {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    late += Duration(
        static_cast<std::int64_t>((random_ >> 16) % static_cast<std::uint64_t>(options_.jitter.count() + 1)));
  }
  return last_ = std::max(last_, after(free_at_, late));
}

// Reads below as far as the link has room.
void LinkConn::fetch() {
  while (!source_->active && !ended_ && !closed_ && held_ < options_.buffer) {
    source_->result = net::ReadResult();
    source_->active = true;
    if (!source_->below->start_read(*source_)) return;
    source_->active = false;
    take();
  }
}

void LinkConn::take() {
  if (closed_) return;
  if (!source_->status.ok() || source_->result.eof) {
    ended_ = true;
    pieces_.push_back({time_of(0), {}, std::move(source_->status)});
    return;
  }
  Chain data = std::move(source_->result.data);
  data.keep();
  held_ += data.size();
  while (!data.empty()) {
    const std::size_t n = std::min(data.size(), kPiece);
    pieces_.push_back({time_of(n), data.take_front(n)});
  }
}

bool LinkConn::arrived() const { return !pieces_.empty() && pieces_.front().arrives <= loop().now(); }

bool LinkConn::start_read(net::ReadOp& op) {
  assert(!op_ && "a read is in flight already");
  op.result = net::ReadResult();
  op.status = closed_ ? closed_status() : Status();
  if (op.status.ok() && op.deadline != kNever && op.deadline <= loop().now()) {
    op.status = Status(StatusCode::kDeadlineExceeded, "read deadline exceeded");
  }
  if (!op.status.ok()) return loop().done_inline(op);
  op_ = &op;
  fetch();
  if (!read_on()) return false;
  op_ = nullptr;
  return loop().done_inline(op);
}

// True: the read is done.
bool LinkConn::read_on() {
  if (arrived()) {
    deliver(*op_);
    return true;
  }
  if (op_->deadline <= loop().now()) {
    op_->status = Status(StatusCode::kDeadlineExceeded, "read deadline exceeded");
    return true;
  }
  const TimePoint next = std::min(op_->deadline, pieces_.empty() ? kNever : pieces_.front().arrives);
  if (next != kNever) loop().arm(*this, next);
  return false;
}

void LinkConn::deliver(net::ReadOp& op) {
  if (pieces_.front().data.empty()) {  // and it stays: whatever is read after it is the same
    op.status = pieces_.front().why;
    op.result.eof = op.status.ok();
    return;
  }
  Chain data;
  while (arrived() && !pieces_.front().data.empty()) {
    data.append(std::move(pieces_.front().data));
    pieces_.pop_front();
  }
  held_ -= data.size();
  if (!op.hint.into.empty()) {
    op.result.into_n = std::min(data.size(), op.hint.into.size());
    data.copy_prefix_to(op.hint.into.data(), op.result.into_n);
    data.remove_prefix(op.result.into_n);
  }
  op.result.data = std::move(data);
  fetch();
}

void LinkConn::due(Runnable& timer) noexcept { static_cast<LinkConn&>(static_cast<Timer&>(timer)).wake(); }

void LinkConn::wake() {
  if (!op_ || !read_on()) return;
  if (armed()) loop().disarm(*this);
  std::exchange(op_, nullptr)->run();
}

void LinkConn::close() {
  if (std::exchange(closed_, true)) return;
  pieces_.clear();
  held_ = 0;
  source_->below->close();
  if (armed()) loop().disarm(*this);
  if (net::ReadOp* op = std::exchange(op_, nullptr)) op->status = closed_status(), loop().post(*op);
}

}  // namespace sluice::inline v0::testing::detail
