// Dials, accepts and closed listeners: who is matched with whom, and how the rest fails.
#include "net/pipe_hub.h"

#include <algorithm>
#include <utility>

namespace sluice::inline v0::net {
namespace {

Status listener_closed(const PipePort& port) {
  return Status(StatusCode::kUnavailable, "listener on " + port.addr.to_string() + " is closed");
}

Status check_pipe_addr(const Addr& addr) {
  if (addr.scheme != "pipe") {
    // Appended: for "x" + std::string, g++ 12 warns of overlapping copies at -O3.
    std::string text = "\"";
    text.append(addr.to_string()).append("\" is no pipe address, which is pipe:NAME");
    return Status(StatusCode::kInvalidArgument, std::move(text));
  }
  if (addr.text.empty()) return Status(StatusCode::kInvalidArgument, "\"pipe:\" has no name");
  return {};
}

}  // namespace

Result<std::shared_ptr<PipePort>> PipeHub::open(const Addr& addr) {
  if (Status status = check_pipe_addr(addr); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  std::shared_ptr<PipePort>& place = ports_[addr.text];
  if (place) return {StatusCode::kAlreadyExists, addr.to_string() + " is already being listened on"};
  place = std::make_shared<PipePort>(addr);
  return place;
}

Status PipeHub::close(PipePort& port) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(port.closed, true))
    return Status(StatusCode::kFailedPrecondition, "pipe listener already closed");
  while (!port.dials.empty()) decide(*port.dials.front(), listener_closed(port));
  for (WaitingAccept* accept : std::exchange(port.accepts, {})) {
    accept->status = listener_closed(port);
    accept->loop.post(*accept);
  }
  ports_.erase(port.addr.text);
  return {};
}

PipeEnds PipeHub::make_ends(const PipePort& port, Loop& dialer, Loop& acceptor) {
  Addr dialled{port.addr.scheme, port.addr.text + "#" + std::to_string(++num_dialled_)};
  return make_pipe_ends(dialer, acceptor, std::move(dialled), port.addr, options_.pipe_capacity);
}

bool PipeHub::accept(PipePort& port, AcceptOp& op, Loop& loop) {
  op.status = Status();
  op.again = false;
  {
    const std::lock_guard lock(mutex_);
    if (port.closed) {
      op.status = listener_closed(port);
    } else if (port.dials.empty()) {
      port.accepts.push_back(new WaitingAccept(shared_from_this(), op, loop));
      return false;
    } else {
      WaitingDial& dial = *port.dials.front();
      PipeEnds ends = make_ends(port, dial.loop, loop);
      dial.end = std::move(ends.a);
      decide(dial, Status());
      ends.b->adopt();
      op.conn = std::move(ends.b);
    }
  }
  return loop.done_inline(op);
}

Status PipeHub::refusal(const DialOp& op, Loop& loop) const {
  if (Status status = check_pipe_addr(op.addr); !status.ok()) return status;
  if (Status status = op.context.status(); !status.ok()) return status;
  const TimePoint deadline = std::min(op.deadline, op.context.deadline());
  if (deadline != kNever && deadline <= loop.now()) {
    return Status(StatusCode::kDeadlineExceeded,
                  "dial of " + op.addr.to_string() + " began after its deadline");
  }
  return {};
}

bool PipeHub::dial(DialOp& op, Loop& loop) {
  op.status = refusal(op, loop);
  std::shared_ptr<WaitingDial> waits;
  if (!op.status.ok() || try_dial(op, loop, waits)) return loop.done_inline(op);
  // It may be decided already, by another thread; but then its node waits for this loop.
  waits->arm(std::min(op.deadline, op.context.deadline()), op.context);
  return false;
}

// True: it has its conn or its failure. False: it is in the backlog.
bool PipeHub::try_dial(DialOp& op, Loop& loop, std::shared_ptr<WaitingDial>& waits) {
  const std::lock_guard lock(mutex_);
  const auto found = ports_.find(op.addr.text);
  if (found == ports_.end()) {
    op.status = Status(StatusCode::kUnavailable,
                       "nobody listens on " + op.addr.to_string() + " in this memory network");
    return true;
  }
  PipePort& port = *found->second;
  if (!port.accepts.empty()) {
    // On the dialer's own loop if that one accepts too: then the pipe crosses no threads.
    auto at = std::find_if(port.accepts.begin(), port.accepts.end(),
                           [&](const WaitingAccept* accept) { return &accept->loop == &loop; });
    if (at == port.accepts.end()) at = port.accepts.begin();
    WaitingAccept* accept = *at;
    port.accepts.erase(at);
    PipeEnds ends = make_ends(port, loop, accept->loop);
    ends.a->adopt();
    op.conn = std::move(ends.a);
    accept->end = std::move(ends.b);
    accept->loop.post(*accept);
    return true;
  }
  if (port.dials.size() >= options_.backlog) {
    op.status =
        Status(StatusCode::kResourceExhausted,
               std::to_string(port.dials.size()) + " dials wait already for " + port.addr.to_string());
    return true;
  }
  waits = std::make_shared<WaitingDial>(shared_from_this(), found->second, op, loop);
  waits->self = waits;
  waits->place = port.dials.insert(port.dials.end(), waits.get());
  op.pending = waits;
  return false;
}

void PipeHub::fail(WaitingDial& dial, Status status) {
  const std::lock_guard lock(mutex_);
  decide(dial, std::move(status));
}

void PipeHub::decide(WaitingDial& dial, Status status) {
  if (std::exchange(dial.decided, true)) return;
  dial.port->dials.erase(dial.place);
  dial.status = std::move(status);
  dial.loop.post(dial);
}

WaitingDial::WaitingDial(std::shared_ptr<PipeHub> h, std::shared_ptr<PipePort> p, DialOp& o, Loop& l)
    : Runnable(&done), hub(std::move(h)), port(std::move(p)), op(o), loop(l) {}

void WaitingDial::arm(TimePoint deadline, const Context& context) {
  loop.add_reporter(*this);
  if (deadline != kNever) loop.arm(expiry_, deadline);
  if (context) cancellation_.arm(context);
}

void WaitingDial::describe(std::string& out) const {
  out += "a dial waits for " + port->addr.to_string() + " to accept it";
}

void WaitingDial::done(Runnable& self) noexcept {
  auto& dial = static_cast<WaitingDial&>(self);
  dial.hub->settle();
  dial.loop.remove_reporter(dial);
  dial.loop.disarm(dial.expiry_);
  DialOp& op = dial.op;
  op.status = std::move(dial.status);
  if (dial.end) {
    dial.end->adopt();
    op.conn = std::move(dial.end);
  }
  op.pending.reset();
  dial.ended_ = true;
  if (dial.cancellation_.disarm()) dial.self.reset();  // the last reference
  op.run();
}

void WaitingDial::expired(Runnable& timer) noexcept {
  WaitingDial& dial = static_cast<Expiry&>(timer).dial;
  dial.hub->fail(dial, Status(StatusCode::kDeadlineExceeded, "dial of " + dial.port->addr.to_string() +
                                                                 " was not accepted before its deadline"));
}

void WaitingDial::cancelled(Runnable& watch) noexcept {
  auto& cancellation = static_cast<Cancellation&>(watch);
  WaitingDial& dial = cancellation.dial;
  cancellation.ran();
  if (dial.ended_) return dial.self.reset();
  dial.hub->fail(dial, dial.op.context.status());
}

void WaitingAccept::done(Runnable& self) noexcept {
  std::unique_ptr<WaitingAccept> accept(static_cast<WaitingAccept*>(&self));
  accept->hub->settle();
  AcceptOp& op = accept->op;
  op.status = std::move(accept->status);
  if (accept->end) {
    accept->end->adopt();
    op.conn = std::move(accept->end);
  }
  accept.reset();
  op.run();
}

}  // namespace sluice::inline v0::net
