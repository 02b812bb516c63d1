// Conn: an ordered, reliable stream of bytes between two ends, which moves chains of ref-counted slices
// (grpc-go: net.Conn). Everything above it, HTTP/2 included, is the same over every kind of Conn.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "sluice/async/task.h"
#include "sluice/base/addr.h"
#include "sluice/base/bytes.h"
#include "sluice/base/status.h"
#include "sluice/base/time.h"

namespace sluice::net {

// Where a reader would like the next bytes to land. A hint: a Conn may ignore it.
struct ReadHint {
  std::span<std::byte> into = {};
};

// What one read brought: `into_n` bytes at the start of the hint's memory, then `data`; eof when the peer has
// half-closed and nothing will follow (both are then empty).
struct ReadResult {
  // A read done inline owns its data; one that completes through the op's function may borrow the loop's
  // scratch memory until that function returns (keep() makes it owned).
  Chain data;
  std::size_t into_n = 0;
  bool eof = false;
};

// One read in flight: a node that the reader owns. Its function runs on the conn's loop when the read is
// done.
class ReadOp : public Runnable {
 public:
  explicit ReadOp(Run done) : Runnable(done) {}
  // Set before start_read.
  ReadHint hint;
  TimePoint deadline = kNever;  // then DEADLINE_EXCEEDED, and the conn stays usable
  // Set when done. OK with at least one byte or eof; UNAVAILABLE or CANCELLED when broken or closed.
  Status status;
  ReadResult result;

 protected:
  ~ReadOp() = default;
};

// One write in flight; as ReadOp.
class WriteOp : public Runnable {
 public:
  explicit WriteOp(Run done) : Runnable(done) {}
  // Set before start_write; taken by the conn. What was not written when it fails is dropped.
  Chain data;
  TimePoint deadline = kNever;  // then DEADLINE_EXCEEDED; what follows depends on what was accepted, see Conn
  // Set when done. OK: all of `data` was accepted in order.
  Status status;
  // May be set with a failure: not one byte of `data` has been accepted, or will be. To be cleared by whoever
  // starts the op.
  bool none_accepted = false;

 protected:
  ~WriteOp() = default;
};

using sluice::PeerCredentials;

// Thread: belongs to loop(); everything is loop-only. Overlap: one read and one write at a time, at once.
// Lifetime: an op stays alive until it is done; the conn is destroyed with no op in flight: close(), then
// wait for both. No op's function runs within a member function of the Conn: it runs from the loop, and may
// start the next op or destroy the Conn. Errors: every failure is a Status that names the cause; after one
// the conn is good for close() only, but for deadlines. A read that its deadline ended leaves the conn as it
// was, and so does a write of which nothing had been accepted. A write that was cut off in the middle leaves
// a conn that can be read: further writes fail with UNAVAILABLE, since their bytes would stand where the rest
// of the cut one is missing.
class Conn {
 public:
  virtual ~Conn() = default;

  // Starts a read or write. True: done inline, the op's function will not run. False: it will.
  virtual bool start_read(ReadOp& op) = 0;
  virtual bool start_write(WriteOp& op) = 0;
  // Half-close: the peer reads what was written, then eof. Writing afterwards fails with FAILED_PRECONDITION.
  // Not while a write is in flight.
  virtual void close_write() = 0;
  // Ends both directions now; ops in flight end with CANCELLED "conn closed", the peer's reads bring what
  // it was sent and then eof, its writes fail with UNAVAILABLE. Idempotent.
  virtual void close() = 0;

  virtual Loop& loop() const = 0;
  // Distinct on the two ends; local_addr() here is peer_addr() there.
  virtual const Addr& local_addr() const = 0;
  virtual const Addr& peer_addr() const = 0;
  // Of a peer on this machine (unix); else, and once closed, nothing.
  virtual std::optional<PeerCredentials> peer_credentials() const { return std::nullopt; }
  // Large windows and frames are worth announcing: moving bytes costs no copy and no system call.
  virtual bool in_memory() const { return false; }

  // For coroutines on loop(): `ReadResult r = (co_await conn.read()).value();`
  class ReadAwaiter;
  class WriteAwaiter;
  ReadAwaiter read(TimePoint deadline = kNever, ReadHint hint = {});
  WriteAwaiter write(Chain data, TimePoint deadline = kNever);
};

class Conn::ReadAwaiter : ReadOp {
 public:
  ReadAwaiter(Conn& conn, TimePoint d, ReadHint h) : ReadOp(&resume), conn_(conn) { deadline = d, hint = h; }
  bool await_ready() const noexcept { return false; }
  template <class P>
  SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
    waiter_ = &h.promise();
    return !conn_.start_read(*this);
  }
  Result<ReadResult> await_resume() {
    if (!status.ok()) return std::move(status);
    return std::move(result);
  }

 private:
  static void resume(Runnable& self) noexcept { static_cast<ReadAwaiter&>(self).waiter_->run(); }
  Conn& conn_;
  Runnable* waiter_ = nullptr;
};

class Conn::WriteAwaiter : WriteOp {
 public:
  WriteAwaiter(Conn& conn, Chain d, TimePoint t) : WriteOp(&resume), conn_(conn) {
    data = std::move(d), deadline = t;
  }
  bool await_ready() const noexcept { return false; }
  template <class P>
  SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
    waiter_ = &h.promise();
    return !conn_.start_write(*this);
  }
  Status await_resume() { return std::move(status); }

 private:
  static void resume(Runnable& self) noexcept { static_cast<WriteAwaiter&>(self).waiter_->run(); }
  Conn& conn_;
  Runnable* waiter_ = nullptr;
};

inline Conn::ReadAwaiter Conn::read(TimePoint deadline, ReadHint hint) { return {*this, deadline, hint}; }
inline Conn::WriteAwaiter Conn::write(Chain data, TimePoint deadline) {
  return {*this, std::move(data), deadline};
}

}  // namespace sluice::net
