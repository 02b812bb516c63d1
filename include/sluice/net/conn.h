// Conn: an ordered, reliable connection between two ends, which moves chains of ref-counted slices (grpc-go:
// net.Conn). HTTP/2 and everything above it are the same over every kind of Conn.
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

namespace sluice::inline v0::net {

// Memory where a reader would like the next bytes. A Conn may ignore it.
struct ReadHint {
  std::span<std::byte> into = {};
};

// The result of one read: `into_n` bytes at the start of the hint's memory, then `data`. eof: the peer has
// half-closed and nothing will follow; there are no bytes then.
struct ReadResult {
  // A read that is done inline owns its data. The data of a later one may borrow the loop's scratch memory
  // until the op's function returns; keep() copies it.
  Chain data;
  std::size_t into_n = 0;
  bool eof = false;
};

// One read in flight, owned by the reader. Its function runs on the conn's loop when the read is done.
class ReadOp : public Runnable {
 public:
  explicit ReadOp(Run done) : Runnable(done) {}
  // Set before start_read.
  ReadHint hint;
  TimePoint deadline = kNever;  // then DEADLINE_EXCEEDED, and the conn stays usable
  // Set when done. OK: at least one byte, or eof. UNAVAILABLE or CANCELLED: the conn is broken or closed.
  Status status;
  ReadResult result;

 protected:
  ~ReadOp() = default;
};

// One write in flight, as ReadOp.
class WriteOp : public Runnable {
 public:
  explicit WriteOp(Run done) : Runnable(done) {}
  // Set before start_write; taken by the conn. A write that fails drops the unwritten rest.
  Chain data;
  TimePoint deadline = kNever;  // then DEADLINE_EXCEEDED; see Conn for what is possible afterwards
  // Set when done. OK: all of `data` was accepted in order.
  Status status;
  // May be set with a failure: no byte of `data` has been or will be accepted. Cleared by the caller of
  // start_write.
  bool none_accepted = false;

 protected:
  ~WriteOp() = default;
};

using sluice::PeerCredentials;

// Thread: belongs to loop(); everything is loop-only. Overlap: one read and one write at the same time.
// Lifetime: an op must live until it is done. The conn may be destroyed when no op is in flight: close(),
// then wait for both. An op's function never runs inside a member function of the Conn, but from the loop; it
// may start the next op or destroy the Conn.
// Errors: every failure is a Status that names the cause. After a failure only close() is possible, with
// these exceptions: a read that its deadline ended, and a write whose deadline came before any byte was
// accepted, leave the conn as it was. A write that its deadline cut off in the middle leaves a conn that can
// be read; further writes fail with UNAVAILABLE, because the rest of the cut one is missing.
class Conn {
 public:
  virtual ~Conn() = default;

  // Starts a read or write. True: done inline; the op's function will not run. False: it will run later.
  virtual bool start_read(ReadOp& op) = 0;
  virtual bool start_write(WriteOp& op) = 0;
  // Half-closes: the peer reads all that was written, then eof. Later writes fail with FAILED_PRECONDITION.
  // REQUIRES: no write in flight.
  virtual void close_write() = 0;
  // Ends both directions now. Ops in flight end with CANCELLED "conn closed". The peer reads all that was
  // sent, then eof; its writes fail with UNAVAILABLE. Idempotent.
  virtual void close() = 0;

  virtual Loop& loop() const = 0;
  // The two ends have different addresses; one end's local_addr() is the other's peer_addr().
  virtual const Addr& local_addr() const = 0;
  virtual const Addr& peer_addr() const = 0;
  // The peer of a unix socket. Nullopt for other conns, and after close().
  virtual std::optional<PeerCredentials> peer_credentials() const { return std::nullopt; }
  // Moving bytes costs no copy and no system call, so that large windows and frames are worth announcing.
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
  template <detail::TaskPromise P>
  SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
    coroutine_ = &h.promise();
    return !conn_.start_read(*this);
  }
  Result<ReadResult> await_resume() {
    if (!status.ok()) return std::move(status);
    return std::move(result);
  }

 private:
  static void resume(Runnable& self) noexcept { static_cast<ReadAwaiter&>(self).coroutine_->run(); }
  Conn& conn_;
  Runnable* coroutine_ = nullptr;
};

class Conn::WriteAwaiter : WriteOp {
 public:
  WriteAwaiter(Conn& conn, Chain d, TimePoint t) : WriteOp(&resume), conn_(conn) {
    data = std::move(d), deadline = t;
  }
  bool await_ready() const noexcept { return false; }
  template <detail::TaskPromise P>
  SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
    coroutine_ = &h.promise();
    return !conn_.start_write(*this);
  }
  Status await_resume() { return std::move(status); }

 private:
  static void resume(Runnable& self) noexcept { static_cast<WriteAwaiter&>(self).coroutine_->run(); }
  Conn& conn_;
  Runnable* coroutine_ = nullptr;
};

inline Conn::ReadAwaiter Conn::read(TimePoint deadline, ReadHint hint) { return {*this, deadline, hint}; }
inline Conn::WriteAwaiter Conn::write(Chain data, TimePoint deadline) {
  return {*this, std::move(data), deadline};
}

}  // namespace sluice::inline v0::net
