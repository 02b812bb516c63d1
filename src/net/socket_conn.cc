// SocketConn: reading, writing and the ways to end.
#include "net/socket_conn.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::inline v0::net {
namespace {

constexpr std::uint32_t kEvents = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET;
constexpr std::uint32_t kReadEvents = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr std::uint32_t kWriteEvents = EPOLLOUT | EPOLLHUP | EPOLLERR;
// Reads and sends of one conn before other work of the loop gets its turn: at 64 KiB a read that is a quarter
// of a megabyte, some 50 µs.
constexpr int kReadsPerTurn = 4;
constexpr int kSendsPerTurn = 4;
// Slices a sendmsg; a list of 1 KiB on the stack, and at 16 KiB a slice more than a socket takes at once.
constexpr std::size_t kMaxSlices = 64;
// A read of at least this keeps the scratch that it lies in; less is copied, so that no small slice pins
// 64 KiB.
constexpr std::size_t kKeepFrom = detail::Scratch::kSize / 4;
// close() reads away up to 4 MiB of what nobody will read.
constexpr int kMaxDiscards = 64;

Status conn_closed() { return Status(StatusCode::kCancelled, "conn closed"); }

}  // namespace

Result<std::unique_ptr<Conn>> SocketConn::make(Fd fd, Loop& loop, Addr local, Addr peer) {
  std::unique_ptr<SocketConn> conn(new SocketConn(std::move(fd), loop, std::move(local), std::move(peer)));
  if (Status status = loop.watch(*conn); !status.ok()) {
    conn->fd_.reset();
    conn->closed_ = true;
    return status;
  }
  return std::unique_ptr<Conn>(std::move(conn));
}

SocketConn::SocketConn(Fd fd, Loop& loop, Addr local, Addr peer)
    : FdWatch(fd.get(), peer.scheme == "tcp" ? kEvents | EPOLLOUT : kEvents),
      loop_(loop),
      fd_(std::move(fd)),
      out_on_demand_(peer.scheme != "tcp"),
      local_addr_(std::move(local)),
      peer_addr_(std::move(peer)) {
  ++loop_.counts().conns;
}

SocketConn::~SocketConn() {
  close();
  if (read_op_ || write_op_) [[unlikely]]
    loop_.group().fail(
        "a Conn was destroyed while a read or write is in flight: close() it, and wait for the op");
  --loop_.counts().conns;
}

void SocketConn::on_ready(std::uint32_t events) {
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) read_to_the_end_ = true;
  if (events & kReadEvents) readable_ = true;
  if (events & kWriteEvents) writable_ = true;
  reads_in_turn_ = 0;
  if (write_op_ && writable_ && !write_queued_) {
    const Progress progress = write_some(*write_op_);
    write_decided_ = progress == Progress::kDone;
    if (progress == Progress::kDone) post_write();
    if (progress == Progress::kMore) write_later();
  }
  // Last: the op's function may destroy the conn.
  if (read_op_ && readable_ && !read_queued_) read_on();
}

// --- Reading.

bool SocketConn::start_read(ReadOp& op) {
  assert(read_op_ == nullptr && "a read is in flight already");
  assert(!read_queued_ && !read_decided_ && !lent_ && !read_timer_.armed() && "the last read left nothing");
  op.status = Status();
  op.result = ReadResult();
  if (!read_refused(op)) {
    if (readable_ && reads_in_turn_ < kReadsPerTurn && loop_.try_inline()) {
      ++reads_in_turn_;
      if (read_some(op, Lend::kNo)) return true;
    }
    read_op_ = &op;
    if (readable_) {
      read_later();
    } else if (op.deadline != kNever) {
      loop_.arm(read_timer_, op.deadline);
    }
    return false;
  }
  if (loop_.try_inline()) return true;
  read_op_ = &op;
  read_decided_ = true;
  post_read();
  return false;
}

// True: `op` ends without a look at the socket.
bool SocketConn::read_refused(ReadOp& op) {
  if (closed_) {
    op.status = conn_closed();
  } else if (op.deadline != kNever && op.deadline <= loop_.now()) {
    op.status = Status(StatusCode::kDeadlineExceeded, "read deadline exceeded");
  } else if (!read_failure_.ok()) {
    op.status = read_failure_;
  } else {
    op.result.eof = eof_;
    return eof_;
  }
  return true;
}

// False: there was nothing.
bool SocketConn::read_some(ReadOp& op, Lend lend) {
  Buffer* block = loop_.scratch().take();
  iovec parts[2] = {{op.hint.into.data(), op.hint.into.size()}, {block->data(), detail::Scratch::kSize}};
  const bool hinted = !op.hint.into.empty();
  msghdr message{};
  message.msg_iov = hinted ? parts : parts + 1;
  message.msg_iovlen = hinted ? 2 : 1;
  ssize_t n;
  do {
    n = ::recvmsg(fd_.get(), &message, 0);
  } while (n < 0 && errno == EINTR);
  const int error = n < 0 ? errno : 0;
  // Descriptors that a unix peer sent along end a read early. They are not wanted and closed by the kernel.
  if (n >= 0 && (message.msg_flags & MSG_CTRUNC)) read_to_the_end_ = true;
  // Less than there was room for: that was all, and the kernel will say when there is more.
  if (n < 0 ||
      (static_cast<std::size_t>(n) < op.hint.into.size() + detail::Scratch::kSize && !read_to_the_end_))
    readable_ = false;
  if (n > 0) {
    take(op, block, static_cast<std::size_t>(n), lend);
    return true;
  }
  loop_.scratch().give(block);
  if (error == EAGAIN || error == EWOULDBLOCK) return false;
  if (n == 0) {
    op.result.eof = eof_ = true;
  } else {
    op.status = read_failure_ =
        socket_failure(StatusCode::kUnavailable, "read from " + peer_addr_.to_string(), error);
  }
  return true;
}

void SocketConn::take(ReadOp& op, Buffer* block, std::size_t n, Lend lend) {
  op.result.into_n = std::min(n, op.hint.into.size());
  n -= op.result.into_n;
  if (n >= kKeepFrom) {
    op.result.data.append(Bytes(block, block->data(), n));
    return;
  }
  const std::span<const std::byte> bytes{block->data(), n};
  if (lend == Lend::kYes) {
    op.result.data.append(Bytes::borrow(bytes));
    lent_ = block;
  } else {
    op.result.data.append(Bytes::copy(bytes));
    loop_.scratch().give(block);
  }
}

void SocketConn::post_read() {
  loop_.disarm(read_timer_);
  read_queued_ = true;
  loop_.post(read_node_);
}

// Others get their turn first, those with a descriptor too.
void SocketConn::read_later() {
  read_queued_ = true;
  loop_.post_tick_end(read_node_);
  loop_.poll_soon();
}

// From the loop only. May destroy the conn.
void SocketConn::read_on() {
  read_queued_ = false;
  reads_in_turn_ = 1;
  if (read_decided_ || read_some(*read_op_, Lend::kYes)) return end_read();
  if (read_op_->deadline != kNever) loop_.arm(read_timer_, read_op_->deadline);
}

// As read_on(). What the op's function starts next does not find the scratch that it was lent.
void SocketConn::end_read() {
  loop_.disarm(read_timer_);
  read_decided_ = false;
  Loop& loop = loop_;
  Buffer* lent = std::exchange(lent_, nullptr);
  std::exchange(read_op_, nullptr)->run();
  if (lent) loop.scratch().give(lent);
}

void SocketConn::read_expired(Runnable& timer) noexcept {
  SocketConn& conn = static_cast<Deadline&>(timer).conn;
  conn.read_op_->status = Status(StatusCode::kDeadlineExceeded, "read deadline exceeded");
  conn.end_read();
}

// --- Writing.

bool SocketConn::start_write(WriteOp& op) {
  assert(write_op_ == nullptr && "a write is in flight already");
  assert(!write_queued_ && !write_decided_ && !write_timer_.armed() && "the last write left nothing");
  assert((!out_demanded_ || !write_failure_.ok()) && "nobody waits for room");
  op.status = write_refused(op);
  op.none_accepted = !op.status.ok();
  if (!op.status.ok()) op.data.clear();
  write_begun_ = false;
  Progress progress = Progress::kDone;
  if (!op.data.empty()) progress = writable_ ? write_some(op) : blocked(op);
  if (progress == Progress::kDone && loop_.try_inline()) return true;
  write_op_ = &op;
  write_decided_ = progress == Progress::kDone;
  if (progress == Progress::kDone) {
    post_write();
  } else if (progress == Progress::kMore) {
    write_later();
  } else if (op.deadline != kNever) {
    loop_.arm(write_timer_, op.deadline);
  }
  return false;
}

Status SocketConn::write_refused(const WriteOp& op) {
  if (closed_) return conn_closed();
  if (write_closed_) return Status(StatusCode::kFailedPrecondition, "write after close_write");
  if (!write_failure_.ok()) return write_failure_;
  if (op.deadline != kNever && op.deadline <= loop_.now())
    return Status(StatusCode::kDeadlineExceeded, "write deadline exceeded");
  return {};
}

// Done: all was taken, or the op has failed.
SocketConn::Progress SocketConn::write_some(WriteOp& op) {
  for (int sends = 0; sends < kSendsPerTurn;) {
    iovec slices[kMaxSlices];
    const std::size_t count = std::min(op.data.count(), kMaxSlices);
    std::size_t offered = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Bytes& slice = op.data[i];
      slices[i] = {const_cast<std::byte*>(slice.data()), slice.size()};
      offered += slice.size();
    }
    msghdr message{};
    message.msg_iov = slices;
    message.msg_iovlen = count;
    const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return fail_write(op, errno);
      return blocked(op);
    }
    ++sends;
    write_begun_ = true;
    op.data.remove_prefix(static_cast<std::size_t>(n));
    if (op.data.empty()) {
      op.data.trim();  // the op may not be used again for long
      return Progress::kDone;
    }
    if (static_cast<std::size_t>(n) < offered) return blocked(op);
  }
  return Progress::kMore;
}

SocketConn::Progress SocketConn::blocked(WriteOp& op) {
  writable_ = false;
  if (!out_on_demand_ || out_demanded_) return Progress::kBlocked;
  out_demanded_ = true;
  if (loop_.change(*this, kEvents | EPOLLOUT).ok()) return Progress::kBlocked;
  return fail_write(op, ENOMEM);
}

SocketConn::Progress SocketConn::fail_write(WriteOp& op, int error) {
  op.data.clear();
  op.none_accepted = !write_begun_;
  op.status = write_failure_ =
      socket_failure(StatusCode::kUnavailable, "write to " + peer_addr_.to_string(), error);
  return Progress::kDone;
}

void SocketConn::post_write() {
  loop_.disarm(write_timer_);
  write_queued_ = true;
  loop_.post(write_node_);
}

void SocketConn::write_later() {
  loop_.disarm(write_timer_);
  write_queued_ = true;
  loop_.post_tick_end(write_node_);
  loop_.poll_soon();
}

// From the loop only. May destroy the conn.
void SocketConn::write_on() {
  write_queued_ = false;
  if (write_decided_) return end_write();
  switch (write_some(*write_op_)) {
    case Progress::kDone:
      return end_write();
    case Progress::kMore:
      return write_later();
    case Progress::kBlocked:
      if (write_op_->deadline != kNever) loop_.arm(write_timer_, write_op_->deadline);
  }
}

void SocketConn::end_write() {
  loop_.disarm(write_timer_);
  if (std::exchange(out_demanded_, false) && !closed_) (void)loop_.change(*this, kEvents);
  write_decided_ = false;
  std::exchange(write_op_, nullptr)->run();
}

void SocketConn::write_expired(Runnable& timer) noexcept {
  SocketConn& conn = static_cast<Deadline&>(timer).conn;
  conn.write_op_->status = Status(StatusCode::kDeadlineExceeded, "write deadline exceeded");
  conn.write_op_->data.clear();
  // Bytes of a later write would stand where the rest of this one is missing.
  if (conn.write_begun_) {
    conn.write_failure_ = Status(StatusCode::kUnavailable, "a write to " + conn.peer_addr_.to_string() +
                                                               " was cut off by its deadline before");
  }
  conn.end_write();
}

// --- Ends.

void SocketConn::close_write() {
  assert(write_op_ == nullptr && "close_write while a write is in flight");
  if (std::exchange(write_closed_, true)) return;
  ::shutdown(fd_.get(), SHUT_WR);
}

void SocketConn::close() {
  if (std::exchange(closed_, true)) return;
  write_closed_ = true;
  if (read_op_ && !read_decided_) {
    read_op_->status = conn_closed();
    read_decided_ = true;
    if (!read_queued_) post_read();
  }
  if (write_op_ && !write_decided_) {
    write_op_->status = conn_closed();
    write_op_->data.clear();
    write_decided_ = true;
    if (!write_queued_) post_write();
  }
  loop_.unwatch(*this);
  // A child that was forked meanwhile has a copy of the descriptor, and would keep the connection open: so it
  // is ended by name. The child's own copy ends nothing, and what is unread there is its parent's.
  if (opener_.is_this_process()) {
    discard_unread();
    ::shutdown(fd_.get(), SHUT_RDWR);
  }
  fd_.reset();
}

// What is left unread when a socket is closed makes the kernel reset the connection, and the peer may then
// lose what it was sent.
void SocketConn::discard_unread() {
  Buffer* block = loop_.scratch().take();
  for (int i = 0; i < kMaxDiscards; ++i) {
    // MSG_TRUNC: tcp drops the bytes without copying them.
    const ssize_t n = ::recv(fd_.get(), block->data(), detail::Scratch::kSize, MSG_TRUNC);
    if (n < static_cast<ssize_t>(detail::Scratch::kSize)) break;
  }
  loop_.scratch().give(block);
}

std::optional<PeerCredentials> SocketConn::peer_credentials() const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  int domain = 0;
  socklen_t domain_size = sizeof domain;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) != 0 || domain != AF_UNIX ||
      ::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return std::nullopt;
  return PeerCredentials{credentials.uid, credentials.gid, credentials.pid};
}

}  // namespace sluice::inline v0::net
