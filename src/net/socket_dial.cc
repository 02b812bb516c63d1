// Dialling: names to addresses, addresses to connections, and all the ways to give up.
#include "net/socket_dial.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "net/socket.h"
#include "net/socket_conn.h"

namespace sluice::inline v0::net {
namespace {

// With several addresses each gets its share of the time that is left, but at least this: two round trips to
// the other side of the world with one SYN lost.
constexpr std::chrono::seconds kMinAttempt{2};
// A unix socket whose backlog is full refuses, and tells nobody when there is room again.
constexpr std::chrono::milliseconds kBacklogPause{10};

// An address of its own for the dialler's end, which the acceptor sees too: the kernel picks a free one in
// the abstract namespace.
void bind_somewhere(int fd) {
  const sa_family_t family = AF_UNIX;
  const SocketAddr any(&family, sizeof family);
  (void)::bind(fd, any.get(), any.size());
}

}  // namespace

SocketDial::Connecting::Connecting(SocketDial& d, int fd) : FdWatch(fd, EPOLLOUT | EPOLLET), dial(d) {}

SocketDial::SocketDial(DialOp& op, Loop& loop, Resolver& resolver, std::vector<SocketAddr> addrs)
    : Runnable(&ended),
      op_(op),
      loop_(loop),
      resolver_(resolver),
      deadline_(std::min(op.deadline, op.context.deadline())),
      addrs_(std::move(addrs)) {}

bool SocketDial::start() {
  if (begin() == Attempt::kDone) return loop_.done_inline(op_);
  op_.pending = shared_from_this();
  loop_.arm(expiry_, deadline_);
  if (op_.context) cancellation_.arm(op_.context);
  return false;
}

SocketDial::Attempt SocketDial::begin() {
  op_.status = op_.context.status();
  if (!op_.status.ok()) return Attempt::kDone;
  if (deadline_ != kNever && deadline_ <= loop_.now()) {
    op_.status = Status(StatusCode::kDeadlineExceeded,
                        "dial of " + op_.addr.to_string() + " began after its deadline");
    return Attempt::kDone;
  }
  if (!addrs_.empty()) return try_addrs();
  if (op_.addr.scheme == "tcp") {
    Result<HostPort> target = parse_target(op_.addr);
    if (!target.ok()) return op_.status = std::move(target).status(), Attempt::kDone;
    const std::optional<SocketAddr> literal = to_literal(*target);
    if (!literal) return resolve(*target);
    addrs_.push_back(*literal);
  } else {
    Result<SocketAddr> target = to_unix_addr(op_.addr);
    if (!target.ok()) return op_.status = std::move(target).status(), Attempt::kDone;
    addrs_.push_back(*target);
  }
  return try_addrs();
}

SocketDial::Attempt SocketDial::resolve(const HostPort& target) {
  op_.status = resolver_.start(target, resolution_);
  resolving_ = op_.status.ok();
  if (resolving_) return Attempt::kWaits;
  op_.status = Status(StatusCode::kUnavailable, "cannot resolve \"" + op_.addr.to_string() +
                                                    "\": " + std::string(op_.status.message()));
  return Attempt::kDone;
}

void SocketDial::resolved() {
  resolving_ = false;
  if (decided_) return ended(*this);
  Resolver::Answer& answer = resolution_.answer;
  if (!answer.status.ok()) return decide(std::move(answer.status));
  addrs_ = std::move(answer.addrs);
  go_on(try_addrs());
}

void SocketDial::go_on(Attempt attempt) {
  if (attempt == Attempt::kNext) attempt = try_addrs();
  if (attempt == Attempt::kDone) decide(std::move(op_.status));
}

SocketDial::Attempt SocketDial::try_addrs() {
  while (next_ < addrs_.size()) {
    const Attempt attempt = try_addr(addrs_[next_]);
    if (attempt != Attempt::kNext) return attempt;
  }
  op_.status = Status(exhausted_ ? StatusCode::kResourceExhausted : StatusCode::kUnavailable,
                      "dial of " + op_.addr.to_string() + ": " + causes_);
  return Attempt::kDone;
}

SocketDial::Attempt SocketDial::try_addr(const SocketAddr& addr) {
  fd_ = make_socket(addr.family());
  exhausted_ = !fd_ && is_exhausted(errno);
  if (!fd_) return failed(error_text(errno));
  addr.family() == AF_UNIX ? bind_somewhere(fd_.get()) : set_no_delay(fd_.get());
  if (::connect(fd_.get(), addr.get(), addr.size()) == 0) return adopt();
  if (errno == EINPROGRESS) {
    connecting_.emplace(*this, fd_.get());
    if (Status status = loop_.watch(*connecting_); !status.ok()) {
      connecting_.reset();
      return failed(std::string(status.message()));
    }
    loop_.arm(attempt_timer_, attempt_deadline());
    return Attempt::kWaits;
  }
  if (errno == EAGAIN && addr.family() == AF_UNIX) {
    loop_.arm(attempt_timer_, after(loop_.now(), kBacklogPause));
    return Attempt::kWaits;
  }
  return failed(error_text(errno));
}

SocketDial::Attempt SocketDial::adopt() {
  const bool tcp = op_.addr.scheme == "tcp";
  const SocketAddr local = local_addr_of(fd_.get());
  const SocketAddr peer = peer_addr_of(fd_.get());
  // Dialling a port of one's own range that nobody listens on may by chance take that port for this end too,
  // and then connects to itself.
  if (tcp && local == peer) return failed(error_text(ECONNREFUSED));
  Addr local_addr = local.is_unnamed() ? Addr{"unix", "unnamed"} : to_addr(local);
  Result<std::unique_ptr<Conn>> conn =
      SocketConn::make(std::move(fd_), loop_, std::move(local_addr), tcp ? to_addr(peer) : op_.addr);
  if (!conn.ok()) return failed(std::string(conn.status().message()));
  op_.conn = std::move(*conn);
  op_.status = Status();
  return Attempt::kDone;
}

SocketDial::Attempt SocketDial::failed(const std::string& cause) {
  give_up_attempt();
  if (!causes_.empty()) causes_ += ", ";
  if (addrs_.size() > 1) causes_ += to_addr(addrs_[next_]).text + ": ";
  causes_ += cause;
  ++next_;
  return Attempt::kNext;
}

void SocketDial::connected() {
  loop_.disarm(attempt_timer_);
  loop_.unwatch(*connecting_);
  connecting_.reset();
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  go_on(error == 0 ? adopt() : failed(error_text(error)));
}

void SocketDial::attempt_expired() {
  if (!connecting_) return go_on(Attempt::kNext);  // the pause for a full backlog is over
  loop_.unwatch(*connecting_);
  connecting_.reset();
  go_on(failed(error_text(ETIMEDOUT)));
}

// The last address has all the time that is left.
TimePoint SocketDial::attempt_deadline() {
  const auto left = static_cast<Duration::rep>(addrs_.size() - next_);
  if (left <= 1 || deadline_ == kNever) return kNever;
  return after(loop_.now(), std::max<Duration>(kMinAttempt, (deadline_ - loop_.now()) / left));
}

void SocketDial::expired() {
  std::string text = "dial of " + op_.addr.to_string() + " was not accepted before its deadline";
  if (!causes_.empty()) text += ": " + causes_;
  decide(Status(StatusCode::kDeadlineExceeded, std::move(text)));
}

void SocketDial::cancel() {
  decide(Status(StatusCode::kCancelled, "dial of " + op_.addr.to_string() + " cancelled"));
}

void SocketDial::context_cancelled(Runnable& watch) noexcept {
  auto& cancellation = static_cast<Cancellation&>(watch);
  SocketDial& dial = cancellation.dial;
  cancellation.ran();
  if (dial.ended_) return dial.self_.reset();
  dial.decide(dial.op_.context.status());
}

void SocketDial::decide(Status status) {
  if (std::exchange(decided_, true)) return;
  stop();
  op_.status = std::move(status);
  if (resolving_ && !resolver_.try_abandon(resolution_)) return;  // resolved() is about to run
  loop_.post(*this);
}

void SocketDial::stop() {
  loop_.disarm(expiry_);
  loop_.disarm(attempt_timer_);
  if (connecting_) loop_.unwatch(*connecting_);
  connecting_.reset();
  give_up_attempt();
}

// Not left to the descriptor's last copy, which a child of fork may have: the peer may have accepted already.
void SocketDial::give_up_attempt() {
  if (fd_ && opener_.is_this_process()) ::shutdown(fd_.get(), SHUT_RDWR);
  fd_.reset();
}

void SocketDial::ended(Runnable& self) noexcept {
  auto& dial = static_cast<SocketDial&>(self);
  dial.ended_ = true;
  DialOp& op = dial.op_;
  const std::shared_ptr<SocketDial> held = dial.shared_from_this();
  if (!dial.cancellation_.disarm()) dial.self_ = held;  // until its watch has run
  op.pending.reset();
  op.run();
}

}  // namespace sluice::inline v0::net
